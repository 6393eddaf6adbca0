"""The Alertmanager client against a real Alertmanager."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from controlplane.adapters.alertmanager import AlertmanagerClient
from controlplane.adapters.diagnosis import alerting
from controlplane.adapters.http import Request, send
from controlplane.domain.diagnosis import Outcome
from controlplane.errors import CmctlError
from tests.support.alertmanager import AlertmanagerServer
from tests.support.peers import garbage, http, serving

CONFIGURATION = """
route: {receiver: hook}
receivers:
  - name: hook
    webhook_configs: [{url: "http://127.0.0.1:8081/webhook"}]
inhibit_rules:
  - {source_matchers: ['alertname="Cause"'], target_matchers: ['alertname="Effect"']}
"""


@pytest.fixture(scope="module")
def alertmanager() -> Iterator[str]:
    server = AlertmanagerServer(CONFIGURATION)
    try:
        server.start()
        yield server.url
    finally:
        server.remove()


async def _post(url: str, *names: str) -> None:
    alerts = [
        {"labels": {"alertname": name, "severity": "critical"}, "annotations": {"summary": "s"}} for name in names
    ]
    headers = {"Content-Type": "application/json"}
    answer = await send(Request(f"{url}/api/v2/alerts", "POST", json.dumps(alerts).encode(), headers), 10)
    assert answer.is_success, answer


async def test_alerts_that_are_inhibited_do_not_fire(alertmanager: str) -> None:
    client = AlertmanagerClient(alertmanager, 10)
    await _post(alertmanager, "Cause", "Effect", "Other")
    async with asyncio.timeout(60):
        while {alert.name for alert in await client.firing_alerts()} != {"Cause", "Other"}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    alert = (await client.firing_alerts())[0]
    assert (alert.state, alert.severity, alert.priority, alert.receiver) == ("firing", "critical", "P0", "hook")
    assert alert.starts_at.utcoffset() is not None
    assert alert.annotations == {"summary": "s"}
    known = await client.known_fingerprints()
    assert len(known) == 3, "the inhibited one is known too"
    assert alert.fingerprint in known


@pytest.mark.parametrize(
    ("port", "outcomes"),
    [
        pytest.param(8081, {Outcome.FINE, Outcome.UNKNOWN}, id="ours, unless this version hides URLs"),
        pytest.param(9999, {Outcome.FAULTY, Outcome.UNKNOWN}, id="somebody else's"),
    ],
)
async def test_where_notifications_go(alertmanager: str, port: int, outcomes: set[Outcome]) -> None:
    seen = await alerting.webhook_configured(AlertmanagerClient(alertmanager, 10), port)
    assert seen.outcome in outcomes, seen


@pytest.mark.parametrize("peer", [garbage, http(b"{}"), http(b"[{}]"), http(b"<html>"), http(b"[]", "500 Oops")])
async def test_something_else_than_alertmanager(peer: object) -> None:
    with serving(peer) as port, pytest.raises(CmctlError):  # type: ignore[arg-type]
        await AlertmanagerClient(f"http://127.0.0.1:{port}", 10).firing_alerts()


@pytest.mark.parametrize("peer", [garbage, http(b"7"), http(b"[{}]"), http(b"[1]"), http(b"[]", "500 Oops")])
async def test_something_else_knows_no_alerts(peer: object) -> None:
    with serving(peer) as port, pytest.raises(CmctlError):  # type: ignore[arg-type]
        await AlertmanagerClient(f"http://127.0.0.1:{port}", 10).known_fingerprints()
