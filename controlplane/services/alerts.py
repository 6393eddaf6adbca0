"""What is known about alerts without asking PostgreSQL, and reading from the best source that answers."""

import dataclasses
import logging
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from controlplane.domain.alert import Alert, AlertFilter, Sightings, StateChange, select, settle
from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.ports import AlertSource

logger = logging.getLogger(__name__)

MAX_ALERTS_IN_MEMORY = 10_000
MAX_EPISODES_IN_MEMORY = 20
_PLAIN_REASONS = (None, "notified")

Identity = tuple[str, datetime]


@dataclass(slots=True)
class _Known:
    alert: Alert
    seen: Sightings


@dataclass(frozen=True)
class Applied:
    """What notifications changed: the indices of those that were news, and older episodes that they ended."""

    changed: list[int]
    superseded: list[Alert]


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
        self._starts: dict[str, tuple[datetime, ...]] = {}
        self.forgotten = 0

    def apply(self, alerts: Sequence[Alert]) -> Applied:
        """Take notifications in; returns what they changed."""
        applied = Applied([], [])
        for index, alert in enumerate(alerts):
            if self._apply(alert, applied.superseded):
                applied.changed.append(index)
        return applied

    def _apply(self, alert: Alert, superseded: list[Alert]) -> bool:
        identity = (alert.fingerprint, alert.starts_at)
        starts = self._starts.get(alert.fingerprint)
        if starts is None and alert.end_reason in _PLAIN_REASONS:  # most of them in a storm: be quick
            self._starts[alert.fingerprint] = (alert.starts_at,)
            self._add_first(identity, alert)
            self._forget_surplus()
            return True
        known = self._firing.pop(identity, None) or self._resolved.pop(identity, None)
        state_before = known.alert.state if known else None
        if known is None:
            starts = self._starts[alert.fingerprint] = (*(starts or ()), alert.starts_at)
        known = _merge(known, alert)
        several = starts is not None and len(starts) > 1
        self._settle(known, identity, self._newer(identity) if several else ())
        if several:
            superseded += self._end_older(identity)
            if state_before is None and known.alert.end_reason == "superseded":
                superseded.append(known.alert)
            self._forget_old_episodes(alert.fingerprint)
        self._forget_surplus()
        return known.alert.state != state_before

    def _add_first(self, identity: Identity, alert: Alert) -> None:
        received_at = alert.received_at
        if alert.state == "firing":
            self._firing[identity] = _Known(alert, Sightings(received_at, received_at))
        else:
            self._resolved[identity] = _Known(alert, Sightings(received_at, None, received_at, alert.ends_at))

    def _settle(self, known: _Known, identity: Identity, newer: Sequence[tuple[datetime, datetime]]) -> None:
        state, ends_at, reason = settle(known.seen, newer)
        if (state, ends_at, reason) != (known.alert.state, known.alert.ends_at, known.alert.end_reason):
            known.alert = dataclasses.replace(known.alert, state=state, ends_at=ends_at, end_reason=reason)
        (self._firing if state == "firing" else self._resolved)[identity] = known

    def _newer(self, identity: Identity) -> list[tuple[datetime, datetime]]:
        """Later starts of the same fingerprint, each with when it was first heard of."""
        fingerprint, starts_at = identity
        found = []
        for start in self._starts[fingerprint]:
            if start > starts_at:
                other = self._firing.get((fingerprint, start)) or self._resolved[(fingerprint, start)]
                found.append((start, other.seen.first_received_at))
        return found

    def _end_older(self, identity: Identity) -> list[Alert]:
        """Settle the earlier episodes of a fingerprint anew; returns those that were firing and are now over."""
        ended = []
        fingerprint, starts_at = identity
        for start in [start for start in self._starts[fingerprint] if start < starts_at]:
            older = (fingerprint, start)
            was_firing = older in self._firing
            known = self._firing.pop(older, None) or self._resolved.pop(older)
            self._settle(known, older, self._newer(older))
            if was_firing and known.alert.state == "resolved":
                ended.append(known.alert)
        return ended

    def _forget_surplus(self) -> None:
        if len(self._firing) + len(self._resolved) <= self._max_alerts:
            return
        identity, _ = (self._resolved or self._firing).popitem(last=False)
        self._forget_start(identity)
        self.forgotten += 1

    def _forget_old_episodes(self, fingerprint: str) -> None:
        """Keep the latest episodes of a fingerprint only, so that one that flaps costs no more than others."""
        starts = self._starts[fingerprint]
        if len(starts) > MAX_EPISODES_IN_MEMORY:
            oldest = min(starts, key=lambda start: ((fingerprint, start) in self._firing, start))
            identity = (fingerprint, oldest)
            self._resolved.pop(identity, None) or self._firing.pop(identity, None)
            self._forget_start(identity)
            self.forgotten += 1

    def _forget_start(self, identity: Identity) -> None:
        fingerprint, starts_at = identity
        starts = self._starts[fingerprint]
        if len(starts) == 1:
            del self._starts[fingerprint]
        else:
            self._starts[fingerprint] = tuple([start for start in starts if start != starts_at])

    def find_start(self, fingerprint: str) -> datetime | None:
        """Start of the newest alert that fires with this fingerprint, if one does."""
        starts = self._starts.get(fingerprint, ())
        return max((start for start in starts if (fingerprint, start) in self._firing), default=None)

    def reconcile(self, firing: Sequence[Alert], known_before: Sequence[Alert]) -> None:
        """Take over what PostgreSQL says fires.

        ``known_before`` is what this memory called firing before PostgreSQL
        had caught up and was asked: what of it PostgreSQL does not say stops
        firing, unless there was news of it since.
        """
        told = {(alert.fingerprint, alert.starts_at) for alert in firing}
        self.apply(firing)
        for before in known_before:
            identity = (before.fingerprint, before.starts_at)
            known = self._firing.get(identity)
            if identity not in told and known is not None and known.alert.received_at == before.received_at:
                del self._firing[identity]
                self._forget_start(identity)

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
    """Note a notification; the state is settled afterwards.

    The line that alerts.log has of a superseded alert tells no more than that
    it fired before: what ended it is the newer episode.
    """
    received_at = alert.received_at
    if known is None:
        known = _Known(alert, Sightings(received_at))
    seen = known.seen
    seen.first_received_at = min(seen.first_received_at, received_at)
    if alert.state == "firing" or alert.end_reason == "superseded":
        seen.firing_seen_at = _latest(seen.firing_seen_at, received_at)
    elif alert.end_reason == "stale":
        seen.stale_seen_at = _latest(seen.stale_seen_at, received_at)
        seen.stale_end = _latest(seen.stale_end, alert.ends_at)
    else:
        seen.resolved_seen_at = _latest(seen.resolved_seen_at, received_at)
        seen.notified_end = _latest(seen.notified_end, alert.ends_at)
    if received_at >= known.alert.received_at:
        known.alert = alert
    return known


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return max(one, other)


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
