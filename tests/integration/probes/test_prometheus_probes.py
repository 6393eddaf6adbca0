"""prometheus_query and prometheus_target against a real Prometheus, and against none."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from controlplane.adapters.probes.prometheus_query import PrometheusQueryProbe
from controlplane.adapters.probes.prometheus_target import PrometheusTargetProbe
from controlplane.adapters.prometheus import PrometheusClient
from controlplane.domain.check import CheckState, Limits, Observation
from controlplane.services.checks import observe_within
from tests.support.peers import garbage, http, serving
from tests.support.prometheus import PrometheusServer

OK, WARNING, CRITICAL, UNKNOWN = CheckState.OK, CheckState.WARNING, CheckState.CRITICAL, CheckState.UNKNOWN


async def eventually(look: Callable[[], Awaitable[Observation]], state: CheckState) -> Observation:
    async with asyncio.timeout(60):
        while (seen := await look()).state != state:  # noqa: ASYNC110 - Prometheus announces nothing
            await asyncio.sleep(0.05)
    return seen


@pytest.mark.parametrize(
    ("expression", "state", "message"),
    [
        pytest.param("vector(1)", OK, "value 1", id="below the limits"),
        pytest.param("vector(5)", WARNING, "value 5", id="at the warning limit"),
        pytest.param("scalar(vector(12))", CRITICAL, "value 12", id="a scalar"),
        pytest.param("no_such_metric", UNKNOWN, "no series for no_such_metric", id="no series"),
        pytest.param("vector(0) / 0", UNKNOWN, "not a number", id="NaN"),
        pytest.param("vector(1) / 0", CRITICAL, "value inf", id="infinite"),
        pytest.param(
            'label_replace(vector(1), "a", "x", "", "") or label_replace(vector(11), "a", "y", "", "")',
            CRITICAL,
            "value 11 (a=y)",
            id="the worst of several",
        ),
        pytest.param("this is not promql", UNKNOWN, "Prometheus says: ", id="not PromQL"),
        pytest.param("up[1m]", UNKNOWN, "matrix", id="a range"),
    ],
)
async def test_query(prometheus: PrometheusServer, expression: str, state: CheckState, message: str) -> None:
    probe = PrometheusQueryProbe(PrometheusClient(prometheus.url, 10), expression, Limits(5, 10))
    seen = await observe_within(probe, 10)
    assert (seen.state, message in seen.message) == (state, True), seen


async def test_a_job_that_is_up(prometheus: PrometheusServer) -> None:
    probe = PrometheusTargetProbe(PrometheusClient(prometheus.url, 10), "self")
    assert (await eventually(probe.observe, OK)).message == "1 of 1 targets of job self are up"


async def test_a_job_that_is_down(prometheus: PrometheusServer) -> None:
    probe = PrometheusTargetProbe(PrometheusClient(prometheus.url, 10), "broken")
    seen = await eventually(probe.observe, CRITICAL)
    assert seen.message.startswith("0 of 1 targets of job broken are up: http://127.0.0.1:")


async def test_a_job_that_does_not_exist(prometheus: PrometheusServer) -> None:
    seen = await PrometheusTargetProbe(PrometheusClient(prometheus.url, 10), 'x"} or up{').observe()
    assert (seen.state, seen.message) == (UNKNOWN, 'Prometheus has no target in job x"} or up{')


async def test_no_prometheus(refused_port: int) -> None:
    probe = PrometheusTargetProbe(PrometheusClient(f"http://127.0.0.1:{refused_port}", 10), "self")
    seen = await observe_within(probe, 10)
    assert (seen.state, "connection refused" in seen.message) == (UNKNOWN, True)


@pytest.mark.parametrize("peer", [garbage, http(b"{}"), http(b"[1]"), http(b"<html>")])
async def test_something_else_than_prometheus(peer: Callable[..., None]) -> None:
    with serving(peer) as port:
        probe = PrometheusQueryProbe(PrometheusClient(f"http://127.0.0.1:{port}", 10), "up", Limits())
        assert (await observe_within(probe, 10)).state == UNKNOWN
