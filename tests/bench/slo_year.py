"""A year's assessment and report of 50 objectives from roll-ups in a real PostgreSQL, beside an empty Prometheus."""

import asyncio
import resource
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from controlplane.adapters.prometheus_samples import PrometheusSamples
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.slo_days import PostgresDayStore
from controlplane.domain.slo.days import DayQuantities, definition_of
from controlplane.domain.slo.objective import GaugeIndicator, Objective, TimeWindow
from controlplane.domain.slo.quantities import Quantities
from controlplane.domain.slo.report import Report
from controlplane.domain.slo.report_period import custom
from controlplane.domain.slo.selector import parse_selector
from controlplane.services.slo.assess import SloAssessor
from controlplane.services.slo.report.make import Maintenances, Origin, SloReporter
from tests.bench.slo import NoAlerts
from tests.integration.store.conftest import address_of
from tests.support.postgresql import PostgresqlCluster
from tests.support.prometheus import PrometheusServer

OBJECTIVES = 50
ROUNDS = 5
NOW = datetime(2026, 11, 20, 13, tzinfo=UTC)
YEAR = 365
FORGOTTEN = 32
# The end of the year that is reported.
MIDNIGHT = NOW.replace(hour=0) - timedelta(days=FORGOTTEN + 1)
WINDOW = TimeWindow(rolling_seconds=YEAR * 86_400.0)


def _objective(number: int) -> Objective:
    name = f"s{number:02}"
    indicator = GaugeIndicator(parse_selector(f'up{{service="{name}"}}'))
    return Objective(name, name, name, name, "", indicator, WINDOW, 0.999)


def _days(objective: Objective) -> list[DayQuantities]:
    day = Quantities("seconds", 86_000, 100, 86_100, 300, 0)
    empty = DayQuantities(objective.name, definition_of(objective), NOW.date(), day, 86_100, "", NOW)
    return [replace(empty, day=NOW.date() - timedelta(days=number)) for number in range(1, 2 * YEAR + FORGOTTEN + 3)]


async def _measure(database_url: str, prometheus_url: str) -> dict[str, Any]:
    objectives = [_objective(number) for number in range(OBJECTIVES)]
    database = Database(address_of(database_url))
    await database.connect()
    store = PostgresDayStore(database)
    await store.save([day for objective in objectives for day in _days(objective)])
    seconds, processor_seconds, report_seconds, report_processor_seconds = [], [], [], []
    try:
        for _ in range(ROUNDS):
            began, begun = time.perf_counter(), time.process_time()
            async with PrometheusSamples(prometheus_url) as source:
                assessor = SloAssessor(source, lambda: NOW, days=store, memory=timedelta(days=FORGOTTEN))
                found = await assessor.assess(objectives)
            seconds.append(time.perf_counter() - began)
            processor_seconds.append(time.process_time() - begun)
            began, begun = time.perf_counter(), time.process_time()
            report = await _report(prometheus_url, store, objectives)
            report_seconds.append(time.perf_counter() - began)
            report_processor_seconds.append(time.process_time() - begun)
    finally:
        await database.close()
    known = min(one.figures.quantities.known_seconds for one in found) / 86_400
    return {
        "seconds": round(sorted(seconds)[ROUNDS // 2], 2),
        "processor_seconds": round(sorted(processor_seconds)[ROUNDS // 2], 2),
        "known_days": round(known, 1),
        "report_seconds": round(sorted(report_seconds)[ROUNDS // 2], 2),
        "report_processor_seconds": round(sorted(report_processor_seconds)[ROUNDS // 2], 2),
        "report_known_days": round(min(one.figures.quantities.known_seconds for one in report.objectives) / 86_400, 1),
    }


async def _report(prometheus_url: str, store: PostgresDayStore, objectives: list[Objective]) -> Report:
    """The report over a year that Prometheus has forgotten, compared with the year before it."""
    async with PrometheusSamples(prometheus_url) as source:
        origin, memory = Origin("bench", "0", prometheus_url), timedelta(days=FORGOTTEN)
        maintenances = Maintenances(lambda objective, start, end: ())
        reporter = SloReporter(source, NoAlerts(), maintenances, lambda: NOW, origin, store, memory)
        return await reporter.report(objectives, custom(MIDNIGHT - timedelta(days=YEAR), MIDNIGHT, "UTC", NOW))


def run() -> dict[str, Any]:
    """Medians of one assessment; days that a burn rate begins within are asked of Prometheus."""
    cluster, server = PostgresqlCluster(), PrometheusServer()
    try:
        cluster.start()
        server.start()
        name = cluster.create_database()
        measured = asyncio.run(_measure(cluster.conninfo(name), server.url))
    finally:
        server.remove()
        cluster.remove()
    memory = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return {"objectives": OBJECTIVES, "days": YEAR, **measured, "peak_memory_mb": memory}
