"""The same definitions, evaluated by recording rules in a real Prometheus and by our mathematics, agree."""

import asyncio
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.adapters.prometheus_samples import PrometheusSamples
from controlplane.domain.slo.counter import evidence
from controlplane.domain.slo.evaluate import margin, slots_of, sources
from controlplane.domain.slo.grid import Floats, Grid, Slots
from controlplane.domain.slo.histogram import bucket_counts, quantile
from controlplane.domain.slo.objective import (
    CounterIndicator,
    FreshnessIndicator,
    GaugeIndicator,
    Indicator,
    LatencyIndicator,
    Objective,
    QuantileIndicator,
    QueryIndicator,
    Sampling,
    TimeWindow,
)
from controlplane.domain.slo.promql import error_expressions, slot_expressions
from controlplane.domain.slo.quantities import tally
from controlplane.domain.slo.selector import parse_selector
from tests.integration.slo.generated import DURATION_MS, START_MS, STEP_MS, case_series, cases
from tests.support.prometheus import PrometheusServer

CASES = cases(12)
END_MS = START_MS + DURATION_MS
# The bridge is short here, so that gaps of both kinds occur.
SAMPLING = Sampling(staleness_seconds=45, bridge_seconds=600)
# Whether a gap is bridged is known at its end only, and a recording rule cannot look ahead: none is bridged where a
# rule says which slots are known.
UNBRIDGED = replace(SAMPLING, bridge_seconds=SAMPLING.staleness_seconds)
GAUGE_KINDS = {
    "mean": {"instances": "mean"},
    "all": {"instances": "all"},
    "any": {"instances": "any"},
    "mean_of_3": {"instances": "mean", "expected_instances": 3},
    "all_of_2": {"instances": "all", "expected_instances": 2},
    "any_of_3": {"instances": "any", "expected_instances": 3},
}
TIME_KINDS = (*GAUGE_KINDS, "freshness")
KINDS = (*TIME_KINDS, "errors", "successes", "latency", "query")
SLICE_MS = 300_000
FIRST_SLICE = START_MS // SLICE_MS + 1
SLICES = END_MS // SLICE_MS - FIRST_SLICE - 1
QUANTILE = QuantileIndicator(parse_selector("latency_seconds"), 0.9, 0.3, SLICE_MS / 1000)


