"""Ending an alert by hand whose ending was lost, when Alertmanager does not say that it fires."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from controlplane.domain.alert import Alert, AlertFilter
from controlplane.domain.maintenance_entry import checked_text
from controlplane.domain.payload_text import clean
from controlplane.errors import CmctlError, Refused, UsageProblem
from controlplane.services.acknowledge import checked_author
from controlplane.services.actions import ActionLedger, doing
from controlplane.services.ports import AlertSource, Clock
from controlplane.services.reconcile import KnownAlerts

KIND = "alert_resolve"


class EndTaker(Protocol):
    """Takes in that alerts are over although no notification said so."""

    async def end_stale(self, alerts: Sequence[Alert]) -> None:
        """Make it durable. Raises StorageFull."""
        ...


class ManualEnding:
    """What a person ends counts as "stale": a notification that it fires, whenever one comes, makes it fire again."""

    def __init__(
        self,
        alerts: AlertSource,
        taker: EndTaker,
        alertmanagers: Sequence[KnownAlerts],
        ledger: ActionLedger,
        clock: Clock,
    ) -> None:
        self._alerts = alerts
        self._taker = taker
        self._alertmanagers = alertmanagers
        self._ledger = ledger
        self._clock = clock

    async def resolve(self, fingerprint: str, author: str, reason: str, anyway: bool = False) -> list[Alert]:
        """End every firing episode of a fingerprint, with an entry in the action ledger; returns them as they end.

        Raises PayloadProblem for what cannot be, UsageProblem when it does not fire, Refused when Alertmanager knows it
        (or does not answer, unless ``anyway``), DependencyUnreachable without the store, StorageFull.
        """
        by, why = checked_author(author), checked_text("reason", str(clean(reason)))
        wanted = str(clean(fingerprint))
        firing = await self._alerts.list_alerts(AlertFilter(state="firing", fingerprint=wanted, limit=100))
        if not firing:
            raise UsageProblem(
                f"no alert with fingerprint {wanted[:128]!r} fires", hint="cmctl alerts list --state firing"
            )
        note = await self._ask_alertmanager(wanted, anyway)
        async with doing(self._ledger, self._clock, KIND, by, wanted, f"{why}{note}"):
            now = self._clock()
            ended = [
                dataclasses.replace(alert, state="resolved", ends_at=max(now, alert.starts_at), end_reason="stale")
                for alert in firing
            ]
            await self._taker.end_stale(ended)
        return ended

    async def _ask_alertmanager(self, fingerprint: str, anyway: bool) -> str:
        """A remark for the ledger. Raises Refused."""
        for one in self._alertmanagers:
            try:
                known = await one.known_fingerprints()
            except CmctlError as error:
                if not anyway:
                    raise Refused(
                        f"Alertmanager cannot be asked whether {fingerprint} fires: {error.message}",
                        hint="try again when it answers, or use --anyway",
                    ) from error
                return f" (Alertmanager was not asked: {error.message})"
            if fingerprint in known:
                raise Refused(
                    f"Alertmanager says that {fingerprint} fires: it would fire again here at once",
                    hint="end its cause; cmctl silence add mutes it, cmctl alerts ack takes it on",
                )
        return ""
