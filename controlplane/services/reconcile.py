"""Ending alerts that Alertmanager has forgotten: a resolved notification that was lost never comes again."""

import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from controlplane.domain.alert import Alert
from controlplane.errors import CmctlError
from controlplane.services.alerts import CurrentAlerts, Identity
from controlplane.services.ingest import AlertIngest
from controlplane.services.ports import Clock

logger = logging.getLogger(__name__)


class KnownAlerts(Protocol):
    """An Alertmanager, as far as it tells which alerts it knows."""

    async def known_fingerprints(self) -> frozenset[str]:
        """Fingerprints of all alerts it has, silenced and inhibited ones too.

        Raises CmctlError when it does not answer or the answer makes no sense.
        """
        ...


class Reconciliation:
    """Compares the alerts that fire here with what every Alertmanager knows.

    An alert that none of them has known for ``patience_seconds`` without a
    break is ended as "stale", as of when it was first missed. One Alertmanager
    that does not answer changes nothing, and the waiting begins anew: nobody
    knows what happened meanwhile. Alerts that no Alertmanager sent (they have
    no group) are left alone.
    """

    def __init__(
        self,
        alertmanagers: Sequence[KnownAlerts],
        current: CurrentAlerts,
        ingest: AlertIngest,
        patience_seconds: float,
        now: Clock = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._alertmanagers = alertmanagers
        self._current = current
        self._ingest = ingest
        self._patience_seconds = patience_seconds
        self._now = now
        self._monotonic = monotonic
        self._missed: dict[Identity, tuple[float, datetime]] = {}

    async def run(self) -> str:
        """Compare once; returns a sentence for the job ledger. Raises StorageFull when an end cannot be kept.

        That an Alertmanager is away is no failure of this job: checks and alert rules of their own tell it.
        """
        try:
            known = frozenset().union(*[await one.known_fingerprints() for one in self._alertmanagers])
        except CmctlError as error:
            self._missed.clear()
            return f"nothing compared: {error.message}"
        firing = [alert for alert in self._current.firing() if alert.group_key]
        missing = {(alert.fingerprint, alert.starts_at): alert for alert in firing if alert.fingerprint not in known}
        at, now = self._monotonic(), self._now()
        self._missed = {identity: self._missed_since(alert, (at, now)) for identity, alert in missing.items()}
        stale = [
            _ended(missing[identity], since)
            for identity, (missed_at, since) in self._missed.items()
            if at - missed_at >= self._patience_seconds
        ]
        if stale:
            await self._ingest.end_stale(stale)
            for alert in stale:
                logger.warning(
                    "Alertmanager does not know an alert any more; it counts as over",
                    extra={"action": "end_stale", "fingerprint": alert.fingerprint, "alert": alert.name},
                )
        return f"{len(firing)} alerts compared, {len(missing)} unknown to Alertmanager, {len(stale)} ended"

    def _missed_since(self, alert: Alert, now: tuple[float, datetime]) -> tuple[float, datetime]:
        """Since when an alert has been missed without a notification of it in between."""
        before = self._missed.get((alert.fingerprint, alert.starts_at))
        return before if before is not None and alert.received_at <= before[1] else now


def _ended(alert: Alert, since: datetime) -> Alert:
    return dataclasses.replace(alert, state="resolved", ends_at=max(since, alert.starts_at), end_reason="stale")
