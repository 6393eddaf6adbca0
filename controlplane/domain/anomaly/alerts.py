"""Which alerts the open episodes deserve: one each while they are few, one together when they are many."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from controlplane.domain.anomaly.episode import PRIORITIES, SEVERITIES, Episode, Severity
from controlplane.domain.anomaly.reasons import sentence
from controlplane.domain.anomaly.reasons_zh import sentence_zh
from controlplane.domain.anomaly.watch import SeriesKey, Watch

ALERT = "ClaudeMemoryAnomaly"
STORM_ALERT = "ClaudeMemoryAnomalyStorm"
_STORM_NAMES = 5
_GRAPH_HOURS = 6
# Names that an alert uses itself; a label of the series with such a name gets a prefix.
_OURS = frozenset({"alertname", "severity", "priority", "service", "watch", "series"})


@dataclass(frozen=True)
class AlertLinks:
    """Where an alert's links point, without trailing slashes."""

    prometheus: str
    control_plane: str
    runbook: str


@dataclass(frozen=True)
class AlertPolicy:
    """What is told: episodes of ``least_severity`` and more; beyond ``most_alerts`` at once, one alert for all."""

    least_severity: Severity = "warning"
    most_alerts: int = 10


@dataclass(frozen=True)
class DraftAlert:
    """One alert as Alertmanager takes it, less its end. ``started_at`` is in seconds since 1970."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    started_at: float
    generator_url: str

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """Its identity: the labels."""
        return tuple(sorted(self.labels.items()))


def plan_alerts(
    episodes: Sequence[Episode], watches: Mapping[str, Watch], policy: AlertPolicy, links: AlertLinks, was_storm: bool
) -> list[DraftAlert]:
    """The alerts that should fire now. A storm is over when half as many as start one are left.

    What is not told yet counts for a storm: series that go mad together do not all do so in the same minute.
    """
    least = SEVERITIES.index(policy.least_severity)
    lasting = [item for item in episodes if item.is_open]
    told = [item for item in lasting if SEVERITIES.index(item.severity) >= least]
    most = policy.most_alerts // 2 if was_storm else policy.most_alerts
    if told and len(lasting) > most:
        return [_storm(lasting, links)]
    return [_single(item, watches.get(item.watch), links) for item in told]


def _single(episode: Episode, watch: Watch | None, links: AlertLinks) -> DraftAlert:
    title = watch.title if watch else episode.watch
    title_zh = watch.title_zh if watch else episode.watch
    series = SeriesKey(episode.watch, episode.labels).text
    facts = episode.facts
    command = f"cmctl anomaly feedback {episode.id} --fine | --real"
    labels = {
        **{(f"series_{name}" if name in _OURS else name): value for name, value in episode.labels},
        "alertname": ALERT,
        "severity": episode.severity,
        "priority": PRIORITIES[episode.severity],
        "service": (watch.service if watch else "") or "controlplane",
        "watch": episode.watch,
    }
    page = f"{links.control_plane}/anomalies/{episode.id}"
    reason, reason_zh = sentence(facts, episode.started_at), sentence_zh(facts, episode.started_at)
    annotations = {
        "summary": f"{title} {series}: {reason}".replace(" :", ":"),
        "description": f"{reason}. See the stretch: cmctl anomaly show {episode.id}. Judge it: {command}",
        "summary_zh": f"{title_zh} {series}：{reason_zh}",
        "description_zh": f"{reason_zh}。查看：cmctl anomaly show {episode.id}。反馈（正常或属实）：{command}",
        "anomaly_id": episode.id,
        "anomaly_url": page,
        "feedback": command,
        "runbook_url": f"{links.runbook}#{ALERT.lower()}",
    }
    url = graph_url(links.prometheus, watch.query) if watch else page
    return DraftAlert(labels, annotations, episode.started_at, url)


def _storm(episodes: Sequence[Episode], links: AlertLinks) -> DraftAlert:
    """One alert for all: how many, of what, and the most unusual of them."""
    worst = max(episodes, key=lambda item: SEVERITIES.index(item.severity)).severity
    by_watch = Counter(item.watch for item in episodes)
    names = ", ".join(f"{name} ({count})" for name, count in by_watch.most_common(_STORM_NAMES))
    more = len(by_watch) - _STORM_NAMES
    names += f", +{more}" if more > 0 else ""
    first = min(item.started_at for item in episodes)
    labels = {
        "alertname": STORM_ALERT,
        "severity": "warning" if worst == "info" else worst,
        "priority": PRIORITIES["warning" if worst == "info" else worst],
        "service": "controlplane",
    }
    annotations = {
        "summary": f"{len(episodes)} series are anomalous at once: {names}",
        "description": "So many at once have one cause. All of them: cmctl anomaly list --open",
        "summary_zh": f"{len(episodes)} 个序列同时异常：{names}",
        "description_zh": "同时出现这么多异常通常只有一个原因。全部列表：cmctl anomaly list --open",
        "anomaly_url": f"{links.control_plane}/#anomalies",
        "runbook_url": f"{links.runbook}#{STORM_ALERT.lower()}",
    }
    return DraftAlert(labels, annotations, first, f"{links.control_plane}/#anomalies")


def graph_url(prometheus: str, query: str) -> str:
    """The query as a graph on Prometheus's own page."""
    return f"{prometheus}/graph?g0.expr={quote(query, safe='')}&g0.tab=0&g0.range_input={_GRAPH_HOURS}h"
