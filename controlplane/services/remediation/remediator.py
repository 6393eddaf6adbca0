"""Tries remedies for alerts that fire: one at a time, recorded before and after, never repeated blindly."""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from controlplane.domain.alert import Alert, AlertFilter
from controlplane.domain.remediation import Attempt, Outcome, Remedy, decide, remedy_of
from controlplane.errors import CmctlError
from controlplane.services.ports import AlertSource, Clock

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
MOST_ALERTS = 1000
MAX_DETAIL_CHARACTERS = 2000
GRACE = timedelta(minutes=1)  # another control plane's attempt may take so much longer than its timeout


class Deed(Protocol):
    """Does one remedy's work."""

    async def do(self, timeout_seconds: float) -> str:
        """Do it; returns a sentence. Raises CmctlError when it fails or takes too long."""
        ...


class RemediationStore(Protocol):
    """Keeps attempts. Every method raises DependencyUnreachable while the store does not answer."""

    async def interrupt(self, owner: str, now: datetime) -> int:
        """Mark as interrupted what an owner left running, and what others left running past its time."""
        ...

    async def attempts(self, since: datetime | None, limit: int) -> list[Attempt]:
        """Attempts since a moment and those that run, the newest first."""
        ...

    async def begin(self, remedy: Remedy, alert: Alert, owner: str, now: datetime, until: datetime) -> Attempt | None:
        """Record an attempt and its entry in the action ledger; None while any other runs, whoever runs it."""
        ...

    async def finish(self, attempt: Attempt, outcome: Outcome, detail: str, at: datetime) -> None:
        """Record how it ended, in the action ledger, too."""
        ...


class Remediator:
    """``owner`` names this control plane: there is one process of it, so what it left running is dead."""

    def __init__(
        self,
        store: RemediationStore,
        alerts: AlertSource,
        remedies: Sequence[Remedy],
        deeds: Mapping[str, Deed],
        owner: str,
        clock: Clock,
    ) -> None:
        self._store = store
        self._alerts = alerts
        self.remedies = remedies
        self._deeds = deeds
        self._owner = owner
        self._clock = clock
        self._first_heard: dict[tuple[str, datetime], datetime] = {}
        self.counts: Counter[tuple[str, Outcome]] = Counter()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.look()
            except CmctlError as error:
                logger.debug("Remedies wait for the store", extra={"action": "remedy", "problem": error.message})
            except Exception:
                logger.exception("Remediation failed in a way nobody foresaw", extra={"action": "remedy"})
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> int:
        """Try every remedy that is due, one after another; returns how many. Raises DependencyUnreachable."""
        now = self._clock()
        # What this process runs is over before it looks again, so that whatever still runs in its name is dead.
        interrupted = await self._store.interrupt(self._owner, now)
        if interrupted:
            logger.error(
                "A remedy was interrupted; nobody knows how far it came",
                extra={"action": "remedy", "count": interrupted},
            )
        firing = await self._alerts.list_alerts(AlertFilter(state="firing", limit=MOST_ALERTS))
        known = {(alert.fingerprint, alert.starts_at) for alert in firing}
        self._first_heard = {identity: self._first_heard.get(identity, now) for identity in known}
        tried = 0
        for alert in sorted(firing, key=lambda one: (one.priority, one.starts_at)):
            remedy = remedy_of(alert, self.remedies)
            if remedy is not None:
                tried += await self._consider(remedy, alert)
        return tried

    async def history(self, since: datetime | None, limit: int) -> list[Attempt]:
        """Attempts, newest first. Raises DependencyUnreachable."""
        return await self._store.attempts(since, limit)

    async def _consider(self, remedy: Remedy, alert: Alert) -> bool:
        now = self._clock()
        window = max(remedy.window, remedy.cooldown)
        attempts = await self._store.attempts(now - window, MOST_ALERTS)
        first_heard = self._first_heard[(alert.fingerprint, alert.starts_at)]
        if decide(remedy, alert, attempts, first_heard, now) != "try":
            return False
        attempt = await self._store.begin(remedy, alert, self._owner, now, now + remedy.timeout + GRACE)
        if attempt is None:
            return False
        if remedy.dry_run:
            await self._finish(attempt, "would_run", f"dry run: would {remedy.deed}")
            return True
        logger.warning(
            "A remedy is tried",
            extra={"action": "remedy", "remedy": remedy.name, "fingerprint": alert.fingerprint, "deed": remedy.deed},
        )
        try:
            detail = await self._deeds[remedy.name].do(remedy.timeout.total_seconds())
            outcome: Outcome = "succeeded"
        except CmctlError as error:
            outcome, detail = "failed", error.message
        except Exception as error:
            logger.exception("A remedy failed in a way nobody foresaw", extra={"action": "remedy"})
            outcome, detail = "failed", f"{type(error).__name__}: {error}"
        await self._finish(attempt, outcome, detail)
        return True

    async def _finish(self, attempt: Attempt, outcome: Outcome, detail: str) -> None:
        """Record the end, however long the store is away: the remedy may have been its restart."""
        at = self._clock()
        self.counts[(attempt.remedy, outcome)] += 1
        while True:
            try:
                await self._store.finish(attempt, outcome, detail[:MAX_DETAIL_CHARACTERS], at)
            except CmctlError as error:
                logger.warning(
                    "How a remedy ended cannot be recorded yet", extra={"action": "remedy", "problem": error.message}
                )
                await asyncio.sleep(1)
            else:
                return
