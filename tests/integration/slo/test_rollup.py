"""Roll-ups in a real PostgreSQL from a real Prometheus agree with the direct computation, and outlive its memory."""

import random
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.adapters.prometheus_samples import PrometheusSamples
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.slo_days import PostgresDayStore
from controlplane.domain.maintenance import Exclusion
from controlplane.domain.slo.objective import (
    CounterIndicator,
    FreshnessIndicator,
    GaugeIndicator,
    LatencyIndicator,
    Objective,
    QuantileIndicator,
    QueryIndicator,
    Sampling,
    TimeWindow,
)
from controlplane.domain.slo.selector import parse_selector
from controlplane.services.slo.assess import Assessment, SloAssessor
from controlplane.services.slo.rollup import RollUp
from tests.integration.store.conftest import address_of
from tests.support.prometheus import PrometheusServer, SampleSeries

STEP_MS = 60_000
DAYS = 6
END = datetime(2026, 3, 10, 15, 20, tzinfo=UTC)
START = END - timedelta(days=DAYS)
SAMPLING = Sampling(step_seconds=60, staleness_seconds=180, bridge_seconds=1800)
BOUNDS = ("0.1", "0.5", "2", "+Inf")
# A window whose burn rates reach back three days, so that the days before are rolled up.
WINDOW = TimeWindow(rolling_seconds=30 * 86_400)
OBJECTIVES = [
    Objective(name, "s", "t", "t", "", indicator, WINDOW, 0.99, sampling=SAMPLING)
    for name, indicator in {
        "gauge": GaugeIndicator(parse_selector("up")),
        "counter": CounterIndicator(parse_selector("requests_total"), parse_selector('requests_total{e="1"}'), "bad"),
        "latency": LatencyIndicator(parse_selector("latency_seconds"), 0.5),
        "quantile": QuantileIndicator(parse_selector("latency_seconds"), 0.9, 0.5, 300),
        "freshness": FreshnessIndicator(parse_selector("backup_timestamp_seconds"), 3600),
        "query": QueryIndicator("sum(count_over_time(up[$window]))", "sum(sum_over_time(up[$window]))", "good"),
    }.items()
]
EXCLUDED = [
    Exclusion(1, "a", "r", START + timedelta(days=1, hours=3), START + timedelta(days=1, hours=8), planned=True),
    Exclusion(2, "a", "r", END - timedelta(hours=9), END - timedelta(hours=8), planned=False),
]


def _series() -> Iterator[SampleSeries]:
    """Gaps longer and shorter than the bridge, resets, and a late start."""
    chance = random.Random(6)
    labels = {"job": "j", "instance": "i"}
    names = [
        ("up", {}),
        ("backup_timestamp_seconds", {}),
        ("requests_total", {"e": "0"}),
        ("requests_total", {"e": "1"}),
    ]
    names += [("latency_seconds_bucket", {"le": bound}) for bound in BOUNDS] + [("latency_seconds_count", {})]
    columns: list[list[tuple[int, float]]] = [[] for _ in names]
    counters = [0.0] * (2 + len(BOUNDS))
    at, lost_until, backup = round(START.timestamp() * 1000) + 3 * 3_600_000 + 7_000, 0, START.timestamp()
    while at < END.timestamp() * 1000:
        if chance.random() < 0.002:
            lost_until = at + chance.randrange(3_600_000)
        if chance.random() < 0.001:
            counters = [0.0] * len(counters)
        if chance.random() < 0.02:
            backup = at / 1000
        counters[0] += chance.randrange(9)
        counters[1] += chance.randrange(2)
        slow = chance.random() < 0.2
        events = chance.randrange(5)
        for position, bound in enumerate(BOUNDS):
            counters[2 + position] += events if float(bound) >= (2 if slow else 0.1) else 0
        if at >= lost_until:
            row = [float(chance.random() > 0.01), backup, *counters, counters[-1]]
            for column, value in zip(columns, row, strict=True):
                column.append((at, value))
        at += STEP_MS
    for (name, more), column in zip(names, columns, strict=True):
        yield SampleSeries({"__name__": name, **labels, **more}, column)


