"""A stand-in for a full disk that every user can make: this process, and what it starts, may write no file."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager

NEVER = "never"


@contextmanager
def full_disk(limit_bytes: int = 0) -> Iterator[None]:
    """Until its end no file grows beyond the limit, by which PostgreSQL's programs are not killed but told."""
    FullFrom.fill(limit_bytes)
    try:
        yield
    finally:
        FullFrom.empty()


class FullFrom:
    """Progress of a backup, restore or drill: the disk is full from the stage that begins with a text to another."""

    def __init__(self, first: str, after: str = NEVER, limit_bytes: int = 0) -> None:
        self.first, self.after, self.limit_bytes = first, after, limit_bytes

    def stage(self, text: str) -> None:
        """A new stage begins."""
        if text.startswith(self.after):
            self.empty()
        elif text.startswith(self.first):
            self.fill(self.limit_bytes)

    def advance(self, done_bytes: int, total_bytes: int) -> None:
        """How far it is does not matter."""

    def note(self, text: str) -> None:
        """One line."""
        if text.startswith(self.after):
            self.empty()

    def done(self) -> None:
        """Nor that it is over."""

    @staticmethod
    def fill(limit_bytes: int = 0) -> None:
        """The soft limit: it can be lifted again."""
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, most))

    @staticmethod
    def empty() -> None:
        """There is room again."""
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
