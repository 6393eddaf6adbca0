"""The daemon's HTTP side: what it promises, what it refuses."""

import json
import re
import socket
from typing import Any

import pytest

from controlplane.daemon.app import ROUTES
from tests.support.anomalies import keep_episode
from tests.support.daemon import DaemonProcess, wait_for

JSON = {"Content-Type": "application/json"}


def test_the_runbooks_curl_test_is_taken(daemon: DaemonProcess) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}  # what curl -d sends
    status, body, _ = daemon.request("POST", "/webhook", b'{"alerts":[{"status":"firing"}]}', headers)
    assert (status, json.loads(body)) == (200, {"accepted": 1, "set_aside": []})
    listed = daemon.get("/api/v1/alerts?fingerprint=cbf29ce484222325")
    assert [alert["state"] for alert in listed] == ["firing"]
    daemon.request("POST", "/webhook", b'{"alerts":[{"status":"firing"}]}', headers)
    assert len(daemon.get("/api/v1/alerts?fingerprint=cbf29ce484222325")) == 1


def test_the_same_body_twice_stores_nothing_new(daemon: DaemonProcess) -> None:
    payload = {"alerts": [{"status": "firing", "labels": {"alertname": "Twice"}, "startsAt": "2025-07-07T12:00:00Z"}]}
    daemon.post(payload)
    first = daemon.get("/api/v1/alerts?label=alertname%3DTwice")
    log = (daemon.data_dir / "log" / "alerts.log").read_text(encoding="utf-8")
    daemon.post(payload)
    second = daemon.get("/api/v1/alerts?label=alertname%3DTwice")
    assert [{**alert, "received_at": ""} for alert in first] == [{**alert, "received_at": ""} for alert in second]
    assert (daemon.data_dir / "log" / "alerts.log").read_text(encoding="utf-8") == log


def test_an_alert_is_shown_with_its_history(daemon: DaemonProcess) -> None:
    alert = {"labels": {"alertname": "Story", "severity": "critical"}, "startsAt": "2025-07-07T12:00:00Z"}
    daemon.post({"alerts": [{**alert, "status": "firing"}]})
    daemon.post({"alerts": [{**alert, "status": "resolved", "endsAt": "2025-07-07T12:30:00Z"}]})
    (listed,) = daemon.get("/api/v1/alerts?label=alertname%3DStory")
    shown = daemon.get(f"/api/v1/alerts/{listed['fingerprint']}")
    assert {**listed, "history": shown["history"]} == shown
    assert [(change["state"], change["at"]) for change in shown["history"]] == [
        ("firing", "2025-07-07T12:00:00Z"),
        ("resolved", "2025-07-07T12:30:00Z"),
    ]
    assert (shown["state"], shown["priority"], shown["ends_at"]) == ("resolved", "P0", "2025-07-07T12:30:00Z")


def test_one_bad_alert_does_not_cost_the_others(daemon: DaemonProcess) -> None:
    status, answer = daemon.post({"alerts": [{"labels": {"alertname": "Kept"}}, {"status": "nonsense"}]})
    assert (status, answer["accepted"]) == (200, 1)
    assert answer["set_aside"] == [{"index": 1, "field": ".status", "problem": "must be 'firing' or 'resolved'"}]
    kept = sorted((daemon.data_dir / "rejected").iterdir())[-1]
    assert b"alerts[1].status" in kept.read_bytes()


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, "body"),
        (b"not json", 400, "body"),
        (b"[]", 400, "body"),
        (b"{}", 400, "alerts"),
        (b'{"alerts": [{"status": "x"}]}', 400, "alerts[0].status"),
        (b'{"alerts": [{"startsAt": "x"}]}', 400, "alerts[0].startsAt"),
    ],
)
def test_what_can_never_succeed_is_refused_counted_and_kept(
    daemon: DaemonProcess, body: bytes, status: int, field: str
) -> None:
    before = daemon.metric("cmctl_webhook_rejected_total")
    answered, text, _ = daemon.request("POST", "/webhook", body, JSON)
    assert (answered, json.loads(text)["field"]) == (status, field)
    assert daemon.metric("cmctl_webhook_rejected_total") == before + 1
    assert sorted((daemon.data_dir / "rejected").iterdir())[-1].read_bytes().endswith(body)
    assert "A webhook payload was rejected" in daemon.log.read_text(encoding="utf-8")


