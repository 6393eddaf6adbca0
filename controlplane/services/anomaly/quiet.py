"""Quiet periods from what people recorded: maintenance windows, and deploys in the action ledger."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from controlplane.services.actions import ActionFilter, ActionLedger
from controlplane.services.anomaly.ports import QuietPeriod
from controlplane.services.maintenance import MaintenanceStore

# Actions that change how things are on purpose.
QUIET_ACTIONS = ("deploy", "restore")
_MOST_ACTIONS = 1000
_LONGEST_ACTION = timedelta(days=1)


class RecordedQuiet:
    """Implements QuietPeriods. After an action, things are given ``settle`` to come to rest."""

    def __init__(self, maintenance: MaintenanceStore, ledger: ActionLedger, settle: timedelta) -> None:
        self._maintenance = maintenance
        self._ledger = ledger
        self._settle = settle

    async def between(self, start: datetime, end: datetime) -> Sequence[QuietPeriod]:
        """The quiet periods that touch a stretch. Raises DependencyUnreachable."""
        return [*await self._windows(start, end), *await self._actions(start, end)]

    async def _windows(self, start: datetime, end: datetime) -> list[QuietPeriod]:
        return [
            QuietPeriod(window.starts_at, window.ends_at, entry.reason, entry.all_matchers)
            for entry in await self._maintenance.all()
            for window in entry.windows(start, end)
        ]

    async def _actions(self, start: datetime, end: datetime) -> list[QuietPeriod]:
        found = []
        since = start - self._settle - _LONGEST_ACTION
        for kind in QUIET_ACTIONS:
            for action in await self._ledger.list_actions(ActionFilter(kind, since, _MOST_ACTIONS)):
                # One that never finished is no reason to look away for ever.
                over = min(action.until or end, action.at + _LONGEST_ACTION) + self._settle
                if action.at < end and over > start:
                    found.append(QuietPeriod(action.at, over, f"{action.kind} {action.subject}".strip()))
        return found
