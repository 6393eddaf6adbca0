"""The memory of current alerts, and reading from the best source."""

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.domain.alert import Alert, AlertFilter, AlertState, StateChange
from controlplane.errors import DependencyUnreachable
from controlplane.services.alerts import MAX_EPISODES_IN_MEMORY, CurrentAlerts, read_alerts

NOW = datetime(2025, 7, 7, 12, tzinfo=UTC)


def alert(fingerprint: str, state: AlertState = "firing", received_minutes: int = 0, start_minutes: int = 0) -> Alert:
    return Alert(
        fingerprint=fingerprint,
        name="X",
        state=state,
        severity="",
        priority="P3",
        starts_at=NOW + timedelta(minutes=start_minutes),
        ends_at=NOW + timedelta(minutes=1) if state == "resolved" else None,
        received_at=NOW + timedelta(minutes=received_minutes),
    )


@pytest.mark.parametrize(
    ("case", "notifications", "changed", "state"),
    [
        ("once", [alert("a")], [0], "firing"),
        ("repeated", [alert("a"), alert("a", received_minutes=1)], [0], "firing"),
        ("resolved", [alert("a"), alert("a", "resolved", 1)], [0, 1], "resolved"),
        ("resolved first", [alert("a", "resolved"), alert("a", "firing", 1)], [0], "resolved"),
        ("reopened", [alert("a", "resolved"), alert("a", "firing", 9)], [0, 1], "firing"),
        ("received out of order", [alert("a", "resolved", 1), alert("a", "firing", 0)], [0], "resolved"),
    ],
)
async def test_news_is_told_from_repeats(
    case: str, notifications: list[Alert], changed: list[int], state: AlertState
) -> None:
    current = CurrentAlerts()
    assert current.apply(notifications).changed == changed, case
    (found,) = await current.list_alerts(AlertFilter())
    assert found.state == state
    assert (found.ends_at is None) == (state == "firing")


def test_the_start_of_a_firing_alert_is_found_until_it_is_resolved() -> None:
    current = CurrentAlerts()
    current.apply([alert("a", start_minutes=-5)])
    assert current.find_start("a") == NOW - timedelta(minutes=5)
    current.apply([alert("a", "resolved", 1, start_minutes=-5)])
    assert current.find_start("a") is None


async def test_a_newer_episode_ends_the_older_one_once() -> None:
    current = CurrentAlerts()
    current.apply([alert("a", start_minutes=-60), alert("b", start_minutes=-60)])
    applied = current.apply([alert("a", received_minutes=1, start_minutes=-5)])
    assert applied.changed == [0]
    (ended,) = applied.superseded
    assert (ended.starts_at, ended.state, ended.end_reason) == (NOW - timedelta(hours=1), "resolved", "superseded")
    assert ended.ends_at == NOW - timedelta(minutes=5)
    assert current.apply([alert("a", received_minutes=2, start_minutes=-5)]).superseded == []
    assert [(item.fingerprint, item.starts_at) for item in current.firing()] == [
        ("a", NOW - timedelta(minutes=5)),
        ("b", NOW - timedelta(minutes=60)),
    ]
    assert current.find_start("a") == NOW - timedelta(minutes=5)


async def test_of_an_alert_that_flaps_only_the_latest_episodes_are_remembered() -> None:
    current = CurrentAlerts()
    current.apply([alert("a", start_minutes=minute, received_minutes=minute) for minute in range(100)])
    found = await current.list_alerts(AlertFilter())
    assert len(found) == MAX_EPISODES_IN_MEMORY
    assert [item.starts_at for item in current.firing()] == [NOW + timedelta(minutes=99)]
    assert {item.end_reason for item in found} == {None, "superseded"}


async def test_the_line_of_a_superseded_alert_read_back_says_the_same() -> None:
    current, again = CurrentAlerts(), CurrentAlerts()
    older, newer = alert("a", start_minutes=-60), alert("a", received_minutes=1, start_minutes=-5)
    applied = current.apply([older, newer])
    again.apply([newer, *applied.superseded])
    assert await again.list_alerts(AlertFilter()) == await current.list_alerts(AlertFilter())


async def test_memory_is_bounded_and_forgets_resolved_alerts_first() -> None:
    current = CurrentAlerts(max_alerts=3)
    current.apply([alert("a"), alert("b", "resolved"), alert("c"), alert("d"), alert("e")])
    assert sorted(item.fingerprint for item in await current.list_alerts(AlertFilter())) == ["c", "d", "e"]
    assert current.forgotten == 2
    assert current.find_start("a") is None


def test_what_postgresql_does_not_call_firing_stops_unless_it_is_news() -> None:
    current = CurrentAlerts()
    current.apply([alert("stale", received_minutes=-9), alert("renewed", received_minutes=-9)])
    known_before = current.firing()
    current.apply([alert("renewed", received_minutes=9)])
    # Received before PostgreSQL was asked, yet durable only afterwards: PostgreSQL cannot know of it.
    current.apply([alert("late to the disk", received_minutes=-9)])
    current.reconcile([alert("known", received_minutes=-9)], known_before)
    assert sorted(item.fingerprint for item in current.firing()) == ["known", "late to the disk", "renewed"]


class Source:
    """A source that answers, or not."""

    def __init__(self, name: str, alerts: list[Alert] | None) -> None:
        self.name = name
        self._alerts = alerts

    async def list_alerts(self, wanted: AlertFilter) -> list[Alert]:
        if self._alerts is None:
            raise DependencyUnreachable(f"{self.name} is away")
        return self._alerts

    async def history(self, fingerprint: str) -> list[StateChange]:
        return []


async def test_the_first_source_that_answers_is_used_and_the_others_reasons_are_told() -> None:
    answer = await read_alerts([Source("one", None), Source("two", [alert("a")]), Source("three", [])], AlertFilter())
    assert answer.source == "two"
    assert [item.fingerprint for item in answer.alerts] == ["a"]
    assert answer.warnings == ["one: one is away"]


async def test_when_no_source_answers_every_reason_is_told() -> None:
    with pytest.raises(DependencyUnreachable, match=r"one is away.*two is away"):
        await read_alerts([Source("one", None), Source("two", None)], AlertFilter())