@pytest.mark.parametrize("declares_length", [True, False])
def test_a_body_that_is_too_large_is_refused_without_reading_it_all(
    daemon: DaemonProcess, declares_length: bool
) -> None:
    """The client sends until it is answered: an unbounded body must not be collected. Its beginning is kept."""
    before = daemon.metric("cmctl_webhook_rejected_total")
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=30) as connection:
        length = b"Content-Length: 1000000000" if declares_length else b"Transfer-Encoding: chunked"
        connection.sendall(b"POST /webhook HTTP/1.1\r\nHost: localhost\r\n" + length + b"\r\n\r\n")
        chunk = b"x" * 65536 if declares_length else b"10000\r\n" + b"x" * 65536 + b"\r\n"
        try:
            for _ in range(1 if declares_length else 400):
                connection.sendall(chunk)
        except OSError:
            pass  # it hung up, as it may
        assert connection.recv(100).startswith(b"HTTP/1.1 413")
    assert daemon.metric("cmctl_webhook_rejected_total") == before + 1
    kept = sorted((daemon.data_dir / "rejected").iterdir())[-1].read_bytes()
    assert kept.startswith(b"# larger than webhook.max_body_bytes\n")
    assert len(kept) < 100_000


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "field"),
    [
        ("GET", "/api/v1/status", {"Host": "evil.example"}, 403, "Host"),
        ("POST", "/webhook", {"Origin": "http://evil.example"}, 403, "Origin"),
        ("POST", "/api/v1/jobs/retention/run", {}, 401, "Authorization"),
        ("POST", "/api/v1/jobs/retention/run", {"Authorization": "Bearer wrong"}, 401, "Authorization"),
        ("GET", "/api/v1/alerts?state=on", {}, 400, "state"),
        ("GET", "/api/v1/alerts?stat=firing", {}, 400, "stat"),
        ("GET", "/api/v1/alerts?limit=0", {}, 400, "limit"),
        ("GET", "/api/v1/alerts?limit=10001", {}, 400, "limit"),
        ("GET", "/api/v1/alerts?label=x", {}, 400, "label"),
        ("GET", "/api/v1/alerts?label=x%3D%00", {}, 400, "label"),
        ("GET", "/api/v1/alerts?since=soon", {}, 400, "since"),
        ("GET", "/api/v1/alerts?after=x", {}, 400, "after"),
        ("GET", "/api/v1/alerts/0000", {}, 404, None),
        ("GET", "/api/v1/alerts/%00", {}, 404, None),
        ("GET", "/api/v1/checks/unknown", {}, 404, None),
        ("GET", "/api/v1/jobs/history?task=unknown", {}, 404, None),
        ("GET", "/nowhere", {}, 404, None),
        ("GET", "/webhook", {}, 405, None),
        ("POST", "/webhook/", {}, 401, "Authorization"),
    ],
)
def test_refusals_name_what_is_wrong(
    daemon: DaemonProcess, method: str, path: str, headers: dict[str, str], status: int, field: str | None
) -> None:
    answered, body, _ = daemon.request(method, path, b"{}" if method == "POST" else None, headers)
    answer = json.loads(body)
    assert (answered, answer.get("field")) == (status, field)
    assert answer["error"]


def test_the_token_allows_what_changes_something(daemon: DaemonProcess) -> None:
    headers = {"Authorization": f"Bearer {daemon.token}", "Host": "controlplane.example"}
    status, body, _ = daemon.request("POST", "/api/v1/jobs/journal_move/run", b"", headers)
    assert (status, json.loads(body)["outcome"]) == (200, "succeeded")
    history = daemon.get("/api/v1/jobs/history?task=journal_move")
    assert (history[0]["trigger"], history[0]["outcome"]) == ("manual", "succeeded")


def test_the_token_file_is_the_owners_alone(daemon: DaemonProcess) -> None:
    path = daemon.data_dir / "secrets" / "controlplane_token"
    assert path.stat().st_mode & 0o777 == 0o600
    assert daemon.token not in daemon.log.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ["/", "/api/v1/status", "/webhook"])
def test_every_answer_carries_the_security_headers(daemon: DaemonProcess, path: str) -> None:
    _, _, headers = daemon.request("GET", path)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_the_page_carries_everything_it_needs(daemon: DaemonProcess) -> None:
    daemon.post({"alerts": [{"labels": {"alertname": "<script>x</script>"}}]})
    status, body, headers = daemon.request("GET", "/")
    page = body.decode("utf-8")
    assert status == 200
    assert "&lt;script&gt;x&lt;/script&gt;" in page and "<script>x" not in page
    assert not re.search(r'(?:src|href)="https?://(?!127\.0\.0\.1)', page)
    nonces = set(re.findall(r'nonce="([^"]+)"', page))
    assert len(nonces) == 1 and f"'nonce-{nonces.pop()}'" in headers["Content-Security-Policy"]


def test_the_whole_is_as_bad_as_the_worst_alert_that_fires(daemon: DaemonProcess) -> None:
    alert = {"labels": {"alertname": "Worst", "severity": "critical"}}
    daemon.post({"alerts": [{**alert, "status": "firing"}]})
    assert daemon.get("/api/v1/status")["state"] == "CRITICAL"
    assert 'class="banner CRITICAL"' in daemon.get("/")
    daemon.post({"alerts": [{**alert, "status": "resolved"}]})


def test_the_runbook_is_served_with_the_anchors_that_alerts_link_to(daemon: DaemonProcess) -> None:
    page = daemon.get("/docs/runbook")
    assert page.startswith("<!doctype html>")
    assert re.search(r'<h2 id="[a-z0-9-]+">', page)


