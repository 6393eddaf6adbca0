"""Deleting what is older than configured."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from controlplane.services.ports import AlertStore


class History(Protocol):
    """Something that grows and may be shortened."""

    async def delete_before(self, moment: datetime) -> int:
        """Delete entries from before a moment; returns how many. Raises DependencyUnreachable."""
        ...


class Retention:
    """Keeps alerts and histories as long as configured. What still fires is never deleted."""

    def __init__(
        self, alerts: AlertStore, histories: Sequence[History], keep_alerts: timedelta, keep_history: timedelta
    ) -> None:
        self._alerts = alerts
        self._histories = histories
        self._keep_alerts = keep_alerts
        self._keep_history = keep_history

    async def run(self) -> str:
        """Delete; returns a sentence that says how much. Raises DependencyUnreachable."""
        now = datetime.now(UTC)
        alerts = await self._alerts.delete_resolved_before(now - self._keep_alerts)
        entries = sum([await history.delete_before(now - self._keep_history) for history in self._histories])
        return f"{alerts} resolved alerts and {entries} history entries deleted"
