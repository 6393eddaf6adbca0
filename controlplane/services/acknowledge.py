"""Taking an alert on, for a time: who does, and until when."""

import re
from datetime import datetime, timedelta
from typing import Protocol

from controlplane.domain.alert import Alert
from controlplane.domain.payload_text import PayloadProblem, clean
from controlplane.errors import UsageProblem
from controlplane.services.ports import Clock

DEFAULT_SECONDS = 4 * 3600.0
LONGEST_SECONDS = 7 * 24 * 3600.0
MAX_AUTHOR_CHARACTERS = 100
MAX_NOTE_CHARACTERS = 1000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class AckStore(Protocol):
    """Keeps acknowledgements. Every method raises DependencyUnreachable while the store does not answer."""

    async def acknowledge(
        self, fingerprint: str, author: str, note: str, at: datetime, until: datetime
    ) -> Alert | None:
        """Note who has taken the firing alert on; None when none fires."""
        ...

    async def unacknowledge(self, fingerprint: str, author: str, at: datetime) -> Alert | None:
        """Withdraw what is acknowledged; None when nothing is."""
        ...


class Acknowledgement:
    """An acknowledgement holds for one episode and times out, so that nothing is forgotten."""

    def __init__(self, store: AckStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def acknowledge(
        self, fingerprint: str, author: str, note: str = "", seconds: float = DEFAULT_SECONDS
    ) -> Alert:
        """Take the firing alert on.

        Raises PayloadProblem for what cannot be, UsageProblem when it does not fire, DependencyUnreachable.
        """
        if not 0 < seconds <= LONGEST_SECONDS:
            raise PayloadProblem("duration_seconds", f"must be above 0 and at most {LONGEST_SECONDS:g} (7 days)")
        now = self._clock()
        until = now + timedelta(seconds=seconds)
        alert = await self._store.acknowledge(
            str(clean(fingerprint)), checked_author(author), str(clean(note))[:MAX_NOTE_CHARACTERS], now, until
        )
        if alert is None:
            raise UsageProblem(
                f"no alert with fingerprint {fingerprint[:128]!r} fires", hint="cmctl alerts list --state firing"
            )
        return alert

    async def unacknowledge(self, fingerprint: str, author: str) -> Alert:
        """Give it back. Raises as ``acknowledge``, and UsageProblem when nobody had it."""
        alert = await self._store.unacknowledge(str(clean(fingerprint)), checked_author(author), self._clock())
        if alert is None:
            raise UsageProblem(
                f"no firing alert with fingerprint {fingerprint[:128]!r} is acknowledged", hint="cmctl alerts list"
            )
        return alert


def checked_author(text: str) -> str:
    """A name of somebody. Raises PayloadProblem."""
    author = _CONTROL.sub("", str(clean(text))).strip()
    if not author or len(author) > MAX_AUTHOR_CHARACTERS:
        raise PayloadProblem("author", f"must be a name of 1 to {MAX_AUTHOR_CHARACTERS} characters")
    return author
