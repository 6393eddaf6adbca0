"""Anomalies in a report: read from the store, drawn from Prometheus, and put into words."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol

from controlplane.domain.anomaly.episode import SEVERITIES, Episode
from controlplane.domain.anomaly.feedback import Feedback, precision
from controlplane.domain.anomaly.watch import Watch
from controlplane.domain.slo.unusual import AnomalyFact, AnomalyReport
from controlplane.errors import CmctlError
from controlplane.services.anomaly.draw import svg_chart
from controlplane.services.anomaly.ports import EpisodeFilter
from controlplane.services.anomaly.present import episode_view
from controlplane.services.anomaly.stretch import Stretch
from controlplane.services.slo.report.document import Block, Cell, Drawing, Section, Table, Text, plain
from controlplane.services.slo.report.formats import DASH, Formats

MOST_LINES, MOST_PICTURES = 20, 3
# More than these are not looked through for the most serious ones.
_MOST_READ = 1000
StretchReader = Callable[[Mapping[str, Any]], Awaitable[Stretch]]


class Found(Protocol):
    """What was found, and what was said of it."""

    async def list_episodes(self, wanted: EpisodeFilter) -> list[Episode]:
        """The wanted episodes, newest first. Raises DependencyUnreachable."""
        ...

    async def feedback(self) -> list[Feedback]:
        """The verdicts that stand. Raises DependencyUnreachable."""
        ...


async def read_anomalies(
    store: Found, watches: Mapping[str, Watch], draw: StretchReader, start: datetime, end: datetime
) -> AnomalyReport:
    """What began between two moments. Never raises CmctlError: what is not known is said in the answer."""
    try:
        episodes = await store.list_episodes(EpisodeFilter(since=start, limit=_MOST_READ))
        feedback = await store.feedback()
    except CmctlError as error:
        return AnomalyReport(problem=error.message)
    within = [one for one in episodes if start <= one.started < end]
    within.sort(key=lambda one: (-SEVERITIES.index(one.severity), -one.peak_nats, one.started_at))
    facts = [
        await _fact(one, watches, feedback, draw if place < MOST_PICTURES else None)
        for place, one in enumerate(within[:MOST_LINES])
    ]
    said = precision(feedback)
    return AnomalyReport(tuple(facts), len(within), said.real, said.fine)


async def _fact(
    episode: Episode, watches: Mapping[str, Watch], feedback: Sequence[Feedback], draw: StretchReader | None
) -> AnomalyFact:
    view = episode_view(episode, watches, feedback, {})
    return AnomalyFact(
        id=episode.id,
        title=view["title"],
        title_zh=view["title_zh"],
        series=view["series"],
        severity=episode.severity,
        started=episode.started,
        ended=episode.ended,
        reason=view["reason"],
        reason_zh=view["reason_zh"],
        verdict=view["feedback"],
        picture=await _picture(view, draw) if draw else "",
    )


async def _picture(view: Mapping[str, Any], draw: StretchReader) -> str:
    """A picture helps and decides nothing: without one the table still says it all."""
    try:
        stretch = await draw(view)
    except CmctlError:
        return ""
    started = view["started_at"].timestamp()
    return svg_chart(stretch, started, started + view["duration_seconds"], f"{view['title']} {view['series']}")


def anomaly_record(report: AnomalyReport | None) -> dict[str, Any] | None:
    """Anomalies as data, without pictures; None where nobody asked for them."""
    if report is None:
        return None
    facts = [{name: value for name, value in asdict(one).items() if name != "picture"} for one in report.facts]
    return {
        "total": report.total,
        "real": report.real,
        "fine": report.fine,
        "problem": report.problem,
        "anomalies": facts,
    }


def anomaly_section(report: AnomalyReport | None, formats: Formats) -> list[Section]:
    """The section, if anomalies were asked for."""
    say = formats.say
    if report is None:
        return []
    if report.problem:
        blocks: list[Block] = [Text(plain(say("anomalies_problem", problem=report.problem)))]
    elif not report.facts:
        blocks = [Text(plain(f"{say('anomalies_none')} {_precision(report, formats)}"))]
    else:
        keys = ("anomalies_began", "anomalies_ended", "anomalies_severity", "anomalies_what", "anomalies_verdict")
        counted = say("anomalies_count", shown=str(len(report.facts)), total=str(report.total))
        table = Table(
            say("anomalies"),
            tuple(say(key) for key in keys),
            tuple(_row(one, formats) for one in report.facts),
            wide=3,
            note=f"{counted} {_precision(report, formats)}",
        )
        blocks = [table, *(_drawing(one, formats) for one in report.facts if one.picture)]
    return [Section("anomalies", say("anomalies"), tuple(blocks))]


def _precision(report: AnomalyReport, formats: Formats) -> str:
    judged = report.real + report.fine
    if not judged:
        return formats.say("anomalies_unjudged")
    return formats.say("anomalies_precision", real=str(report.real), judged=str(judged))


def _row(fact: AnomalyFact, formats: Formats) -> tuple[Cell, ...]:
    say = formats.say
    reason = fact.reason_zh if say.language == "zh" else fact.reason
    return (
        plain(formats.moment(fact.started)),
        plain(formats.moment(fact.ended) if fact.ended else say("anomalies_lasts")),
        plain(fact.severity),
        plain(f"{_title(fact, formats)}{say('colon')}{reason}"),
        plain(fact.verdict or DASH),
    )


def _drawing(fact: AnomalyFact, formats: Formats) -> Drawing:
    reason = fact.reason_zh if formats.say.language == "zh" else fact.reason
    return Drawing(f"anomaly-{fact.id}", _title(fact, formats), reason, fact.picture)


def _title(fact: AnomalyFact, formats: Formats) -> str:
    return f"{fact.title_zh if formats.say.language == 'zh' else fact.title} {fact.series}".rstrip()
