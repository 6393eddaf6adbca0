"""What a drill concludes from what it saw."""

from datetime import UTC, datetime

import pytest

from controlplane.domain.backup.drill import (
    DrillCheck,
    DrillReport,
    Mark,
    checked_counts,
    checked_recovery,
    checked_rows,
    estimated_seconds,
    from_json,
    to_json,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
COUNTS = {"memories": 3, "alerts": 1}
MARK = Mark(NOW, 1000, True, COUNTS, {"a": "1", "b": "2"})
BUSY = Mark(NOW, 1000, False, COUNTS, {"a": "1", "b": "2"})


def test_a_report_survives_the_way_to_json_and_back() -> None:
    report = DrillReport(
        "20261120T120000Z",
        "set",
        NOW,
        NOW,
        "failed",
        "why",
        5,
        2,
        "0/1",
        0.1,
        2.0,
        3.0,
        1,
        0,
        COUNTS,
        (DrillCheck("rows", False, "b"),),
    )
    assert from_json(to_json(report)) == report
    assert from_json({**to_json(report), "at": "a key of the history"}) == report


RECOVERY = {
    "production is away": (None, 5000, None),
    "at the mark": (MARK, 1000, True),
    "just before the header of a page": (MARK, 976, True),
    "beyond it": (MARK, 9000, True),
    "before it": (MARK, 900, False),
}


@pytest.mark.parametrize(("mark", "reached", "ok"), RECOVERY.values(), ids=RECOVERY.keys())
def test_recovery_came_to_where_production_was(mark: Mark | None, reached: int, ok: bool | None) -> None:
    assert checked_recovery(mark, reached, 2, False).ok is ok


OTHER = {"memories": 2, "alerts": 1}
COMPARED = {
    "stopped at the mark, the same": (MARK, 990, True, COUNTS, None, True),
    "stopped at the mark, others": (MARK, 990, True, OTHER, None, False),
    "the archive ends at the mark": (MARK, 1000, False, OTHER, None, False),
    "went on beyond the mark": (MARK, 5000, False, OTHER, None, None),
    "production was never quiet": (BUSY, 1000, False, OTHER, None, None),
    "at the set's own position": (None, 1000, False, OTHER, OTHER, True),
    "at the set's own position, others": (None, 1000, False, OTHER, COUNTS, False),
    "nothing to compare with": (None, 1000, False, OTHER, None, None),
}


@pytest.mark.parametrize(
    ("mark", "reached", "was_target", "found", "in_set", "ok"), COMPARED.values(), ids=COMPARED.keys()
)
def test_rows_are_counted_where_both_sides_stood_at_one_position(
    mark: Mark | None,
    reached: int,
    was_target: bool,
    found: dict[str, int | None],
    in_set: dict[str, int | None] | None,
    ok: bool | None,
) -> None:
    assert checked_counts(mark, reached, was_target, found, in_set).ok is ok


ROWS = {
    "the same": ({"a": "1", "b": "2"}, frozenset[str](), True),
    "one differs": ({"a": "1", "b": "x"}, frozenset[str](), False),
    "one lacks": ({"a": "1"}, frozenset({"b"}), False),
    "one was deleted meanwhile": ({"a": "1"}, frozenset[str](), True),
    "all were deleted": ({}, frozenset[str](), None),
}


@pytest.mark.parametrize(("found", "there", "ok"), ROWS.values(), ids=ROWS.keys())
def test_sampled_rows_are_those_of_production(found: dict[str, str], there: frozenset[str], ok: bool | None) -> None:
    assert checked_rows(MARK, found, there).ok is ok


ESTIMATES = {
    "nothing is known": ([], 10, None),
    "the median": ([(10.0, 100), (20.0, 100), (90.0, 100)], 100, 20.0),
    "a larger one in proportion": ([(10.0, 100)], 300, 30.0),
    "a smaller one is not promised to be quicker": ([(10.0, 100)], 1, 10.0),
    "old entries without a size": ([(10.0, 0)], 100, 10.0),
    "only the latest": ([(1.0, 1)] * 5 + [(1000.0, 1)] * 20, 1, 1.0),
}


@pytest.mark.parametrize(("past", "size", "expected"), ESTIMATES.values(), ids=ESTIMATES.keys())
def test_the_estimate_of_a_restore(past: list[tuple[float, int]], size: int, expected: float | None) -> None:
    assert estimated_seconds(past, size) == expected