def test_health_and_readiness(daemon: DaemonProcess) -> None:
    health = daemon.get("/health")
    assert health["status"] == "ok"
    assert health["components"] == {
        "postgresql": {"status": "ok", "detail": ""},
        "journal": {"status": "ok", "detail": ""},
    }
    assert daemon.get("/ready") == {"ready": True, "detail": ""}


def test_without_postgresql_the_daemon_serves_and_says_so(lonely_daemon: DaemonProcess) -> None:
    lonely_daemon.post({"alerts": [{"labels": {"alertname": "About PostgreSQL"}}]})
    _, body, headers = lonely_daemon.request("GET", "/api/v1/alerts")
    assert [alert["name"] for alert in json.loads(body)] == ["About PostgreSQL"]
    assert headers["X-Cmctl-Source"] == "memory"
    assert "does not answer" in headers["X-Cmctl-Warning"]
    assert lonely_daemon.get("/health")["components"]["postgresql"]["status"] == "down"
    assert lonely_daemon.get("/ready")["ready"] is True
    assert lonely_daemon.metric("cmctl_journal_pending_records") == 1


def test_the_old_paths_answer_too(daemon: DaemonProcess) -> None:
    assert daemon.get("/api/alerts") == daemon.get("/api/v1/alerts")
    assert daemon.get("/api/status").keys() == daemon.get("/api/v1/status").keys()
    assert "cmctl_info" in daemon.get("/api/metrics")


def test_the_webhooks_answers_are_counted_from_zero(daemon: DaemonProcess) -> None:
    metrics = daemon.get("/api/metrics")
    assert {
        code: f'cmctl_webhook_requests_total{{code="{code}"}} ' in metrics for code in ("200", "400", "413", "503")
    } == dict.fromkeys(("200", "400", "413", "503"), True)


def test_alerts_come_in_pages_without_gap_or_repeat(daemon: DaemonProcess) -> None:
    daemon.post({"alerts": [{"labels": {"alertname": "Page", "n": str(number)}} for number in range(25)]})
    seen: list[str] = []
    after = ""
    while page := daemon.get(f"/api/v1/alerts?label=alertname%3DPage&limit=10{after}"):
        seen += [alert["fingerprint"] for alert in page]
        last = page[-1]
        after = f"&after={last['state']},{last['starts_at']},{last['fingerprint']}"
    assert len(seen) == len(set(seen)) == 25


def resolve(description: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        found: dict[str, Any] = description["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return found
    return schema


def matches(description: dict[str, Any], schema: dict[str, Any], value: Any) -> bool:
    """Enough of JSON Schema to hold our answers against our own description."""
    schema = resolve(description, schema)
    if "oneOf" in schema:
        return any(matches(description, option, value) for option in schema["oneOf"])
    if "enum" in schema and value not in schema["enum"]:
        return False
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
    names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(value is None if name == "null" else isinstance(value, kinds[name]) for name in names):
        return False
    if isinstance(value, list):
        return all(matches(description, schema["items"], item) for item in value)
    if isinstance(value, dict):
        properties, rest = schema.get("properties", {}), schema.get("additionalProperties")
        return set(schema.get("required", [])) <= set(value) and all(
            matches(description, properties.get(name) or rest, item)
            for name, item in value.items()
            if name in properties or rest
        )
    return True


def test_the_description_names_every_route_and_the_answers_match_it(daemon: DaemonProcess) -> None:
    description = daemon.get("/api/openapi.json")
    described = {(method.upper(), path) for path, methods in description["paths"].items() for method in methods}
    assert described == {(route.method, route.path) for route in ROUTES}
    daemon.post({"alerts": [{"labels": {"alertname": "Described"}, "annotations": {"summary": "s"}}]})
    fingerprint = daemon.get("/api/v1/alerts?label=alertname%3DDescribed")[0]["fingerprint"]
    anomaly = keep_episode(daemon).id
    daemon.post({"alerts": [{"labels": {"alertname": "DescribedIncident", "priority": "P0"}}]})
    wait_for(lambda: daemon.get("/api/v1/incidents"))
    for path, methods in description["paths"].items():
        if "get" not in methods:
            continue
        url = (
            path.replace("{fingerprint}", fingerprint).replace("{name}", "mcp_server_service").replace("{id}", anomaly)
        ).replace("{number}", "latest")
        status, body, headers = daemon.request("GET", url)
        answer = methods["get"]["responses"][str(status)]
        # No backup and no report is here, and of the documents only the runbook; these answers are described.
        absent = ("/docs", "/api/v1/backups/", "/reports/", "/api/v1/reports/")
        assert status == 200 or (status == 404 and path.startswith(absent)), url
        assert headers.get_content_type() in answer["content"], url
        if headers.get_content_type() == "application/json" and path != "/api/openapi.json":
            assert matches(description, answer["content"]["application/json"]["schema"], json.loads(body)), url


def test_what_is_not_described_is_not_served(daemon: DaemonProcess) -> None:
    for path in ("/api/v1/incident", "/docs", "/admin"):
        assert daemon.request("GET", path)[0] == 404, path
