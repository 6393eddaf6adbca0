"""Keeping Alertmanager told: new alerts at once, lasting ones again and again, ended ones until it has heard it."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from controlplane.domain.anomaly.alerts import DraftAlert
from controlplane.errors import CmctlError
from controlplane.services.anomaly.ports import AlertGate

logger = logging.getLogger(__name__)

# An alert that we no longer send ends by itself after so many periods: a dead daemon leaves none behind.
_LAST_PERIODS = 4
# … and not sooner than this: on a busy machine a late tick must not end an alert that lasts, for it would stay ended.
_LAST_AT_LEAST = timedelta(minutes=5)
Key = tuple[tuple[str, str], ...]


class AnomalyAlerts:
    """Compares what should fire with what was told. Told alerts live in memory: after a restart they are told anew."""

    def __init__(self, gate: AlertGate, resend_seconds: float) -> None:
        self._gate = gate
        self._resend = timedelta(seconds=resend_seconds)
        self._told: dict[Key, tuple[DraftAlert, datetime]] = {}
        self.sent = 0
        self.failures = 0
        self.problem = ""

    @property
    def firing(self) -> int:
        """Alerts that Alertmanager was told of and that last."""
        return len(self._told)

    async def tell(self, wanted: Sequence[DraftAlert], now: datetime) -> None:
        """Send what is new, changed, due again or over. What fails is tried again at the next call."""
        by_key = {draft.key: draft for draft in wanted}
        due = [draft for key, draft in by_key.items() if self._is_due(key, draft, now)]
        over = [(key, draft) for key, (draft, _) in self._told.items() if key not in by_key]
        if not due and not over:
            return
        until = now + max(_LAST_PERIODS * self._resend, _LAST_AT_LEAST)
        payload = [_payload(draft, until) for draft in due]
        payload += [_payload(draft, now) for _, draft in over]
        try:
            await self._gate.post(payload)
        except CmctlError as error:
            self.failures += 1
            if error.message != self.problem:
                logger.warning(
                    "Anomaly alerts could not be sent", extra={"action": "send_anomalies", "problem": error.message}
                )
            self.problem = error.message
            return
        self.problem = ""
        self.sent += len(payload)
        for draft in due:
            self._told[draft.key] = (draft, now)
        for key, _ in over:
            del self._told[key]

    def _is_due(self, key: Key, draft: DraftAlert, now: datetime) -> bool:
        told = self._told.get(key)
        return told is None or told[0] != draft or not timedelta() <= now - told[1] < self._resend


def _payload(draft: DraftAlert, ends_at: datetime) -> dict[str, Any]:
    return {
        "labels": dict(draft.labels),
        "annotations": dict(draft.annotations),
        "startsAt": datetime.fromtimestamp(draft.started_at, UTC).isoformat(),
        "endsAt": ends_at.isoformat(),
        "generatorURL": draft.generator_url,
    }
