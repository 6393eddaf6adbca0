"""Anomalies in a report: the most serious first, with pictures and verdicts, in both languages; or none is known."""

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from controlplane.domain.anomaly.episode import Episode, begin, end, extend
from controlplane.domain.anomaly.feedback import Feedback
from controlplane.domain.anomaly.verdict import Explanation, Kind
from controlplane.domain.anomaly.watch import Watch
from controlplane.domain.slo.unusual import AnomalyReport
from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.anomaly.ports import EpisodeFilter
from controlplane.services.anomaly.stretch import Stretch
from controlplane.services.slo.report.anomalies import MOST_PICTURES, anomaly_record, anomaly_section, read_anomalies
from controlplane.services.slo.report.document import Drawing
from controlplane.services.slo.report.formats import Formats
from controlplane.services.slo.report.words import Language, Speaker

START = datetime(2026, 11, 1, tzinfo=UTC)
END = START + timedelta(days=7)
WATCHES = {"latency": Watch("latency", "a / b", "Latency", "延迟", "s", "web", interval_ms=60_000)}
FACTS = Explanation(Kind.LEVEL, 9.0, 2.0, 1.0, 0.1, True, 0.9, 0)
SEEN: list[str] = []


def episode(number: int, day: float = 1.0, samples: int = 1) -> Episode:
    at = (START + timedelta(days=day)).timestamp()
    made = begin(f"series{number}", "latency", (("instance", f"i{number}"),), at, 0.999, FACTS)
    for sample in range(1, samples):
        made = extend(made, at + 60 * sample, 2.0, 1.0)
    return end(made, at + 60 * samples, "back to normal")


class StandIn:
    """Holds the episodes it was made with."""

    def __init__(self, *episodes: Episode, verdicts: tuple[str, ...] = (), fault: CmctlError | None = None) -> None:
        self.episodes = list(episodes)
        self.verdicts = verdicts
        self.fault = fault

    async def list_episodes(self, wanted: EpisodeFilter) -> list[Episode]:
        if self.fault:
            raise self.fault
        return [one for one in self.episodes if wanted.since is None or one.started >= wanted.since]

    async def feedback(self) -> list[Feedback]:
        return [
            Feedback(self.episodes[place].id, "s", "level", verdict, "ann", END)  # type: ignore[arg-type]
            for place, verdict in enumerate(self.verdicts)
        ]


async def drawn(view: Mapping[str, Any]) -> Stretch:
    SEEN.append(view["series"])
    times = [view["started_at"].timestamp() + 60 * step for step in range(-5, 5)]
    return Stretch(times, [1.0] * 5 + [2.0] * 5, [0.9] * 10, [1.1] * 10, [0.0] * 10)


async def gone(view: Mapping[str, Any]) -> Stretch:
    raise CmctlError("Prometheus has no samples of this stretch any more")


def in_words(report: AnomalyReport, language: Language = "en") -> str:
    (section,) = anomaly_section(report, Formats(Speaker(language), "UTC"))
    return repr(section)


async def test_the_most_serious_come_first_with_pictures_and_verdicts() -> None:
    store = StandIn(
        episode(1), episode(2, samples=40), episode(3, samples=5), episode(4, day=9), verdicts=("fine", "real")
    )
    report = await read_anomalies(store, WATCHES, drawn, START, END)
    assert [one.severity for one in report.facts] == ["error", "warning", "info"]
    assert [one.verdict for one in report.facts] == ["real", None, "fine"]
    assert (report.total, report.real, report.fine) == (3, 1, 1), "what began after the end is not counted"
    english, chinese = in_words(report), in_words(report, "zh")
    assert "level shift +100 %" in english and "Of 2 judged so far, 1 were real." in english
    assert "延迟" in chinese and "水平偏移" in chinese and "其中 1 个属实" in chinese
    (section,) = anomaly_section(report, Formats(Speaker("en"), "UTC"))
    drawings = [block for block in section.blocks if isinstance(block, Drawing)]
    assert len(drawings) == 3 and all(one.svg.startswith("<svg") for one in drawings)
    record = anomaly_record(report)
    assert record is not None and "picture" not in record["anomalies"][0] and record["total"] == 3


async def test_only_the_first_few_are_drawn_and_one_without_samples_is_only_told() -> None:
    SEEN.clear()
    store = StandIn(*(episode(number) for number in range(30)))
    report = await read_anomalies(store, WATCHES, drawn, START, END)
    assert len(SEEN) == MOST_PICTURES and "The 20 most serious of 30." in in_words(report)
    report = await read_anomalies(store, WATCHES, gone, START, END)
    assert not any(one.picture for one in report.facts) and len(report.facts) == 20


async def test_nothing_found_and_nothing_known_are_told_apart() -> None:
    quiet = await read_anomalies(StandIn(), WATCHES, drawn, START, END)
    assert "None began in this time." in in_words(quiet)
    fault = DependencyUnreachable("PostgreSQL does not answer")
    unknown = await read_anomalies(StandIn(fault=fault), WATCHES, drawn, START, END)
    assert "Anomalies are not known: PostgreSQL does not answer" in in_words(unknown)
    assert anomaly_section(None, Formats(Speaker("en"), "UTC")) == [] and anomaly_record(None) is None


async def test_a_name_with_markup_stays_text_in_a_picture() -> None:
    hostile = dataclasses.replace(episode(1), labels=(("instance", "<script>"),))
    report = await read_anomalies(StandIn(hostile), WATCHES, drawn, START, END)
    assert "<script>" not in report.facts[0].picture and "&lt;script&gt;" in report.facts[0].picture
