"""Which kind of set comes next, and what a set builds on."""

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.domain.backup.manifest import Manifest, Part
from controlplane.domain.backup.plan import Server, chain, plan_set

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SERVER = Server("7", 1, 180004)
WEEK = timedelta(days=7)


def made(name: str, days_ago: float, parent: str | None = None, system: str = "7", timeline: int = 1) -> Manifest:
    moment = NOW - timedelta(days=days_ago)
    part = Part("postgresql", moment, (), {"system_identifier": system, "timeline": timeline})
    return Manifest(name, "incremental" if parent else "full", moment, moment, (part,), parent)


FULL = made("full", 1)
CASES = {
    "there is no full set to build on": ([], SERVER, False, None),
    "a young full set is built upon": ([FULL], SERVER, False, "full"),
    "an incremental set is not built upon": ([made("i", 0.5, "full"), FULL], SERVER, False, "full"),
    "a full set was asked for": ([FULL], SERVER, True, None),
    "this PostgreSQL has no incremental backups": ([FULL], Server("7", 1, 160014), False, None),
    "the newest full set is of another database system": ([made("f", 1, system="8")], SERVER, False, None),
    "the newest full set is of another timeline": ([made("f", 1, timeline=2)], SERVER, False, None),
    "a full set is due": ([made("i", 1, "f"), made("f", 7)], SERVER, False, None),
}


@pytest.mark.parametrize(("name", "case"), CASES.items(), ids=CASES.keys())
def test_next_set(name: str, case: tuple[list[Manifest], Server, bool, str | None]) -> None:
    sets, server, wants_full, parent = case
    plan = plan_set(sets, server, NOW, WEEK, wants_full)
    assert (plan.parent_id, plan.kind) == (parent, "incremental" if parent else "full")
    assert plan.reason == (f"builds on {parent}" if parent else name)


def test_a_chain_starts_with_the_full_set() -> None:
    sets = [made("b", 0, "a"), made("a", 1, "full"), FULL, made("other", 2)]
    assert [manifest.id for manifest in chain(sets, "b")] == ["full", "a", "b"]


@pytest.mark.parametrize(
    ("sets", "sentence"),
    [([made("a", 1, "gone")], "builds on gone, which is not there"), ([made("a", 1, "a")], "builds on itself")],
)
def test_a_broken_chain(sets: list[Manifest], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        chain(sets, "a")