@pytest.fixture(scope="module")
def server() -> Iterator[PrometheusServer]:
    server = PrometheusServer()
    try:
        server.load(_series())
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresDayStore]:
    database = Database(address_of(database_url))
    await database.connect()
    yield PostgresDayStore(database)
    await database.close()


async def _assess(
    url: str,
    store: PostgresDayStore | None,
    excluded: Sequence[Exclusion],
    objectives: Sequence[Objective] = OBJECTIVES,
) -> list[Assessment]:
    async with PrometheusSamples(url) as source:
        return await SloAssessor(source, lambda: END, lambda *_: excluded, store).assess(objectives)


async def _roll_up(url: str, store: PostgresDayStore, excluded: Sequence[Exclusion], now: datetime = END) -> int:
    async with PrometheusSamples(url) as source:
        result = await RollUp(source, store, lambda: now, lambda *_: excluded, timedelta(days=32)).run(OBJECTIVES)
    assert (result.kept, result.problems) == (0, ())
    return result.written


def _assert_alike(rolled: Sequence[Assessment], direct: Sequence[Assessment]) -> None:
    for one, other in zip(rolled, direct, strict=True):
        ours, theirs = one.figures.quantities, other.figures.quantities
        for name in ("good", "bad", "known_seconds", "unknown_seconds", "excluded_seconds", "excluded_amount"):
            expected = pytest.approx(getattr(theirs, name), rel=1e-9, abs=1e-6)
            assert getattr(ours, name) == expected, (one.objective.name, name)
        assert one.figures.verdict == other.figures.verdict
        assert one.pace == other.pace


async def test_roll_up_and_direct_computation_agree(server: PrometheusServer, store: PostgresDayStore) -> None:
    direct = await _assess(server.url, None, EXCLUDED)
    assert [
        one.objective.name for one in direct if not one.figures.quantities.good or not one.figures.quantities.bad
    ] == []
    assert all(one.figures.quantities.excluded_seconds >= 6 * 3600 for one in direct)
    # In two goes, with an outage of the control plane between them.
    written = await _roll_up(server.url, store, EXCLUDED, END - timedelta(days=3))
    written += await _roll_up(server.url, store, EXCLUDED)
    assert written > len(OBJECTIVES) * DAYS
    assert await _roll_up(server.url, store, EXCLUDED) == 0
    _assert_alike(await _assess(server.url, store, EXCLUDED), direct)


async def test_maintenance_entered_afterwards_is_taken_out(server: PrometheusServer, store: PostgresDayStore) -> None:
    await _roll_up(server.url, store, [])
    assert await _roll_up(server.url, store, EXCLUDED) == len(OBJECTIVES)
    _assert_alike(await _assess(server.url, store, EXCLUDED), await _assess(server.url, None, EXCLUDED))


async def test_a_prometheus_that_lost_its_data_takes_no_day_away(
    server: PrometheusServer, store: PostgresDayStore, prometheus: PrometheusServer
) -> None:
    await _roll_up(server.url, store, EXCLUDED)
    prometheus.start()
    # Nothing but today is lost.
    rolled = await _assess(prometheus.url, store, EXCLUDED)
    until = END.replace(hour=0, minute=0)
    async with PrometheusSamples(server.url) as source:
        direct = await SloAssessor(source, lambda: until, lambda *_: EXCLUDED).assess(OBJECTIVES)
    for one, other in zip(rolled, direct, strict=True):
        assert one.figures.quantities.good == pytest.approx(other.figures.quantities.good, rel=1e-9)
        assert one.figures.quantities.bad == pytest.approx(other.figures.quantities.bad, rel=1e-9)
    forgotten = replace(EXCLUDED[0], starts_at=START, ends_at=END)
    async with PrometheusSamples(prometheus.url) as empty:
        work = RollUp(empty, store, lambda: END, lambda *_: [forgotten], timedelta(days=32))
        assert (await work.run(OBJECTIVES)).kept >= len(OBJECTIVES) * (DAYS - 2)
    assert [one.figures for one in await _assess(prometheus.url, store, EXCLUDED)] == [one.figures for one in rolled]
