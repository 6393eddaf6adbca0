"""Reports for tests: observed from samples that are written down here, so that every figure can be computed by hand."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from controlplane.domain.maintenance import Exclusion
from controlplane.domain.slo.grid import Series
from controlplane.domain.slo.incidents import IncidentFact, IncidentHistory
from controlplane.domain.slo.objective import (
    Alerting,
    CounterIndicator,
    FreshnessIndicator,
    GaugeIndicator,
    Objective,
    TimeWindow,
)
from controlplane.domain.slo.report import AlertHistory, Report
from controlplane.domain.slo.report_period import ReportPeriod, custom
from controlplane.domain.slo.response import AlertFact
from controlplane.domain.slo.selector import parse_selector
from controlplane.services.slo.ports import Answer, QueryFailed
from controlplane.services.slo.report.make import Maintenances, Origin, SloReporter

STEP_MS = 15_000
START = datetime(2026, 11, 10, tzinfo=UTC)
END = START + timedelta(days=10)
NOW = END + timedelta(hours=1)
WEEK = TimeWindow(rolling_seconds=7 * 86_400)
AVAILABILITY = Objective(
    "mcp-availability",
    "claude-memory-mcp",
    "Memory server is reachable",
    "记忆服务可用性",
    "",
    GaugeIndicator(parse_selector('up{job="claude-memory-mcp"}')),
    WEEK,
    0.999,
)
ERRORS = Objective(
    "mcp-errors",
    "claude-memory-mcp",
    "Requests succeed",
    "请求成功率",
    "",
    CounterIndicator(parse_selector("requests_total"), parse_selector("errors_total"), "bad"),
    WEEK,
    0.99,
    alerting=Alerting(minimum_events=20),
)
BACKUPS = Objective(
    "backup-freshness",
    "claude-memory-controlplane",
    "The last good backup is less than 26 hours old",
    "最近一次成功备份不超过 26 小时",
    "",
    FreshnessIndicator(parse_selector("last_success"), 26 * 3600),
    WEEK,
    0.99,
)
SILENT = Objective(
    "qdrant-availability",
    "qdrant",
    "The vector store answers",
    "向量库可用性",
    "",
    GaugeIndicator(parse_selector("qdrant_up")),
    WEEK,
    0.995,
)
Values = Callable[[np.ndarray], np.ndarray]


def at(days: float, minutes: float = 0) -> datetime:
    """So long after the start."""
    return START + timedelta(days=days, minutes=minutes)


def ms(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


class WrittenSamples:
    """A SampleSource: one series for each selector, a sample a second before every slot ends, values by function."""

    def __init__(self, values: dict[str, Values], refused: Sequence[tuple[str, int, int]] = ()) -> None:
        self._values = values
        self._refused = list(refused)

    def refuse(self, selector: str, start: int, end: int) -> None:
        """Refuse queries of a selector that touch (start, end)."""
        self._refused.append((selector, start, end))

    async def samples(self, selector: str, start: int, end: int) -> Answer:
        for name, first, last in self._refused:
            if name == selector and start < last and end > first:
                raise QueryFailed("Prometheus answered 503: <busy>")
        if selector not in self._values:
            return Answer([])
        moments = np.arange(start // STEP_MS * STEP_MS + STEP_MS - 1000, end + 1, STEP_MS, dtype=np.int64)
        moments = moments[moments > start]
        values = self._values[selector](moments)
        there = ~np.isnan(values)
        return Answer([Series({"job": "j", "instance": "i"}, moments[there], values[there])])

    async def values(self, query: str, start: int, end: int, step: int) -> Answer:
        raise AssertionError(f"no query is expected, got {query}")


class WrittenAlerts:
    """An AlertReader with one answer."""

    def __init__(self, history: AlertHistory) -> None:
        self._history = history

    async def between(self, start: datetime, end: datetime) -> AlertHistory:
        return self._history


def alert(name: str, start: datetime, end: datetime | None, **changes: object) -> AlertFact:
    """An alert of the memory server."""
    fields: dict[str, object] = {
        "fingerprint": f"{len(name):016x}",
        "name": name,
        "severity": "critical",
        "priority": "P0",
        "service": "claude-memory-mcp",
        "slo": "",
        "starts_at": start,
        "ends_at": end,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "summary": "The memory server is down",
        "summary_zh": "记忆服务已离线",
        "url": "http://prometheus.example/graph?g0.expr=up",
        "runbook_url": "https://runbook.example/#claudememorymcpdown",
    }
    return AlertFact(**{**fields, **changes})  # type: ignore[arg-type]


def within(moments: np.ndarray, start: datetime, end: datetime) -> np.ndarray:
    """Samples whose slot lies in (start, end]."""
    inside: np.ndarray = (moments > ms(start)) & (moments < ms(end))
    return inside


def story() -> WrittenSamples:
    """Ten days: an outage of 30 minutes and one of 4, two hours of maintenance while down, half a day unseen.

    A request a second; of those on day 6 between 10:00 and 10:10 half fail, besides one of 300 before and after. The
    last backup was made 30 hours before the end.
    """

    def up(moments: np.ndarray) -> np.ndarray:
        values = np.ones(moments.size)
        values[within(moments, at(2, 600), at(2, 630))] = 0
        values[within(moments, at(7, 60), at(7, 64))] = 0
        values[within(moments, at(4, 120), at(4, 240))] = 0
        values[within(moments, at(5), at(5, 720))] = np.nan
        return values

    def failures(moments: np.ndarray) -> np.ndarray:
        seconds = np.clip((moments - ms(at(6, 600))) / 1000, 0, 600)
        result: np.ndarray = np.floor(moments / 300_000) + np.floor(seconds / 2)
        return result

    return WrittenSamples(
        {
            str(AVAILABILITY.indicator.gauge): up,  # type: ignore[union-attr]
            "requests_total": lambda moments: np.floor(moments / 1000),
            "errors_total": failures,
            "last_success": lambda moments: np.full(moments.size, (END - timedelta(hours=30)).timestamp()),
        }
    )


HISTORY = AlertHistory(
    (
        alert("ClaudeMemoryMCPDown", at(2, 601), at(2, 631), acknowledged_at=at(2, 606), acknowledged_by="bob"),
        alert("ClaudeMemoryMCPDown", at(7, 61), at(7, 65)),
        alert("DiskFull", at(2, 605), None, service="host", severity="warning", summary="Disk", summary_zh="磁盘"),
    )
)


def incident(number: str, start: datetime, end: datetime | None, **changes: object) -> IncidentFact:
    """An incident of the memory server."""
    fields: dict[str, object] = {
        "number": number,
        "title": "ClaudeMemoryMCPDown: The memory server is down",
        "title_zh": "ClaudeMemoryMCPDown：记忆服务已离线",
        "priority": "P0",
        "service": "claude-memory-mcp",
        "began_at": start,
        "recovered_at": end,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "closed_at": None,
        "url": f"http://127.0.0.1:8081/incidents/{number}",
    }
    return IncidentFact(**{**fields, **changes})  # type: ignore[arg-type]


INCIDENTS = IncidentHistory(
    (
        incident("INC-2026-0007", at(2, 601), at(2, 631), acknowledged_at=at(2, 606), acknowledged_by="bob"),
        incident("INC-2026-0008", at(2, 605), None, service="host", priority="P1", title="Disk", title_zh="磁盘"),
    )
)
EXCLUSIONS = (
    Exclusion(1, "alice", "Upgrade to 2.0", at(4, 120), at(4, 180), True),
    Exclusion(2, "mallory", "Forgot | <b>to</b> say", at(4, 180), at(4, 240), False),
)


def written_reporter(samples: WrittenSamples, alerts: WrittenAlerts, exclusions: Sequence[Exclusion]) -> SloReporter:
    """A reporter at NOW; the exclusions are those of the memory server."""

    def excluded(objective: Objective, start: datetime, end: datetime) -> Sequence[Exclusion]:
        return exclusions if objective.service == "claude-memory-mcp" else ()

    origin = Origin("claude-memory", "1.2.3", "http://prometheus.example")
    return SloReporter(samples, alerts, Maintenances(excluded), lambda: NOW, origin)


async def make_report(
    *objectives: Objective,
    samples: WrittenSamples | None = None,
    history: AlertHistory = HISTORY,
    exclusions: Sequence[Exclusion] = EXCLUSIONS,
    period: ReportPeriod | None = None,
) -> Report:
    """The report of the story, over its ten days unless told otherwise."""
    reporter = written_reporter(samples or story(), WrittenAlerts(history), exclusions)
    wanted = objectives or (AVAILABILITY, ERRORS, BACKUPS, SILENT)
    return await reporter.report(wanted, period or custom(START, END, "UTC", NOW))
