"""What is known about alerts without asking PostgreSQL, and reading from the best source that answers."""

import dataclasses
import logging
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from controlplane.domain.alert import Alert, AlertFilter, StateChange, select, settled_state
from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.ports import AlertSource

logger = logging.getLogger(__name__)

MAX_ALERTS_IN_MEMORY = 10_000

Identity = tuple[str, datetime]


@dataclass(slots=True)
class _Known:
    alert: Alert
    firing_seen_at: datetime | None
    resolved_seen_at: datetime | None


class CurrentAlerts:
    """The alerts of late, in memory: answers while PostgreSQL is away and tells news from repeats.

    Bounded: the ones longest without news are forgotten first (they stay in
    PostgreSQL), resolved before firing.
    """

    name = "memory"

    def __init__(self, max_alerts: int = MAX_ALERTS_IN_MEMORY) -> None:
        self._max_alerts = max_alerts
        self._firing: OrderedDict[Identity, _Known] = OrderedDict()
        self._resolved: OrderedDict[Identity, _Known] = OrderedDict()
        self._firing_start: dict[str, datetime] = {}
        self.forgotten = 0

    def apply(self, alerts: Sequence[Alert]) -> list[int]:
        """Take notifications in; returns the indices of those that changed something."""
        return [index for index, alert in enumerate(alerts) if self._apply(alert)]

    def _apply(self, alert: Alert) -> bool:
        identity = (alert.fingerprint, alert.starts_at)
        known = self._firing.pop(identity, None) or self._resolved.pop(identity, None)
        state_before = known.alert.state if known else None
        known = _merge(known, alert)
        if known.alert.state == "firing":
            self._firing[identity] = known
            self._firing_start[alert.fingerprint] = alert.starts_at
        else:
            self._resolved[identity] = known
            if self._firing_start.get(alert.fingerprint) == alert.starts_at:
                del self._firing_start[alert.fingerprint]
        self._forget_surplus()
        return known.alert.state != state_before

    def _forget_surplus(self) -> None:
        if len(self._firing) + len(self._resolved) <= self._max_alerts:
            return
        (fingerprint, starts_at), _ = (self._resolved or self._firing).popitem(last=False)
        if self._firing_start.get(fingerprint) == starts_at:
            del self._firing_start[fingerprint]
        self.forgotten += 1

    def find_start(self, fingerprint: str) -> datetime | None:
        """Start of the alert that fires with this fingerprint, if one does."""
        return self._firing_start.get(fingerprint)

    def reconcile(self, firing: Sequence[Alert], as_of: datetime) -> None:
        """Take over what PostgreSQL says fires; what it does not say stops firing, unless news came since ``as_of``."""
        told = {(alert.fingerprint, alert.starts_at) for alert in firing}
        self.apply(firing)
        for identity in [key for key in self._firing if key not in told]:
            if self._firing[identity].alert.received_at < as_of:
                del self._firing[identity]
                if self._firing_start.get(identity[0]) == identity[1]:
                    del self._firing_start[identity[0]]

    @property
    def firing_count(self) -> int:
        """How many alerts fire, as far as memory reaches."""
        return len(self._firing)

    def firing(self) -> list[Alert]:
        """The alerts that fire, newest start first."""
        return select((known.alert for known in self._firing.values()), AlertFilter())

    async def list_alerts(self, wanted: AlertFilter) -> list[Alert]:
        """The wanted alerts, firing before resolved, newest start first."""
        known = [*self._firing.values(), *self._resolved.values()]
        return select((item.alert for item in known), wanted)

    async def history(self, fingerprint: str) -> list[StateChange]:
        """The changes that memory can tell, oldest first."""
        return changes_of(await self.list_alerts(AlertFilter(fingerprint=fingerprint)))


def _merge(known: _Known | None, alert: Alert) -> _Known:
    if known is None:
        return _Known(
            alert,
            alert.received_at if alert.state == "firing" else None,
            alert.received_at if alert.state == "resolved" else None,
        )
    if alert.state == "firing":
        known.firing_seen_at = max(known.firing_seen_at or alert.received_at, alert.received_at)
    else:
        known.resolved_seen_at = max(known.resolved_seen_at or alert.received_at, alert.received_at)
    state = settled_state(known.firing_seen_at, known.resolved_seen_at)
    ends = [moment for moment in (known.alert.ends_at, alert.ends_at) if moment is not None]
    newest = alert if alert.received_at >= known.alert.received_at else known.alert
    known.alert = dataclasses.replace(newest, state=state, ends_at=max(ends) if ends and state == "resolved" else None)
    return known


def changes_of(alerts: Iterable[Alert]) -> list[StateChange]:
    """History as far as single states tell it, for sources that keep nothing else."""
    changes = []
    for alert in sorted(alerts, key=lambda item: item.starts_at):
        changes.append(StateChange(alert.starts_at, "firing", alert.starts_at, alert.received_at))
        if alert.state == "resolved" and alert.ends_at is not None:
            changes.append(StateChange(alert.starts_at, "resolved", alert.ends_at, alert.received_at))
    return changes


@dataclass(frozen=True)
class AlertAnswer:
    """Alerts with the source that told them, and why better sources did not."""

    alerts: list[Alert]
    history: list[StateChange]
    source: str
    warnings: list[str]


async def read_alerts(sources: Sequence[AlertSource], wanted: AlertFilter, with_history: bool = False) -> AlertAnswer:
    """Ask the sources in order and take the first answer. Raises DependencyUnreachable when none answers."""
    warnings: list[str] = []
    for source in sources:
        try:
            alerts = await source.list_alerts(wanted)
            history = await source.history(wanted.fingerprint or "") if with_history else []
        except CmctlError as error:
            warnings.append(f"{source.name}: {error.message}")
            continue
        return AlertAnswer(alerts, history, source.name, warnings)
    raise DependencyUnreachable("no source of alerts answers: " + "; ".join(warnings), hint="run cmctl status")