class Judged:
    """Slots by kind and case, in something whose representation is short."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.slots: dict[tuple[str, str], Slots] = {}
        self.quantiles: dict[str, Floats] = {}


def _indicator(kind: str, case: str) -> Indicator:
    if kind in GAUGE_KINDS:
        return GaugeIndicator(parse_selector(f'up{{case="{case}"}}'), **GAUGE_KINDS[kind])  # type: ignore[arg-type]
    if kind == "freshness":
        return FreshnessIndicator(parse_selector(f'backup_timestamp_seconds{{case="{case}"}}'), 600)
    if kind == "latency":
        return LatencyIndicator(parse_selector(f'latency_seconds{{case="{case}"}}'), 0.5)
    if kind == "quantile":
        return replace(QUANTILE, histogram=parse_selector(f'latency_seconds{{case="{case}"}}'))
    if kind == "query":
        seen = 'sum(count_over_time(requests_total{{case="{case}"{more}}}[$window]))'
        return QueryIndicator(seen.format(case=case, more=""), seen.format(case=case, more=',status="ok"'), "good")
    part = parse_selector(f'requests_total{{case="{case}",status="{"error" if kind == "errors" else "ok"}"}}')
    total = parse_selector(f'requests_total{{case="{case}"}}')
    return CounterIndicator(total, part, "bad" if kind == "errors" else "good")


def _objective(kind: str, case: str) -> Objective:
    indicator = _indicator(kind, case)
    window = TimeWindow(rolling_seconds=DURATION_MS / 1000)
    sampling = UNBRIDGED if kind == "quantile" else SAMPLING
    return Objective(f"{case}-{kind}", "generated", "t", "t", "", indicator, window, 0.99, sampling=sampling)


def _recorded_name(kind: str, case: str, what: str) -> str:
    return f"recorded:{kind}:{case}_{what}"


def _recording_rules() -> str:
    rules = []
    for kind in KINDS:
        for case in CASES:
            expressions = slot_expressions(_objective(kind, case.name))
            for what, expression in (("bad", expressions.bad("15s")), ("total", expressions.total("15s"))):
                rules.append({"record": _recorded_name(kind, case.name, what), "expr": expression})
    for case in CASES:
        rules += [
            {"record": _recorded_name("buckets", case.name, "added"), "expr": _bucket_rule(case.name)},
            {"record": _recorded_name("buckets", case.name, "known"), "expr": _known_rule(case.name)},
        ]
    return yaml.safe_dump({"groups": [{"name": "g", "interval": "15s", "rules": rules}]})


def _bucket_rule(case: str) -> str:
    """What every bucket gained in a slot, by its bound."""
    buckets = parse_selector(f'latency_seconds_bucket{{case="{case}"}}')
    counted = replace(_objective("quantile", case), indicator=CounterIndicator(buckets, buckets, "bad"))
    return slot_expressions(counted).total("15s").replace("sum(", "sum by (le) (", 1)


def _known_rule(case: str) -> str:
    """1 in every slot in which somebody looked."""
    return f'count(last_over_time(latency_seconds_bucket{{case="{case}"}}[45s])) > bool 0'


@pytest.fixture(scope="module")
def server() -> Iterator[PrometheusServer]:
    server = PrometheusServer()
    try:
        server.load(series for case in CASES for series in case_series(case))
        server.start()
        server.record(_recording_rules(), START_MS, END_MS, STEP_MS)
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="module")
def judged(server: PrometheusServer) -> Judged:
    """Every slot of every objective, by our mathematics."""

    async def evaluate() -> Judged:
        async with PrometheusSamples(server.url) as samples:
            found = Judged(await _evaluation_grid(samples))
            for kind in (*KINDS, "quantile"):
                for case in CASES:
                    found.slots[kind, case.name] = await _slots(samples, _objective(kind, case.name), found.grid)
            for case in CASES:
                found.quantiles[case.name] = await _quantiles(samples, case.name, found.grid)
            return found

    return asyncio.run(evaluate())


async def _quantiles(samples: PrometheusSamples, case: str, grid: Grid) -> Floats:
    """The quantile of every whole slice, the first one that begins in the generated time first."""
    selector = parse_selector(f'latency_seconds_bucket{{case="{case}"}}')
    reach = margin(_objective("quantile", case))
    series = (await samples.samples(str(selector), START_MS - reach, END_MS + reach)).series
    staleness, bridge = (round(1000 * seconds) for seconds in (UNBRIDGED.staleness_seconds, UNBRIDGED.bridge_seconds))
    targets = evidence(series, grid, staleness, bridge).targets
    counts = bucket_counts(series, grid, bridge, targets)
    slices = (grid.ends - 1) // SLICE_MS - FIRST_SLICE
    inside = (slices >= 0) & (slices < SLICES)
    summed = {
        bound: np.bincount(slices[inside], weights=added[inside], minlength=SLICES) for bound, added in counts.items()
    }
    return quantile(QUANTILE.quantile, summed, SLICES)


async def _slots(samples: PrometheusSamples, objective: Objective, grid: Grid) -> Slots:
    reach = margin(objective)
    fetched = {}
    for source in sources(objective):
        if source.step is None:
            answer = await samples.samples(source.expression, START_MS - reach, END_MS + reach)
        else:
            answer = await samples.values(source.expression, grid.first_end, END_MS, source.step)
        fetched[source] = answer.series
    return slots_of(objective, fetched, grid)


async def _evaluation_grid(samples: PrometheusSamples) -> Grid:
    """Slots that end where Prometheus evaluated the rules; it spreads groups over their interval."""
    recorded = await samples.samples(_recorded_name("errors", CASES[0].name, "total"), START_MS, END_MS)
    offset = int(recorded.series[0].timestamps[0]) % STEP_MS
    return Grid(START_MS + offset, DURATION_MS // STEP_MS, STEP_MS)


def _query(server: PrometheusServer, expression: str, at_ms: int) -> float:
    form = urllib.parse.urlencode({"query": expression, "time": f"{at_ms / 1000:.3f}"}).encode()
    with urllib.request.urlopen(f"{server.url}/api/v1/query", data=form, timeout=30) as response:
        result = json.load(response)["data"]["result"]
    return float(result[0]["value"][1]) if result else 0.0


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(KINDS),
    case=st.sampled_from([case.name for case in CASES]),
    first=st.integers(1, DURATION_MS // STEP_MS - 20),
    count=st.integers(4, DURATION_MS // STEP_MS),
)
def test_recording_rules_and_our_mathematics_agree(
    server: PrometheusServer, judged: Judged, kind: str, case: str, first: int, count: int
) -> None:
    count = min(count, DURATION_MS // STEP_MS - first)
    inner = Grid(judged.grid.first_end + first * STEP_MS, count, STEP_MS)
    ours = tally(judged.slots[kind, case].part(inner), "events")
    # A second after the last slot, and a second short of the one before the first: no sample lies on an edge.
    window, end = f"{count * STEP_MS - 2000}ms", inner.first_end + (count - 1) * STEP_MS
    step = STEP_MS / 1000 if kind in TIME_KINDS else 1.0
    bad = step * _query(server, f"sum_over_time({_recorded_name(kind, case, 'bad')}[{window}])", end + 1000)
    total = step * _query(server, f"sum_over_time({_recorded_name(kind, case, 'total')}[{window}])", end + 1000)
    assert ours.total == pytest.approx(total, rel=1e-9, abs=1e-6)
    assert ours.bad == pytest.approx(bad, rel=1e-9, abs=1e-6)
    if total:
        assert ours.sli == pytest.approx(1 - bad / total, abs=1e-6)


def _slice_quantile(case: str) -> str:
    """The quantile of the slice that ends now, as Prometheus computes it from what the buckets gained."""
    added = f"sum_over_time({_recorded_name('buckets', case, 'added')}[{SLICE_MS - 1}ms])"
    return f"histogram_quantile({QUANTILE.quantile}, {added})"


@pytest.mark.parametrize("case", [case.name for case in CASES])
def test_the_quantiles_of_slices_are_those_of_histogram_quantile(
    server: PrometheusServer, judged: Judged, case: str
) -> None:
    compared = 0
    for number, ours in enumerate(judged.quantiles[case]):
        theirs = _query(server, f"{_slice_quantile(case)} >= 0", (FIRST_SLICE + number + 1) * SLICE_MS)
        assert (0 if np.isnan(ours) else ours) == pytest.approx(theirs, rel=1e-9, abs=1e-6)
        compared += theirs > 0
    assert compared > 10


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    case=st.sampled_from([case.name for case in CASES]),
    first=st.integers(0, SLICES - 2),
    count=st.integers(1, SLICES),
)
def test_a_quantile_objective_is_good_and_bad_for_as_long(
    server: PrometheusServer, judged: Judged, case: str, first: int, count: int
) -> None:
    """Over any whole slices: the known time of those whose quantile is above the threshold is bad, of others good."""
    count = min(count, SLICES - first)
    start, end = ((FIRST_SLICE + number) * SLICE_MS for number in (first, first + count))
    inner = judged.grid.ends[(judged.grid.ends > start) & (judged.grid.ends <= end)]
    ours = tally(judged.slots["quantile", case].part(Grid(int(inner[0]), inner.size, STEP_MS)), "seconds")
    known = f"sum_over_time({_recorded_name('buckets', case, 'known')}[{SLICE_MS - 1}ms])"

    def seconds(condition: str) -> float:
        slices = f"({known} * ({_slice_quantile(case)} {condition}))[{count * SLICE_MS - 1}ms:{SLICE_MS}ms]"
        return STEP_MS / 1000 * _query(server, f"sum_over_time({slices})", end)

    bad, total = seconds(f"> bool {QUANTILE.threshold_seconds}"), seconds(">= bool 0")
    assert ours.bad == pytest.approx(bad, abs=1e-6)
    assert ours.total == pytest.approx(total, abs=1e-6)
    if total:
        assert ours.sli == pytest.approx(1 - bad / total, abs=1e-6)


@pytest.mark.parametrize("kind", GAUGE_KINDS)
def test_objectives_of_time_mean_the_same_in_alerts(kind: str) -> None:
    objective = _objective(kind, "case0")
    assert error_expressions(objective).bad("5m") == slot_expressions(objective).bad("15s")


def test_the_whole_of_the_generated_data_is_interesting(judged: Judged) -> None:
    for kind in ("mean", "errors", "latency", "freshness", "quantile"):
        results = [tally(judged.slots[kind, case.name], "seconds") for case in CASES]
        assert all(result.bad > 0 for result in results)
        assert any(result.unknown_seconds > 600 for result in results)
