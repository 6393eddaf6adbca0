"""Windows, recurrences and exclusions of maintenance, computed by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.domain.maintenance import (
    Exclusion,
    Maintenance,
    Window,
    applies_to,
    excluded_seconds,
    exclusions_of,
    merged,
    within,
)
from controlplane.domain.maintenance_entry import Entry, accept, parse_matcher
from controlplane.domain.payload_text import PayloadProblem
from controlplane.domain.slo.objective import GaugeIndicator, Objective, TimeWindow
from controlplane.domain.slo.selector import Matcher, parse_selector

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SUNDAY = datetime(2026, 3, 15, 1, 30, tzinfo=UTC)  # 02:30 in Berlin
NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
INDICATOR = GaugeIndicator(parse_selector("up"))
OBJECTIVE = Objective("api-up", "api", "t", "t", "", INDICATOR, TimeWindow(rolling_seconds=86_400), 0.99)


def entry(**changes: Any) -> Entry:
    fields: dict[str, Any] = {
        "key": "k",
        "author": "ada",
        "reason": "new disk",
        "services": ["api"],
        "matchers": [],
        "everything": False,
        "starts_at": SUNDAY,
        "ends_at": None,
        "duration_seconds": 7200.0,
        "recurrence": None,
        "time_zone": "Europe/Berlin",
    }
    return Entry(**{**fields, **changes})


def planned(**changes: Any) -> Maintenance:
    return replace(accept(entry(**changes), NOW), id=1)


def starts_of(maintenance: Maintenance, days: int) -> list[datetime]:
    return [window.starts_at for window in maintenance.windows(SUNDAY - DAY, SUNDAY + days * DAY)]


def test_a_single_window() -> None:
    one = planned()
    assert one.windows(SUNDAY - DAY, SUNDAY + DAY) == [Window(SUNDAY, SUNDAY + 2 * HOUR)]
    assert one.windows(SUNDAY + 2 * HOUR, SUNDAY + DAY) == []
    assert [one.state(at) for at in (NOW, SUNDAY, SUNDAY + 2 * HOUR)] == ["planned", "active", "over"]


def test_a_week_later_is_the_same_hour_on_the_wall_through_daylight_saving() -> None:
    weekly = planned(recurrence="weekly")
    # On March 29 the clock in Berlin skips from 02:00 to 03:00: the window of 02:30 opens as much later, at 03:30.
    assert starts_of(weekly, 22) == [
        SUNDAY,
        SUNDAY + 7 * DAY,
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        datetime(2026, 4, 5, 0, 30, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("FREQ=DAILY;INTERVAL=3;COUNT=3", [0, 3, 6]),
        ("FREQ=WEEKLY;BYDAY=SU,WE", [0, 3, 7, 10, 14]),
        ("FREQ=DAILY;UNTIL=20260317T013000Z", [0, 1, 2]),
        ("FREQ=MONTHLY;BYDAY=3SU", [0]),
    ],
)
def test_rules(rule: str, days: list[int]) -> None:
    assert starts_of(planned(recurrence=rule, time_zone="UTC"), 15) == [SUNDAY + day * DAY for day in days]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("hourly", "is not one of FREQ="),
        ("FREQ=HOURLY", "FREQ cannot be 'HOURLY'"),
        ("BYDAY=SU", "FREQ is missing"),
        ("FREQ=DAILY;FREQ=DAILY", "at most once"),
        ("FREQ=WEEKLY;BYDAY=MO", "does not fall on the start, Sunday 2026-03-15"),
        ("FREQ=WEEKLY;BYDAY=2SU", "use FREQ=MONTHLY"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101T000000Z", "not both"),
        ("FREQ=DAILY;UNTIL=20260101T000000Z", "before the start"),
        ("FREQ=DAILY;BYMONTHDAY=31", "does not fall on the start"),
    ],
)
def test_rules_that_are_refused(rule: str, words: str) -> None:
    with pytest.raises(PayloadProblem, match=words) as caught:
        planned(recurrence=rule)
    assert caught.value.field == "recurrence"


def test_ending_cuts_the_window_and_stops_what_would_recur() -> None:
    daily = replace(planned(recurrence="daily"), ended_at=SUNDAY + DAY + HOUR, ended_by="bob")
    assert daily.windows(SUNDAY, SUNDAY + 9 * DAY) == [
        Window(SUNDAY, SUNDAY + 2 * HOUR),
        Window(SUNDAY + DAY, SUNDAY + DAY + HOUR),
    ]
    assert daily.state(SUNDAY + 2 * DAY) == "over"


def test_ending_before_the_start_leaves_nothing() -> None:
    assert replace(planned(), ended_at=NOW, ended_by="bob").windows(NOW, SUNDAY + DAY) == []


def test_withdrawn_never_counted() -> None:
    gone = replace(planned(), withdrawn=True)
    assert (gone.windows(NOW, SUNDAY + DAY), gone.state(SUNDAY)) == ([], "withdrawn")


def test_what_lies_before_the_moment_of_entry_is_after_the_fact() -> None:
    at = SUNDAY + timedelta(minutes=20)
    late = accept(entry(), at)
    assert [(one.starts_at, one.ends_at, one.planned) for one in exclusions_of([late], OBJECTIVE, NOW, NOW + DAY)] == [
        (SUNDAY, at, False),
        (at, SUNDAY + 2 * HOUR, True),
    ]
    very_late = accept(entry(), SUNDAY + DAY)
    assert [one.planned for one in exclusions_of([very_late], OBJECTIVE, NOW, NOW + DAY)] == [False]
    assert [one.planned for one in exclusions_of([planned()], OBJECTIVE, NOW, NOW + DAY)] == [True]


def test_overlapping_entries_are_all_listed_and_counted_once() -> None:
    first = Exclusion(1, "a", "r", SUNDAY, SUNDAY + 2 * HOUR, planned=True)
    second = Exclusion(2, "b", "r", SUNDAY + HOUR, SUNDAY + 4 * HOUR, planned=False)
    assert excluded_seconds([first, second], planned=True) == 7200
    assert excluded_seconds([first, second], planned=False) == 7200
    assert [one.maintenance_id for one in within([first, second], SUNDAY + 3 * HOUR, SUNDAY + DAY)] == [2]


def test_merging_windows() -> None:
    a, b, c, d = (SUNDAY + number * HOUR for number in range(4))
    assert merged([Window(c, d), Window(a, b), Window(b, c)]) == [Window(a, d)]
    assert merged([Window(c, d), Window(a, b)]) == [Window(a, b), Window(c, d)]
    assert merged([Window(a, d), Window(b, c)]) == [Window(a, d)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"services": ["api", "other"]}, True),
        ({"services": ["ap"]}, False),
        ({"services": ["a.i", "x"]}, False),
        ({"services": [], "matchers": ['service=~"a"']}, False),
        ({"services": [], "matchers": ["service=~a.+"]}, True),
        ({"services": [], "everything": True}, True),
        ({"services": [], "matchers": ["sloth_slo=api-up"]}, True),
        ({"matchers": ["sloth_slo!=api-up"]}, False),
        ({"matchers": ["instance=one"]}, False),
    ],
)
def test_which_objectives_are_meant(changes: dict[str, Any], expected: bool) -> None:
    assert applies_to(planned(**changes), OBJECTIVE) is expected


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": "  "}, "reason"),
        ({"author": "a\0b"}, "author"),
        ({"reason": "x" * 501}, "reason"),
        ({"key": "no spaces"}, "key"),
        ({"services": []}, "services"),
        ({"services": ["a b"]}, "services"),
        ({"services": [], "matchers": ["service!=x"]}, "services"),
        ({"services": [], "matchers": ["service=~.*"]}, "services"),
        ({"everything": True}, "everything"),
        ({"matchers": ["=x"]}, "matchers"),
        ({"matchers": ["a=~("]}, "matchers"),
        ({"duration_seconds": None}, "ends_at"),
        ({"ends_at": SUNDAY + HOUR}, "ends_at"),
        ({"ends_at": SUNDAY, "duration_seconds": None}, "ends_at"),
        ({"duration_seconds": 32 * 86_400.0}, "ends_at"),
        ({"duration_seconds": 1e300}, "duration_seconds"),
        ({"starts_at": NOW - timedelta(days=401)}, "starts_at"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"recurrence": "weekly", "duration_seconds": 90_000.0}, "recurrence"),
    ],
)
def test_what_cannot_be_entered_names_the_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(PayloadProblem) as caught:
        planned(**changes)
    assert caught.value.field == field


def test_without_a_start_it_begins_now_and_nothing_is_after_the_fact() -> None:
    now = NOW + timedelta(microseconds=987_654)
    for recurrence in (None, "daily"):
        one = accept(entry(starts_at=None, recurrence=recurrence), now)
        assert now <= one.starts_at < now + timedelta(seconds=1)
        assert all(part.planned for part in exclusions_of([one], OBJECTIVE, NOW, NOW + DAY))


def test_services_become_one_matcher_that_means_what_it_says() -> None:
    assert planned(services=["a.b"]).all_matchers == (Matcher("service", "=", "a.b"),)
    assert planned(services=["a.b", "c"]).all_matchers == (Matcher("service", "=~", "a\\.b|c"),)
    assert parse_matcher("a!~b=c") == Matcher("a", "!~", "b=c")
