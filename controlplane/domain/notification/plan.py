"""From changes of alerts to bundles for receivers: routing, cooldown and grouping together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from controlplane.domain.alert import Alert
from controlplane.domain.notification.cooldown import Decision, Told, cooldown_of, decide
from controlplane.domain.notification.delivery import Bundle, Change, Telling
from controlplane.domain.notification.folding import decide_calm, decide_flapping
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
            telling, decision = _decide(change, receiver, knows, policy, now)
            if decision.action == "send":
                key = (receiver, telling, *_group(alert, policy.group_by))
                grouped.setdefault(key, []).append(_with_untold(change, knows, telling))
            if decision.action in ("send", "note"):
                result.knowledge.append(_known_now(receiver, change, knows, now))
            elif knows is not None:
                kept = replace(knows, untold_changes=knows.untold_changes + change.changes)
                result.knowledge.append(Knowledge(receiver, alert.fingerprint, kept, decision.until))
                result.held += decision.action == "hold"
    result.bundles = [Bundle(str(key[0]), members) for key, members in grouped.items()]
    return result


def _decide(
    change: Change, receiver: str, knows: Told | None, policy: Policy, now: datetime
) -> tuple[Telling, Decision]:
    alert, wants_resolved = change.alert, receiver not in policy.without_resolved
    if change.flapping is not None and change.flapping.ended_at is None:
        return "flaps", decide_flapping(alert.state, change.flapping, knows)
    if knows is not None and knows.flapping_since is not None:
        return "calm", decide_calm(alert.state, wants_resolved)
    cooldown = cooldown_of(alert.severity, policy.cooldowns)
    return "state", decide(alert.state, alert.starts_at, knows, now, cooldown, wants_resolved)


def _receivers(alert: Alert, told: Mapping[TellKey, Told], policy: Policy, now: datetime) -> Sequence[str]:
    routed = receivers_of(alert, policy.routes, policy.default_profile, now)
    wait_for_its_end = [
        receiver
        for (receiver, fingerprint), knows in told.items()
        if fingerprint == alert.fingerprint
        and (knows.flapping_since is not None or (knows.state == "firing" and alert.state == "resolved"))
    ]
    return list(dict.fromkeys([*routed, *wait_for_its_end]))


def _group(alert: Alert, group_by: Sequence[str]) -> tuple[object, ...]:
    return (alert.state, alert.severity, *[alert.labels.get(name, "") for name in group_by])


def _with_untold(change: Change, knows: Told | None, telling: Telling) -> Change:
    untold = knows.untold_changes if knows is not None else 0
    return replace(change, changes=change.changes + untold, telling=telling)


def _known_now(receiver: str, change: Change, knows: Told | None, now: datetime) -> Knowledge:
    alert, flapping = change.alert, change.flapping
    firing_told_at = now if alert.state == "firing" or knows is None else knows.firing_told_at
    flapping_since = flapping.began_at if flapping is not None and flapping.ended_at is None else None
    told = Told(alert.state, alert.starts_at, firing_told_at, flapping_since=flapping_since)
    return Knowledge(receiver, alert.fingerprint, told, None)
