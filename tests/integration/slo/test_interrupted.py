"""A Prometheus that is killed in the middle of an assessment: waited for when it comes back, told when it does not."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.adapters.prometheus_samples import PrometheusSamples
from controlplane.domain.slo.objective import GaugeIndicator, Objective, Sampling, TimeWindow
from controlplane.domain.slo.selector import parse_selector
from controlplane.services.slo.assess import Assessment, SloAssessor
from controlplane.services.slo.ports import Answer
from tests.support.prometheus import PrometheusServer, SampleSeries

DAYS = 6
STEP_MS = 60_000
END = datetime(2026, 3, 10, 15, 20, tzinfo=UTC)
START_MS = round((END - timedelta(days=DAYS)).timestamp() * 1000)
OBJECTIVE = Objective(
    "up",
    "s",
    "t",
    "t",
    "",
    GaugeIndicator(parse_selector("up")),
    TimeWindow(rolling_seconds=DAYS * 86_400),
    0.99,
    sampling=Sampling(step_seconds=60, staleness_seconds=180),
)


class KilledInTheMiddle(PrometheusSamples):
    """Kills Prometheus before the third question, and starts it again when told to."""

    def __init__(self, server: PrometheusServer, comes_back: bool) -> None:
        super().__init__(server.url, retry_delays_seconds=(0.2, 1, 2, 4, 8, 8) if comes_back else (0.1,))
        self._server = server
        self._comes_back = comes_back
        self._asked = 0

    async def samples(self, selector: str, start: int, end: int) -> Answer:
        """Ask; the third question meets nobody."""
        self._asked += 1
        if self._asked == 3:
            self._server.process.kill()
            self._server.stop()
            if self._comes_back:
                returning = asyncio.create_task(asyncio.to_thread(self._server.start))
                answer = await super().samples(selector, start, end)
                await returning
                return answer
        return await super().samples(selector, start, end)


@pytest.fixture
def server(prometheus: PrometheusServer) -> PrometheusServer:
    """Six days of a service that is down for the first ten minutes of each."""
    moments = range(START_MS + 7000, START_MS + DAYS * 86_400_000, STEP_MS)
    up = [(at, float(at % 86_400_000 > 600_000)) for at in moments]
    prometheus.load([SampleSeries({"__name__": "up", "job": "j", "instance": "i"}, up)])
    prometheus.start()
    return prometheus


async def _assess(source: PrometheusSamples) -> Assessment:
    async with source:
        (result,) = await SloAssessor(source, lambda: END).assess([OBJECTIVE])
    return result


async def test_a_restart_in_the_middle_changes_nothing(server: PrometheusServer) -> None:
    undisturbed = await _assess(PrometheusSamples(server.url))
    assert undisturbed.figures.quantities.bad == DAYS * 600
    restarted = await _assess(KilledInTheMiddle(server, comes_back=True))
    assert (restarted.figures, restarted.problems) == (undisturbed.figures, ())


async def test_one_that_stays_away_leaves_the_rest_unknown_and_says_since_when(server: PrometheusServer) -> None:
    result = await _assess(KilledInTheMiddle(server, comes_back=False))
    quantities = result.figures.quantities
    assert quantities.good + quantities.bad + quantities.unknown_seconds == DAYS * 86_400
    assert 0 < quantities.known_seconds < 3 * 86_400
    assert all("unknown: Prometheus at" in problem for problem in result.problems)
    assert len(result.problems) == DAYS - 1
