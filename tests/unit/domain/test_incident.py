"""Which incident an alert belongs to."""

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.domain.alert import Alert
from controlplane.domain.incident import Candidate, Incident, TimelineEntry, mean, merged, place

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)
WINDOW = timedelta(minutes=60)


def candidate(
    alert_id: int,
    priority: str = "P0",
    minutes: float = 0,
    service: str = "db",
    ended: float | None = None,
    **labels: str,
) -> Candidate:
    return Candidate(
        alert_id,
        Alert(
            fingerprint=f"f{alert_id}",
            name=f"A{alert_id}",
            state="firing" if ended is None else "resolved",
            severity="critical",
            priority=priority,  # type: ignore[arg-type]
            starts_at=NOW + timedelta(minutes=minutes),
            ends_at=None if ended is None else NOW + timedelta(minutes=ended),
            received_at=NOW,
            labels={"service": service, **labels} if service else labels,
            annotations={"summary": "down"},
        ),
    )


def incident(number: str = "INC-1", firing: bool = True, news: float = 0, service: str = "db") -> Incident:
    return Incident(
        number=number,
        state="open",
        title="t",
        title_zh="t",
        priority="P1",
        profile="claude_memory",
        service=service,
        began_at=NOW,
        opened_at=NOW,
        opened_by="alert",
        news_at=NOW + timedelta(minutes=news),
        firing=firing,
        alert_count=1,
    )


@pytest.mark.parametrize(
    ("name", "candidates", "incidents", "joined", "opened"),
    [
        ("a first one opens", [candidate(1)], [], {}, [[1]]),
        ("two of one service share", [candidate(2, minutes=5), candidate(1)], [], {}, [[1, 2]]),
        ("two services do not", [candidate(1), candidate(2, service="web")], [], {}, [[1], [2]]),
        ("two profiles do not", [candidate(1), candidate(2, profile="agent_v3")], [], {}, [[1], [2]]),
        ("the default profile is one", [candidate(1), candidate(2, profile="claude_memory")], [], {}, [[1, 2]]),
        ("P2 opens none", [candidate(1, "P2")], [], {}, []),
        ("P3 joins", [candidate(1, "P3")], [incident()], {"INC-1": [1]}, []),
        ("P1 opens", [candidate(1, "P1")], [], {}, [[1]]),
        ("joins what fires, however late", [candidate(1, minutes=600)], [incident()], {"INC-1": [1]}, []),
        ("joins what was news of late", [candidate(1, minutes=59)], [incident(firing=False)], {"INC-1": [1]}, []),
        ("too late for what has ended", [candidate(1, minutes=61)], [incident(firing=False)], {}, [[1]]),
        ("counts from the last news", [candidate(1, minutes=61)], [incident(firing=False, news=5)], {"INC-1": [1]}, []),
        ("began before, still there", [candidate(1, minutes=-300)], [incident()], {}, [[1]]),
        ("began and ended long before", [candidate(1, minutes=-300, ended=-200)], [incident()], {}, [[1]]),
        ("ended shortly before", [candidate(1, minutes=-50, ended=-40)], [incident()], {"INC-1": [1]}, []),
        ("another service", [candidate(1, service="web")], [incident()], {}, [[1]]),
        ("without a service its job counts", [candidate(1, service="", job="db")], [incident()], {"INC-1": [1]}, []),
        (
            "ended alerts open one, too",
            [candidate(1, ended=2), candidate(2, minutes=50), candidate(3, minutes=200, ended=201)],
            [],
            {},
            [[1, 2, 3]],
        ),
        ("a gap opens another", [candidate(1, ended=2), candidate(2, minutes=70, ended=71)], [], {}, [[1], [2]]),
    ],
)
def test_place(
    name: str,
    candidates: list[Candidate],
    incidents: list[Incident],
    joined: dict[str, list[int]],
    opened: list[list[int]],
) -> None:
    placing = place(candidates, incidents, "claude_memory", WINDOW, NOW)
    got = {number: [one.alert_id for one in members] for number, members in placing.joined.items()}
    assert (got, [[one.alert_id for one in draft.members] for draft in placing.opened]) == (joined, opened), name


def test_what_is_opened_tells_of_its_first_alert_and_its_most_urgent_priority() -> None:
    (draft,) = place([candidate(1, "P1", 3), candidate(2, "P0", 9)], [], "claude_memory", WINDOW, NOW).opened
    one = draft.incident
    assert (one.title, one.priority, one.service, one.alert_count) == ("A1: down", "P0", "db", 2)
    assert (one.began_at, one.news_at) == (NOW + timedelta(minutes=3), NOW + timedelta(minutes=9))


def test_merged_timelines_tell_each_thing_once_and_the_newest_version_of_it() -> None:
    def entry(minutes: int, outcome: str = "", kind: str = "note") -> TimelineEntry:
        return TimelineEntry(NOW + timedelta(minutes=minutes), kind, outcome=outcome)

    kept = [entry(2, "running"), entry(1)]
    assert merged(kept, [entry(2, "succeeded"), entry(2, kind="alert_firing")]) == [
        entry(1),
        entry(2, kind="alert_firing"),
        entry(2, "succeeded"),
    ]


def test_mean_of_what_is_known() -> None:
    assert (mean([None, 2.0, 4.0]), mean([None])) == (3.0, None)
