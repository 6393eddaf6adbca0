"""Status and report over 50 objectives and 30 days from a real Prometheus, against the bare range queries they need."""

import asyncio
import resource
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import aiohttp

from controlplane.adapters.prometheus_samples import PrometheusSamples
from controlplane.adapters.report.render import ReportRenderer
from controlplane.domain.slo.objective import (
    CounterIndicator,
    GaugeIndicator,
    LatencyIndicator,
    Objective,
    TimeWindow,
)
from controlplane.domain.slo.report import AlertHistory, Report
from controlplane.domain.slo.selector import parse_selector
from controlplane.services.slo.assess import SloAssessor
from controlplane.services.slo.ports import Answer
from controlplane.services.slo.report.compose import compose
from controlplane.services.slo.report.make import Maintenances, Origin, SloReporter
from tests.support.prometheus import PrometheusServer, SampleSeries

DAYS = 30
STEP_MS = 15_000
START_MS = 1_700_006_400_000
END_MS = START_MS + DAYS * 86_400_000
OBJECTIVES = 50
CONCURRENCY = 4
ROUNDS = 3
WINDOW = TimeWindow(rolling_seconds=DAYS * 86_400.0)


def _objective(number: int) -> Objective:
    name = f"s{number:02}"
    kinds = (
        GaugeIndicator(parse_selector(f'up{{service="{name}"}}')),
        CounterIndicator(
            parse_selector(f'requests_total{{service="{name}"}}'),
            parse_selector(f'requests_total{{service="{name}",status="error"}}'),
            "bad",
        ),
        LatencyIndicator(parse_selector(f'latency_seconds{{service="{name}"}}'), 0.5),
    )
    return Objective(name, name, name, name, "", kinds[number % 3], WINDOW, 0.999)


def _series(day: int) -> Iterator[SampleSeries]:
    """All series for one day; a file of more makes promtool read it many times over."""
    for number in range(OBJECTIVES):
        labels = {"job": "bench", "instance": "i", "service": f"s{number:02}"}
        if number % 3 == 0:
            yield _one(day, {"__name__": "up", **labels}, lambda i: float(i % 1009 != 0))
        elif number % 3 == 1:
            yield _one(day, {"__name__": "requests_total", "status": "ok", **labels}, lambda i: 7.0 * i)
            yield _one(day, {"__name__": "requests_total", "status": "error", **labels}, lambda i: float(i // 200))
        else:
            yield _one(day, {"__name__": "latency_seconds_count", **labels}, lambda i: 5.0 * i)
            yield _one(
                day, {"__name__": "latency_seconds_bucket", "le": "0.5", **labels}, lambda i: float(5 * i - i // 300)
            )


def _one(day: int, labels: dict[str, str], value: Callable[[int], float]) -> SampleSeries:
    count = 86_400_000 // STEP_MS
    return SampleSeries(
        labels, [(START_MS + 7000 + STEP_MS * i, value(i)) for i in range(day * count, (day + 1) * count)]
    )


class _Recorder(PrometheusSamples):
    """Remembers which queries a report asks."""

    def __init__(self, url: str) -> None:
        super().__init__(url, concurrency=CONCURRENCY)
        self.asked: list[tuple[str, int, int]] = []

    async def samples(self, selector: str, start: int, end: int) -> Answer:
        """Remember, then ask."""
        self.asked.append((selector, start, end))
        return await super().samples(selector, start, end)


async def _assess(url: str) -> tuple[float, list[tuple[str, int, int]]]:
    """Where the objectives stand: what ``cmctl slo status`` computes."""
    async with _Recorder(url) as source:
        began = time.perf_counter()
        await SloAssessor(source, _end).assess(_objectives())
        return time.perf_counter() - began, source.asked


async def _report(url: str) -> tuple[float, list[tuple[str, int, int]], Report]:
    """The whole report: the period before, losses, minutes and courses besides."""
    async with _Recorder(url) as source:
        origin = Origin("bench", "0", url)
        reporter = SloReporter(source, NoAlerts(), Maintenances(lambda objective, start, end: ()), _end, origin)
        began = time.perf_counter()
        report = await reporter.report(_objectives())
        return time.perf_counter() - began, source.asked, report


class NoAlerts:
    """No alert ever fired."""

    async def between(self, start: datetime, end: datetime) -> AlertHistory:
        return AlertHistory(())


def _objectives() -> list[Objective]:
    return [_objective(number) for number in range(OBJECTIVES)]


def _end() -> datetime:
    return datetime.fromtimestamp(END_MS / 1000, UTC)


async def _bare(url: str, asked: list[tuple[str, int, int]]) -> float:
    """The same queries with nothing done to the answers but reading them."""
    slots = asyncio.Semaphore(CONCURRENCY)
    async with aiohttp.ClientSession() as session:

        async def ask(selector: str, start: int, end: int) -> None:
            form = {"query": f"{selector}[{end - start}ms]", "time": f"{end / 1000:.3f}"}
            async with slots, session.post(f"{url}/api/v1/query", data=form) as response:
                response.raise_for_status()
                async for _ in response.content.iter_chunked(256 * 1024):
                    pass

        began = time.perf_counter()
        for position in range(0, len(asked), 200):
            await asyncio.gather(*(ask(*one) for one in asked[position : position + 200]))
        return time.perf_counter() - began


def run() -> dict[str, Any]:
    """Seconds of status and report beside their bare queries (best of rounds in turn), memory, seconds to render."""
    server = PrometheusServer()
    try:
        for day in range(DAYS):
            server.load(_series(day))
        server.start()
        _, status_asked = asyncio.run(_assess(server.url))
        _, report_asked, report = asyncio.run(_report(server.url))
        status_rounds, report_rounds = [], []
        for _ in range(ROUNDS):
            status_rounds.append((asyncio.run(_bare(server.url, status_asked)), asyncio.run(_assess(server.url))[0]))
            report_rounds.append((asyncio.run(_bare(server.url, report_asked)), asyncio.run(_report(server.url))[0]))
    finally:
        server.remove()
    computing_mb = _peak_mb()
    return {
        "objectives": OBJECTIVES,
        "status": _ratio(status_rounds, len(status_asked)),
        "report": _ratio(report_rounds, len(report_asked)),
        "peak_memory_mb": computing_mb,
        "rendered": {**_render(report), "peak_memory_mb": _peak_mb()},
    }


def _ratio(rounds: list[tuple[float, float]], queries: int) -> dict[str, float]:
    bare, ours = (min(figures) for figures in zip(*rounds, strict=True))
    return {
        "queries": queries,
        "bare_queries_seconds": round(bare, 2),
        "seconds": round(ours, 2),
        "ratio": round(ours / bare, 2),
    }


def _render(report: Report) -> dict[str, float]:
    """Seconds and size of the report in each format, with fifty charts."""
    found: dict[str, float] = {}
    for form in ("md", "html", "pdf"):
        began = time.perf_counter()
        content = ReportRenderer().render(compose(report, "en", "UTC"), form)
        found |= {f"{form}_seconds": round(time.perf_counter() - began, 2), f"{form}_kb": round(len(content) / 1000)}
    return found


def _peak_mb() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
