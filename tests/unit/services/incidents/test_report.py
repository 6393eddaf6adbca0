"""The post-incident report, in words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.adapters.report.render import ReportRenderer
from controlplane.cli.output import plain
from controlplane.domain.incident import Incident, IncidentAlert, IncidentNote, TimelineEntry
from controlplane.errors import CmctlError
from controlplane.services.incidents.desk import IncidentFile
from controlplane.services.incidents.read_record import file_of
from controlplane.services.incidents.record import file_record
from controlplane.services.incidents.report import Loss, Losses, Making, compose_incident, time_of
from controlplane.services.incidents.words import WORDS

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)
INCIDENT = Incident(
    number="INC-20260517-001",
    state="open",
    title="Down: the database is down",
    title_zh="Down：数据库不可用",
    priority="P0",
    profile="claude-memory",
    service="db",
    began_at=NOW,
    opened_at=NOW + timedelta(seconds=30),
    opened_by="alert",
    news_at=NOW,
    firing=False,
    alert_count=3,
    acknowledged_at=NOW + timedelta(minutes=20),
    acknowledged_by="ann",
    recovered_at=NOW + timedelta(minutes=45),
)
ALERT = IncidentAlert(
    "f", NOW, "Down", "P0", "critical", "the database | is *down*", "数据库不可用", {}, "firing", None, NOW
)
SHOWN = IncidentFile(
    INCIDENT,
    [ALERT],
    [IncidentNote("why", "ann", "the disk was full", NOW), IncidentNote("lesson", "bob", "watch disks", NOW)],
    [TimelineEntry(NOW, "alert_firing", "P0 Down f"), TimelineEntry(NOW, "oddity", detail="x", outcome="failed")],
    ["silences are not known: gone"],
)
LOSSES = Losses([Loss("Availability", "可用性", 1234.0, "seconds", 0.476, 0.0)])


def written(language: Any, losses: Losses = LOSSES, shown: IncidentFile = SHOWN) -> str:
    making = Making(language, "UTC", NOW + timedelta(hours=1), "1.0", {"P0": 900.0})
    return ReportRenderer().render(compose_incident(shown, losses, making), "md").decode()


def test_in_english() -> None:
    text = written("en")
    for part in (
        "# Post-incident report INC-20260517-001",
        "State: open, recovered",
        "Time to acknowledge (MTTA): 20 min, too late: 15 min are allowed",
        "Total downtime: 45 min",
        "| Availability | 20 min 34 s | 47.6 % |",
        "the disk was full",
        "☐ to be filled in",
        "2 more alerts belong to it.",
        "May lack something: silences are not known: gone",
        "| oddity |",
    ):
        assert part in text, part


def test_in_chinese() -> None:
    text = written("zh")
    for part in (
        "# 事故报告 INC-20260517-001",
        "Down：数据库不可用",
        "根因分析（5 Whys）",
        "可用性",
        "改进措施",
        "超时",
    ):
        assert part in text, part


@pytest.mark.parametrize(
    ("losses", "words"),
    [(Losses(), "No objective lost anything"), (Losses(problem="Prometheus is away"), "Not known: Prometheus is away")],
)
def test_what_is_not_known_is_not_called_no_loss(losses: Losses, words: str) -> None:
    assert words in written("en", losses)


def test_every_word_is_there_in_both_languages() -> None:
    assert all(english.strip() and chinese.strip() for english, chinese in WORDS.values())


def test_a_record_comes_back_as_the_incident_that_it_was() -> None:
    back = file_of(plain(file_record(SHOWN)))
    assert (back.alerts, back.notes, back.timeline) == (SHOWN.alerts, SHOWN.notes, SHOWN.timeline)
    assert back.incident == INCIDENT
    with pytest.raises(CmctlError, match="not an incident"):
        file_of({"number": "x"})


def test_the_time_of_losses_is_at_least_a_minute_and_ends_when_it_recovered() -> None:
    assert time_of(INCIDENT, NOW + timedelta(days=1)) == (NOW, NOW + timedelta(minutes=45))
