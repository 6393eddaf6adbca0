"""A harmless alert that proves the whole way: sent to Alertmanager at an interval, told to a switch outside."""

import secrets
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from controlplane.domain.alert import Alert
from controlplane.domain.notification.delivery import NewDelivery
from controlplane.services.ports import Clock

CANARY_ALERT = "CmctlCanary"
CANARY_RECEIVER = "dead_mans_switch"
IDENTITY = "canary_id"
REMEMBERED = 20


class AlertSender(Protocol):
    """Where the canary sets out: Alertmanager."""

    async def send(self, alert: dict[str, Any]) -> None:
        """Hand an alert in, with Alertmanager's field names. Raises CmctlError."""
        ...


class CanaryPruner(Protocol):
    """Forgets canaries that came home."""

    async def delete_old(self, name: str, keep: int) -> int:
        """Delete all but the newest resolved alerts of a name; returns how many. Raises DependencyUnreachable."""
        ...


class CanaryWatch:
    """Sends canaries and recognises those that come back. ``sender`` is None when nobody waits for them."""

    def __init__(
        self,
        sender: AlertSender | None,
        pruner: CanaryPruner,
        interval_seconds: float,
        now: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self._sender = sender
        self._pruner = pruner
        self._interval = timedelta(seconds=interval_seconds)
        self._now = now
        self._on_the_way: deque[str] = deque(maxlen=REMEMBERED)
        self.sent = 0
        self.arrived = 0
        self.last_arrival: datetime | None = None

    async def run(self) -> str:
        """Send one; returns a sentence for the job ledger. Raises CmctlError when Alertmanager does not take it."""
        if self._sender is None:
            return "no dead man's switch is configured"
        await self._pruner.delete_old(CANARY_ALERT, keep=REMEMBERED)
        now, identity = self._now(), secrets.token_hex(8)
        self._on_the_way.append(identity)
        await self._sender.send(
            {
                "labels": {"alertname": CANARY_ALERT, "severity": "info", "priority": "P3"},
                "annotations": {
                    "summary": "A test of the way alerts take. Nothing is wrong.",
                    "summary_zh": "告警链路的自检，一切正常。",
                    IDENTITY: identity,
                },
                "startsAt": now.isoformat(),
                # over before the next one sets out, so that each is news for Alertmanager
                "endsAt": (now + self._interval / 3).isoformat(),
            }
        )
        self.sent += 1
        return "a canary was sent"

    def is_canary(self, alert: Alert) -> bool:
        """Whether an alert is a canary, ours or not; nobody else is told of it."""
        return alert.name == CANARY_ALERT

    def deliveries(self, alerts: Sequence[Alert], now: datetime) -> list[NewDelivery]:
        """Calls of the switch for the canaries that set out here and came back through Alertmanager."""
        found = []
        for alert in alerts:
            identity = alert.annotations.get(IDENTITY, "")
            if self._sender is None or not alert.group_key or identity not in self._on_the_way:
                continue
            self._on_the_way.remove(identity)
            self.arrived += 1
            self.last_arrival = now
            found.append(_call(alert, identity))
        return found


def _call(alert: Alert, identity: str) -> NewDelivery:
    return NewDelivery(
        receiver=CANARY_RECEIVER,
        kind="canary",
        title="The canary arrived",
        body=identity,
        line="canary",
        priority="P3",
        alert_count=1,
        fingerprints=[alert.fingerprint],
        heard_at=alert.received_at,
    )
