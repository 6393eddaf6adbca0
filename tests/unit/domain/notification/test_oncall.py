"""Turns, overrides, escalation steps, and the audit that works them out anew."""

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.domain.notification.escalation import RESPONSE_SECONDS, History, missed_steps, next_step
from controlplane.domain.notification.oncall import Override, Rotation, on_call

START = datetime(2025, 7, 7, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BERLIN = Rotation("primary", ("ann", "bob", "cho"), datetime.fromisoformat("2025-03-24T09:00"), 7, "Europe/Berlin")


@pytest.mark.parametrize(
    ("case", "at", "person"),
    [
        ("the first turn", datetime(2025, 3, 24, 8, tzinfo=UTC), "ann"),
        ("a minute before it", datetime(2025, 3, 24, 7, 59, tzinfo=UTC), "cho"),
        ("summer time began: nine o'clock is an hour earlier in UTC", datetime(2025, 3, 31, 7, tzinfo=UTC), "bob"),
        ("and a minute before", datetime(2025, 3, 31, 6, 59, tzinfo=UTC), "ann"),
        ("round again", datetime(2025, 4, 14, 7, tzinfo=UTC), "ann"),
    ],
)
def test_turns_change_on_the_clocks_of_the_people(case: str, at: datetime, person: str) -> None:
    assert BERLIN.person(at) == person, case


def override(number: int, person: str, start: int, end: int, schedule: str = "primary") -> Override:
    return Override(number, schedule, person, "x", START + MINUTE * start, START + MINUTE * end, START)


@pytest.mark.parametrize(
    ("case", "overrides", "person", "minutes"),
    [
        ("none", [], "ann", None),
        ("active", [override(1, "bob", -5, 5)], "bob", 5),
        ("its end is not in it", [override(1, "bob", -5, 0)], "ann", None),
        ("the one entered last counts", [override(1, "bob", -5, 50), override(2, "cho", -9, 9)], "cho", 9),
        ("one that begins later ends the turn", [override(1, "bob", 7, 9)], "ann", 7),
        ("another schedule", [override(1, "bob", -5, 5, "secondary")], "ann", None),
    ],
)
def test_overrides(case: str, overrides: list[Override], person: str, minutes: int | None) -> None:
    rotation = Rotation("primary", ("ann",), datetime.fromisoformat("2025-07-07"), 1)
    found = on_call(rotation, overrides, START)
    assert found.person == person, case
    assert found.until == (START + MINUTE * minutes if minutes is not None else datetime(2025, 7, 8, tzinfo=UTC))
    assert found.stands_in_for == (None if person == "ann" else "ann")


def test_the_response_times_are_those_of_the_handbook() -> None:
    assert {priority: seconds / 60 for priority, seconds in RESPONSE_SECONDS.items()} == {
        "P0": 15,
        "P1": 60,
        "P2": 240,
        "P3": 1440,
    }


@pytest.mark.parametrize(
    ("minutes", "last_step", "expected"),
    [(14, 0, None), (15, 0, 1), (29, 1, None), (30, 1, 2), (90, 0, 1), (90, 2, None)],
)
def test_steps_are_made_one_after_another_and_none_is_left_out(
    minutes: int, last_step: int, expected: int | None
) -> None:
    assert next_step(START, last_step, 2, 15 * MINUTE, START + MINUTE * minutes) == expected


def history(made: dict[int, int], acks: list[tuple[int, int]] | None = None, over: int | None = None) -> History:
    at = lambda minute: START + MINUTE * minute  # noqa: E731 - minutes in a table
    return History(
        "a",
        "X",
        "P0",
        START,
        at(over) if over is not None else None,
        [(at(start), at(end)) for start, end in acks or []],
        {at(due): at(when) for due, when in made.items()},
    )


@pytest.mark.parametrize(
    ("case", "records", "missed"),
    [
        ("all made", history({15: 15, 30: 31}), []),
        ("none made", history({}), [(15, None), (30, None)]),
        ("one late", history({15: 15, 30: 40}), [(30, 40)]),
        ("over in time", history({}, over=15), []),
        ("over just after it was due, within the grace", history({}, over=16), []),
        ("over later", history({}, over=20), [(15, None)]),
        ("taken on in time, and kept", history({}, [(10, 500)]), []),
        ("taken on late", history({15: 15}, [(35, 500)]), [(30, None)]),
        ("the acknowledgement timed out: waiting begins anew", history({}, [(10, 60)]), [(75, None), (90, None)]),
        ("given back and taken again", history({75: 75}, [(10, 60), (80, 500)]), []),
        ("one in the other", history({}, [(5, 500), (10, 20)]), []),
    ],
)
def test_the_audit_finds_what_was_missed(case: str, records: History, missed: list[tuple[int, int | None]]) -> None:
    found = missed_steps(records, 2, 15 * MINUTE, 2 * MINUTE, START + MINUTE * 100)
    told = [
        ((one.due_at - START) / MINUTE, None if one.made_at is None else (one.made_at - START) / MINUTE)
        for one in found
    ]
    assert told == missed, case
