"""Progress of long commands on stderr: one live line per component on a terminal, plain lines otherwise."""

import sys

import click

_ERASE_LINE = "\x1b[2K"


class PlainProgress:
    """One line per news; repetitions are left out."""

    def __init__(self) -> None:
        self._last: dict[str, bool] = {}

    def note(self, text: str) -> None:
        """One line."""
        click.echo(text, err=True)

    def component(self, name: str, text: str, is_done: bool) -> None:
        """The first and the last news of a component; what it waits for changes too often for a log."""
        if self._last.get(name) == is_done:
            return
        self._last[name] = is_done
        click.echo(f"{name}: {text}", err=True)


class LiveProgress:
    """Redraws the components' lines in place; notes scroll by above them."""

    def __init__(self) -> None:
        self._lines: dict[str, tuple[str, bool]] = {}
        self._drawn = 0

    def note(self, text: str) -> None:
        """One line above the components."""
        self._erase()
        click.echo(text, err=True)
        self._draw()

    def component(self, name: str, text: str, is_done: bool) -> None:
        """What a component is doing now."""
        if self._lines.get(name) == (text, is_done):
            return
        self._lines[name] = (text, is_done)
        self._erase()
        self._draw()

    def _erase(self) -> None:
        click.echo(f"\x1b[1A{_ERASE_LINE}" * self._drawn + "\r", err=True, nl=False)
        self._drawn = 0

    def _draw(self) -> None:
        width = _terminal_width()
        for name, (text, is_done) in self._lines.items():
            mark = click.style("✓", fg="green") if is_done else click.style("…", fg="yellow")
            click.echo(f"{mark} {f'{name:<14} {text}'[: width - 3]}", err=True)
        self._drawn = len(self._lines)


def stderr_progress() -> PlainProgress | LiveProgress:
    """The kind that fits stderr."""
    return LiveProgress() if sys.stderr.isatty() else PlainProgress()


def _terminal_width() -> int:
    import shutil

    return shutil.get_terminal_size().columns
