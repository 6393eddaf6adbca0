"""Which recovery sets to keep: by count, by age, and grandfather-father-son.

Rules, in order of strength:

1. The newest verified-usable set is always kept.
2. A set that a kept set depends on (its chain of parents) is kept.
3. A set is kept while any rule of the policy wants it.
4. An unusable set is kept while there is no newer good one: something may still be got out of it.
5. What no rule wants is pruned, children before parents.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class RetentionPolicy:
    """How much to keep. Zero switches a rule off; calendar periods are UTC, the newest set of each period counts."""

    last: int = 0
    within: timedelta = timedelta(0)
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0


@dataclass(frozen=True)
class KnownSet:
    """What retention needs to know of a set."""

    id: str
    created_at: datetime
    usable: bool
    parent_id: str | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether a set stays, and every reason in words."""

    set: KnownSet
    keep: bool
    reasons: tuple[str, ...]


_PERIODS: Mapping[str, Callable[[datetime], str]] = {
    "daily": lambda moment: moment.strftime("%Y-%m-%d"),
    "weekly": lambda moment: moment.strftime("%G-W%V"),
    "monthly": lambda moment: moment.strftime("%Y-%m"),
    "yearly": lambda moment: moment.strftime("%Y"),
}


def decide(sets: Sequence[KnownSet], policy: RetentionPolicy, now: datetime) -> list[Verdict]:
    """Verdicts, newest first. Unusable sets go once there is a newer good one, unless a kept set depends on them."""
    newest_first = sorted(sets, key=lambda item: (item.created_at, item.id), reverse=True)
    usable = [item for item in newest_first if item.usable]
    reasons: dict[str, list[str]] = {item.id: [] for item in newest_first}
    _want(reasons, usable, policy, now)
    for item in newest_first:
        if not item.usable and (not usable or item.created_at > usable[0].created_at):
            reasons[item.id].append("there is no newer good set")
    _keep_chains(reasons, {item.id: item for item in sets}, newest_first)
    return [
        Verdict(item, bool(reasons[item.id]), tuple(reasons[item.id]) or (_why_pruned(item),)) for item in newest_first
    ]


def pruning_order(verdicts: Sequence[Verdict]) -> list[KnownSet]:
    """Sets to delete, children before parents, so that an interruption leaves no set without its parent."""
    return [verdict.set for verdict in verdicts if not verdict.keep]


def _want(reasons: dict[str, list[str]], usable: Sequence[KnownSet], policy: RetentionPolicy, now: datetime) -> None:
    if usable:
        reasons[usable[0].id].append("the last good set")
    for rank, item in enumerate(usable[: policy.last], start=1):
        reasons[item.id].append(f"number {rank} of the last {policy.last}")
    for item in usable:
        if policy.within and now - item.created_at <= policy.within:
            reasons[item.id].append(f"younger than {policy.within}")
    for rule, period_of in _PERIODS.items():
        for period, item in _newest_of_periods(usable, period_of, getattr(policy, rule)):
            reasons[item.id].append(f"{rule}: {period}")


def _newest_of_periods(
    usable: Sequence[KnownSet], period_of: Callable[[datetime], str], count: int
) -> list[tuple[str, KnownSet]]:
    newest: dict[str, KnownSet] = {}
    for item in usable:
        newest.setdefault(period_of(item.created_at), item)
    return list(newest.items())[:count]


def _keep_chains(
    reasons: dict[str, list[str]], by_id: Mapping[str, KnownSet], newest_first: Sequence[KnownSet]
) -> None:
    for item in newest_first:
        if not reasons[item.id]:
            continue
        seen = {item.id}
        child, parent = item, by_id.get(item.parent_id or "")
        while parent is not None and parent.id not in seen:
            reason = f"{child.id} depends on it"
            if reason not in reasons[parent.id]:
                reasons[parent.id].append(reason)
            seen.add(parent.id)
            child, parent = parent, by_id.get(parent.parent_id or "")


def _why_pruned(item: KnownSet) -> str:
    return "no rule wants it" if item.usable else "not usable"
