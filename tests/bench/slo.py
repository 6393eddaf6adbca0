"""Status and report over 50 objectives and 30 days from a real Prometheus, against the bare range queries they need."""

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import psutil

from controlplane.adapters.prometheus_samples import PrometheusSamples, headers_for
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


async def _assess(url: str) -> list[tuple[str, int, int]]:
    """Where the objectives stand: what ``cmctl slo status`` computes."""
    async with _Recorder(url) as source:
        await SloAssessor(source, _end).assess(_objectives())
        return source.asked


async def _report(url: str) -> tuple[list[tuple[str, int, int]], Report]:
    """The whole report: the period before, losses, minutes and courses besides."""
    async with _Recorder(url) as source:
        origin = Origin("bench", "0", url)
        reporter = SloReporter(source, NoAlerts(), Maintenances(lambda objective, start, end: ()), _end, origin)
        report = await reporter.report(_objectives())
        return source.asked, report


class NoAlerts:
    """No alert ever fired."""

    async def between(self, start: datetime, end: datetime) -> AlertHistory:
        return AlertHistory(())


def _objectives() -> list[Objective]:
    return [_objective(number) for number in range(OBJECTIVES)]


def _end() -> datetime:
    return datetime.fromtimestamp(END_MS / 1000, UTC)


@dataclass(frozen=True)
class _Cost:
    """Wall time, and processor time of this process and of Prometheus together, in seconds."""

    seconds: float
    processor_seconds: float


def _cost(server: PrometheusServer, work: Callable[[], object]) -> _Cost:
    prometheus = psutil.Process(server.process.pid)

    def used() -> float:
        times = prometheus.cpu_times()
        return time.process_time() + float(times.user) + float(times.system)

    began, begun = time.perf_counter(), used()
    work()
    return _Cost(time.perf_counter() - began, used() - begun)


async def _bare(url: str, asked: list[tuple[str, int, int]], headers: Mapping[str, str]) -> None:
    """The same queries with nothing done to the answers but reading them."""
    slots = asyncio.Semaphore(CONCURRENCY)
    async with aiohttp.ClientSession(headers=headers) as session:

        async def ask(selector: str, start: int, end: int) -> None:
            form = {"query": f"{selector}[{end - start}ms]", "time": f"{end / 1000:.3f}"}
            async with slots, session.post(f"{url}/api/v1/query", data=urlencode(form).encode()) as response:
                response.raise_for_status()
                async for _ in response.content.iter_chunked(256 * 1024):
                    pass

        for position in range(0, len(asked), 200):
            await asyncio.gather(*(ask(*one) for one in asked[position : position + 200]))


def run() -> dict[str, Any]:
    """Status and report beside their bare queries (best of rounds in turn), memory, seconds to render.

    The bare queries are asked as the report asks them, and as HTTP clients do unless told otherwise, packed.
    """
    server = PrometheusServer()
    try:
        for day in range(DAYS):
            server.load(_series(day))
        server.start()
        status_asked = asyncio.run(_assess(server.url))
        report_asked, _ = asyncio.run(_report(server.url))
        status = _compared(server, status_asked, lambda: asyncio.run(_assess(server.url)))
        report = _compared(server, report_asked, lambda: asyncio.run(_report(server.url)))
        rendered = {form: _in_a_fresh_process(_rendered, server.url, form) for form in ("json", "md", "html", "pdf")}
    finally:
        server.remove()
    return {
        "objectives": OBJECTIVES,
        "status": status,
        "report": report,
        "peak_memory_mb": rendered.pop("json")["peak_memory_mb"],
        "rendered": rendered,
    }


def _compared(server: PrometheusServer, asked: list[tuple[str, int, int]], work: Callable[[], object]) -> Any:
    near = headers_for(server.url)
    packed = {**near, "Accept-Encoding": "gzip, deflate"}
    rounds = [
        (
            _cost(server, lambda: asyncio.run(_bare(server.url, asked, near))),
            _cost(server, lambda: asyncio.run(_bare(server.url, asked, packed))),
            _cost(server, work),
        )
        for _ in range(ROUNDS)
    ]
    bare, packed_bare, ours = (_best(figures) for figures in zip(*rounds, strict=True))
    return {
        "queries": len(asked),
        "seconds": round(ours.seconds, 2),
        "processor_seconds": round(ours.processor_seconds, 2),
        "ratio": round(ours.seconds / packed_bare.seconds, 2),
        "processor_ratio": round(ours.processor_seconds / packed_bare.processor_seconds, 2),
        "bare_queries_seconds": round(packed_bare.seconds, 2),
        "ratio_to_unpacked": round(ours.seconds / bare.seconds, 2),
        "processor_ratio_to_unpacked": round(ours.processor_seconds / bare.processor_seconds, 2),
        "unpacked_bare_queries_seconds": round(bare.seconds, 2),
    }


def _best(figures: tuple[_Cost, ...]) -> _Cost:
    return _Cost(min(one.seconds for one in figures), min(one.processor_seconds for one in figures))


def _in_a_fresh_process(work: Callable[..., dict[str, float]], *arguments: str) -> dict[str, float]:
    """What ``work`` found where nothing else was done before, as for a command of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def _rendered(url: str, form: str) -> dict[str, float]:
    """Seconds and size of the report in one format, with fifty charts, and the peak with all that went before."""
    _, report = asyncio.run(_report(url))
    if form == "json":
        return {"peak_memory_mb": _peak_mb()}
    began = time.perf_counter()
    content = ReportRenderer().render(compose(report, "en", "UTC"), form)
    seconds = round(time.perf_counter() - began, 2)
    return {"seconds": seconds, "kb": round(len(content) / 1000), "peak_memory_mb": _peak_mb()}


def _peak_mb() -> int:
    """Largest resident memory of this process; ``getrusage`` would count that of the one that started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
