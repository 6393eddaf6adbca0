"""Taking an alert on, for a time: who does, and until when."""

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from controlplane.domain.alert import Alert
from controlplane.domain.payload_text import PayloadProblem, clean
from controlplane.errors import CmctlError, UsageProblem
from controlplane.services.ports import Clock

DEFAULT_SECONDS = 4 * 3600.0
LONGEST_SECONDS = 7 * 24 * 3600.0
MAX_AUTHOR_CHARACTERS = 100
MOST_NOTED = 1000
MAX_NOTE_CHARACTERS = 1000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class NotedAlert:
    """What people did about an alert that fires, and the incident that it belongs to."""

    fingerprint: str
    starts_at: datetime
    acknowledged_by: str | None
    acknowledged_until: datetime | None
    acknowledged_at: datetime | None
    incident: str | None


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

    async def noted(self, limit: int) -> list[NotedAlert]:
        """What people did about the alerts that fire, the newest starts first."""
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

    async def with_notes(self, alerts: Sequence[Alert]) -> list[Alert]:
        """Alerts as memory has them, with who has taken them on and their incidents; as they are without the store."""
        try:
            noted = await self._store.noted(MOST_NOTED)
        except CmctlError:
            return list(alerts)
        notes = {(one.fingerprint, one.starts_at): one for one in noted}
        return [_with(alert, notes.get((alert.fingerprint, alert.starts_at))) for alert in alerts]

    async def unacknowledge(self, fingerprint: str, author: str) -> Alert:
        """Give it back. Raises as ``acknowledge``, and UsageProblem when nobody had it."""
        alert = await self._store.unacknowledge(str(clean(fingerprint)), checked_author(author), self._clock())
        if alert is None:
            raise UsageProblem(
                f"no firing alert with fingerprint {fingerprint[:128]!r} is acknowledged", hint="cmctl alerts list"
            )
        return alert


def _with(alert: Alert, note: NotedAlert | None) -> Alert:
    return alert if note is None else dataclasses.replace(alert, **dataclasses.asdict(note))


def checked_author(text: str) -> str:
    """A name of somebody. Raises PayloadProblem."""
    author = _CONTROL.sub("", str(clean(text))).strip()
    if not author or len(author) > MAX_AUTHOR_CHARACTERS:
        raise PayloadProblem("author", f"must be a name of 1 to {MAX_AUTHOR_CHARACTERS} characters")
    return author
