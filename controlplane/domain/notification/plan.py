"""From changes of alerts to bundles for receivers: routing, cooldown and grouping together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from controlplane.domain.alert import Alert
from controlplane.domain.notification.cooldown import Told, cooldown_of, decide
from controlplane.domain.notification.delivery import Bundle, Change
from controlplane.domain.notification.routing import Route, receivers_of

TellKey = tuple[str, str]  # receiver, fingerprint


@dataclass(frozen=True)
class Policy:
    """The settings that the decisions need."""

    routes: Sequence[Route]
    default_profile: str
    cooldowns: Mapping[str, float]
    group_by: Sequence[str]
    without_resolved: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Knowledge:
    """What a receiver knows of a fingerprint after the plan; ``due_at`` is when a held change is looked at again."""

    receiver: str
    fingerprint: str
    told: Told
    due_at: datetime | None


@dataclass
class Plan:
    """Messages to make, and what receivers then know."""

    bundles: list[Bundle] = field(default_factory=list)
    knowledge: list[Knowledge] = field(default_factory=list)
    held: int = 0


def plan(changes: Iterable[Change], told: Mapping[TellKey, Told], policy: Policy, now: datetime) -> Plan:
    """Decide about each change for each receiver.

    ``told`` holds what receivers know of these fingerprints. A receiver that
    was told that an alert fires is told its end also when no route leads there
    any more, for example because business hours are over.
    """
    result = Plan()
    grouped: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        alert = change.alert
        for receiver in _receivers(alert, told, policy, now):
            knows = told.get((receiver, alert.fingerprint))
            cooldown = cooldown_of(alert.severity, policy.cooldowns)
            wants_resolved = receiver not in policy.without_resolved
            decision = decide(alert.state, alert.starts_at, knows, now, cooldown, wants_resolved)
            if decision.action == "send":
                key = (receiver, *_group(alert, policy.group_by))
                grouped.setdefault(key, []).append(_with_untold(change, knows))
                result.knowledge.append(_known_now(receiver, alert, knows, now))
            elif decision.action == "note":
                result.knowledge.append(_known_now(receiver, alert, knows, now))
            elif knows is not None:
                kept = replace(knows, untold_changes=knows.untold_changes + change.changes)
                result.knowledge.append(Knowledge(receiver, alert.fingerprint, kept, decision.until))
                result.held += decision.action == "hold"
    result.bundles = [Bundle(str(key[0]), members) for key, members in grouped.items()]
    return result


def _receivers(alert: Alert, told: Mapping[TellKey, Told], policy: Policy, now: datetime) -> Sequence[str]:
    routed = receivers_of(alert, policy.routes, policy.default_profile, now)
    if alert.state == "firing":
        return routed
    know_it_fires = [
        receiver
        for (receiver, fingerprint), knows in told.items()
        if fingerprint == alert.fingerprint and knows.state == "firing"
    ]
    return list(dict.fromkeys([*routed, *know_it_fires]))


def _group(alert: Alert, group_by: Sequence[str]) -> tuple[object, ...]:
    return (alert.state, alert.severity, *[alert.labels.get(name, "") for name in group_by])


def _with_untold(change: Change, knows: Told | None) -> Change:
    untold = knows.untold_changes if knows is not None else 0
    return Change(change.alert, change.heard_at, change.changes + untold)


def _known_now(receiver: str, alert: Alert, knows: Told | None, now: datetime) -> Knowledge:
    firing_told_at = now if alert.state == "firing" or knows is None else knows.firing_told_at
    return Knowledge(receiver, alert.fingerprint, Told(alert.state, alert.starts_at, firing_told_at), None)
