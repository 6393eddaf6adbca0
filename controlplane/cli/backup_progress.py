"""Progress of a backup or restore on stderr: a bar with rate and time left on a terminal, a line a stage otherwise."""

import sys
import time

import click

from controlplane.cli.status_screen import amount

_BAR_WIDTH = 24
_REDRAW_SECONDS = 0.2
_ERASE_LINE = "\r\x1b[2K"


class PlainSteps:
    """One line a stage."""

    def stage(self, text: str) -> None:
        """A new stage begins."""
        click.echo(f"{text} …", err=True)

    def advance(self, done_bytes: int, total_bytes: int) -> None:
        """How far the stage is: too much news for a log."""

    def note(self, text: str) -> None:
        """One line."""
        click.echo(text, err=True)

    def done(self) -> None:
        """The last stage is over."""


class LiveSteps:
    """The current stage in one line that is drawn again and again."""

    def __init__(self) -> None:
        self._text = ""
        self._began = self._drawn = 0.0

    def stage(self, text: str) -> None:
        """A new stage begins."""
        self.done()
        self._text, self._began = text, time.monotonic()
        click.echo(f"{click.style('…', fg='yellow')} {text}", err=True, nl=False)

    def advance(self, done_bytes: int, total_bytes: int) -> None:
        """How far the stage is."""
        now = time.monotonic()
        if now - self._drawn >= _REDRAW_SECONDS:
            self._drawn = now
            click.echo(
                f"{_ERASE_LINE}… {bar(self._text, done_bytes, total_bytes, now - self._began)}", err=True, nl=False
            )

    def note(self, text: str) -> None:
        """One line above the stage."""
        click.echo(f"{_ERASE_LINE}{text}\n… {self._text}", err=True, nl=False)

    def done(self) -> None:
        """The stage is over."""
        if self._text:
            seconds = time.monotonic() - self._began
            click.echo(f"{_ERASE_LINE}{click.style('✓', fg='green')} {self._text}  {seconds:.1f} s", err=True)
        self._text = ""


def bar(text: str, done_bytes: int, total_bytes: int, seconds: float) -> str:
    """``text [#####.....] 12 MB of 34 MB, 5 MB/s, 4 s left``; bytes only while the total is not known."""
    rate = done_bytes / seconds if seconds > 0 else 0.0
    if total_bytes <= 0 or done_bytes >= total_bytes:
        return f"{text}  {amount(done_bytes, 'B')}, {amount(rate, 'B')}/s"
    filled = _BAR_WIDTH * done_bytes // total_bytes
    left = f", {(total_bytes - done_bytes) / rate:.0f} s left" if rate else ""
    drawn = f"[{'#' * filled}{'.' * (_BAR_WIDTH - filled)}]"
    return f"{text} {drawn} {amount(done_bytes, 'B')} of {amount(total_bytes, 'B')}, {amount(rate, 'B')}/s{left}"


def stderr_steps() -> PlainSteps | LiveSteps:
    """The kind that fits stderr."""
    return LiveSteps() if sys.stderr.isatty() else PlainSteps()
