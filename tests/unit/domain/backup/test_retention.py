"""Retention: every rule alone, and what overrides it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.domain.backup.retention import KnownSet, RetentionPolicy, decide, pruning_order

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def made(name: str, hours_ago: float, *, usable: bool = True, parent: str | None = None) -> KnownSet:
    return KnownSet(name, NOW - timedelta(hours=hours_ago), usable, parent)


CASES = {
    "the last good set stays without any rule": (
        [made("a", 48), made("b", 24)],
        RetentionPolicy(),
        {"b"},
    ),
    "a newer unusable set does not count as the last good one": (
        [made("older", 49, usable=False), made("a", 48), made("broken", 1, usable=False)],
        RetentionPolicy(),
        {"a", "broken"},
    ),
    "last counts usable sets only": (
        [made("a", 72), made("b", 48), made("x", 36, usable=False), made("c", 24)],
        RetentionPolicy(last=2),
        {"b", "c"},
    ),
    "within keeps by age, the limit included": (
        [made("a", 49), made("b", 48), made("c", 1)],
        RetentionPolicy(within=timedelta(hours=48)),
        {"b", "c"},
    ),
    "daily keeps the newest of each day": (
        [made("mon1", 30), made("mon2", 26), made("tue", 2)],
        RetentionPolicy(daily=2),
        {"mon2", "tue"},
    ),
    "monthly keeps the newest of each month": (
        [made("sep", 24 * 60), made("oct1", 24 * 45), made("oct2", 24 * 25), made("nov", 1)],
        RetentionPolicy(monthly=2),
        {"oct2", "nov"},
    ),
    "a kept incremental keeps its whole chain": (
        [made("full", 72), made("i1", 48, parent="full"), made("i2", 24, parent="i1"), made("other", 30)],
        RetentionPolicy(),
        {"full", "i1", "i2"},
    ),
    "an unusable parent stays while a kept set depends on it": (
        [made("full", 72, usable=False), made("i1", 48, parent="full")],
        RetentionPolicy(),
        {"full", "i1"},
    ),
}


@pytest.mark.parametrize(("sets", "policy", "kept"), CASES.values(), ids=CASES.keys())
def test_what_is_kept(sets: list[KnownSet], policy: RetentionPolicy, kept: set[str]) -> None:
    assert {verdict.set.id for verdict in decide(sets, policy, NOW) if verdict.keep} == kept


def test_every_verdict_says_why() -> None:
    verdicts = {
        v.set.id: v
        for v in decide([made("old", 99), made("bad", 50, usable=False), made("new", 1)], RetentionPolicy(last=1), NOW)
    }
    assert verdicts["new"].reasons == ("the last good set", "number 1 of the last 1")
    assert verdicts["old"].reasons == ("no rule wants it",)
    assert verdicts["bad"].reasons == ("not usable",)


def test_children_go_before_their_parents() -> None:
    sets = [made("full", 72), made("i1", 48, parent="full"), made("new", 1)]
    assert [item.id for item in pruning_order(decide(sets, RetentionPolicy(), NOW))] == ["i1", "full"]


@given(st.data())
def test_no_kept_set_ever_loses_its_parent_and_a_good_set_remains(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 25))
    sets: list[KnownSet] = []
    for index in range(count):
        parent = data.draw(st.sampled_from([None, *[item.id for item in sets]]))
        sets.append(
            made(
                f"s{index}",
                1000 - index * data.draw(st.integers(1, 30)),
                usable=data.draw(st.booleans()),
                parent=parent,
            )
        )
    policy = RetentionPolicy(
        last=data.draw(st.integers(0, 5)),
        daily=data.draw(st.integers(0, 5)),
        within=timedelta(hours=data.draw(st.integers(0, 300))),
    )
    verdicts = decide(sets, policy, NOW)
    kept = {verdict.set.id for verdict in verdicts if verdict.keep}
    assert all(v.set.parent_id in kept for v in verdicts if v.keep and v.set.parent_id)
    assert not any(item.usable for item in sets) or any(v.keep and v.set.usable for v in verdicts)


PERIODS = {"daily": "%Y-%m-%d", "weekly": "%G-W%V", "monthly": "%Y-%m", "yearly": "%Y"}


@given(
    st.lists(st.integers(0, 900 * 24), min_size=1, max_size=60, unique=True),
    st.sampled_from(sorted(PERIODS)),
    st.integers(1, 12),
)
def test_grandfather_father_son_keeps_the_newest_of_each_of_the_newest_periods(
    hours: list[int], rule: str, count: int
) -> None:
    sets = [made(f"s{hour}", hour) for hour in hours]
    verdicts = decide(sets, RetentionPolicy(**{rule: count}), NOW)
    newest: dict[str, KnownSet] = {}
    for item in sorted(sets, key=lambda item: item.created_at):
        newest[item.created_at.strftime(PERIODS[rule])] = item
    expected = {newest[period].id for period in sorted(newest)[-count:]}
    assert {verdict.set.id for verdict in verdicts if verdict.keep} == expected


@given(
    st.lists(st.integers(0, 900 * 24), min_size=1, max_size=40, unique=True),
    st.builds(
        RetentionPolicy,
        last=st.integers(0, 5),
        within=st.integers(0, 300).map(lambda hours: timedelta(hours=hours)),
        daily=st.integers(0, 7),
        weekly=st.integers(0, 5),
        monthly=st.integers(0, 6),
        yearly=st.integers(0, 2),
    ),
)
def test_pruning_twice_is_pruning_once_and_every_kept_set_says_which_rule(
    hours: list[int], policy: RetentionPolicy
) -> None:
    verdicts = decide([made(f"s{hour}", hour) for hour in hours], policy, NOW)
    kept = [verdict.set for verdict in verdicts if verdict.keep]
    assert [verdict.set for verdict in decide(kept, policy, NOW) if verdict.keep] == kept
    assert all(verdict.reasons for verdict in verdicts)
    assert all(verdict.reasons == ("no rule wants it",) for verdict in verdicts if not verdict.keep)


@given(st.lists(st.integers(0, 60 * 24), min_size=2, max_size=40, unique=True))
def test_a_new_set_never_brings_an_old_one_back(hours: list[int]) -> None:
    """What was to go before the newest set was made still is to go: prune forgets nothing by waiting."""
    policy = RetentionPolicy(last=2, daily=3, weekly=2, monthly=2)
    sets = [made(f"s{hour}", hour) for hour in sorted(hours, reverse=True)]
    before = {verdict.set.id for verdict in decide(sets[:-1], policy, NOW) if not verdict.keep}
    after = {verdict.set.id for verdict in decide(sets, policy, NOW) if not verdict.keep}
    assert before <= after
