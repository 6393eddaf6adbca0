"""Signals of long commands."""

import signal


def end_like_ctrl_c() -> None:
    """A closed terminal or a kill ends the command as Ctrl-C does: it clears up after itself."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
