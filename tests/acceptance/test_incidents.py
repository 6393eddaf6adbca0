"""An incident from its alert to its report: the console script, a real daemon and a real PostgreSQL."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import DaemonProcess, wait_for
from tests.support.postgresql import PostgresqlCluster

BEGIN = datetime.now(UTC) - timedelta(minutes=3)


@pytest.fixture(scope="module")
def daemon(postgresql_cluster: PostgresqlCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with DaemonProcess(tmp_path_factory.mktemp("daemon"), postgresql_cluster).running() as process:
        process.wait_for_database()
        yield process


def post(daemon: DaemonProcess, service: str, name: str = "Down", priority: str = "P0", ended: bool = False) -> None:
    alert = {
        "labels": {"alertname": name, "service": service, "severity": "critical", "priority": priority},
        "annotations": {"summary": f"{service} is down", "summary_zh": f"{service} 不可用"},
        "startsAt": BEGIN.isoformat(),
    }
    if ended:
        alert |= {"status": "resolved", "endsAt": (BEGIN + timedelta(minutes=2)).isoformat()}
    assert daemon.post({"alerts": [alert]})[0] == 200


def run(daemon: DaemonProcess, *arguments: str) -> Any:
    done = daemon.cmctl("incident", *arguments, "-o", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def shown_by_api(daemon: DaemonProcess, number: str) -> Any:
    return daemon.get(f"/api/v1/incidents/{number}")


def of_service(daemon: DaemonProcess, service: str) -> dict[str, Any] | None:
    found = [one for one in daemon.get("/api/v1/incidents") if one["service"] == service]
    assert len(found) <= 1
    return found[0] if found else None


def opened(daemon: DaemonProcess, service: str) -> dict[str, Any]:
    wait_for(lambda: of_service(daemon, service) is not None)
    found = of_service(daemon, service)
    assert found is not None
    return found


def test_from_an_alert_to_the_report(daemon: DaemonProcess, tmp_path: Path) -> None:
    post(daemon, "journey")
    number = opened(daemon, "journey")["number"]
    post(daemon, "journey", "Slow", "P2")
    wait_for(lambda: len(shown_by_api(daemon, number)["alerts"]) == 2)
    alert = next(one for one in shown_by_api(daemon, number)["alerts"] if one["name"] == "Down")
    assert daemon.cmctl("alerts", "ack", alert["fingerprint"], "--author", "ann").returncode == 0
    wait_for(lambda: shown_by_api(daemon, number)["seconds_to_acknowledge"] is not None)
    for kind, text in (("why", "the disk was full"), ("action", "watch <b>the</b> disk"), ("impact", "no search")):
        run(daemon, "note", number, text, "--author", "ann", "--kind", kind)
    refused = daemon.cmctl("incident", "close", number, "--author", "ann")
    assert (refused.returncode, "alerts of it fire" in refused.stderr) == (5, True)
    post(daemon, "journey", ended=True)
    post(daemon, "journey", "Slow", "P2", ended=True)
    wait_for(lambda: shown_by_api(daemon, number)["recovered_at"])
    closed = run(daemon, "close", number, "--author", "ann", "--reason", "cleaned up")
    assert (closed["state"], closed["seconds_to_recover"]) == ("closed", 120)
    assert 180 <= closed["seconds_to_acknowledge"] < (datetime.now(UTC) - BEGIN).total_seconds()
    kinds = [entry["kind"] for entry in closed["timeline"]]
    assert kinds[:3] == ["alert_firing", "alert_firing", "alert_resolved"]
    assert {"opened", "acknowledge", "why", "action", "impact"} <= set(kinds)

    english = daemon.cmctl("incident", "report", number)
    assert english.returncode == 0, english.stderr
    for text in (
        f"# Post-incident report {number}",
        "the disk was full",
        "MTTA",
        "2 min",
        "no search",
        "Why 5",
        "in time",
    ):
        assert text in english.stdout
    page = tmp_path / "report.html"
    done = daemon.cmctl(
        "incident", "report", number, "--format", "html", "--language", "zh", "--output-file", str(page)
    )
    assert done.returncode == 0, done.stderr
    html = page.read_text(encoding="utf-8")
    for text in (f"事故报告 {number}", "journey 不可用", "根因分析", "watch &lt;b&gt;the&lt;/b&gt; disk", "SLO 损失"):
        assert text in html
    # nothing measures the objectives of this daemon: the report says so and claims no loss
    assert "Not known:" in english.stdout


def test_it_survives_a_kill_and_is_not_opened_twice(daemon: DaemonProcess) -> None:
    post(daemon, "killed")
    daemon.kill()
    daemon.start()
    daemon.wait_for_database()
    number = opened(daemon, "killed")["number"]
    run(daemon, "note", number, "a note", "--author", "ann")
    daemon.kill()
    daemon.start()
    daemon.wait_for_database()
    post(daemon, "killed")
    shown = shown_by_api(daemon, number)
    assert ([note["text"] for note in shown["notes"]], shown["alert_count"]) == (["a note"], 1)
    assert opened(daemon, "killed")["number"] == number


def test_status_list_page_and_metrics_tell_of_it(daemon: DaemonProcess) -> None:
    post(daemon, "told")
    incident = opened(daemon, "told")
    number = incident["number"]
    alert = shown_by_api(daemon, number)["alerts"][0]
    assert daemon.cmctl("alerts", "ack", alert["fingerprint"], "--author", "bob").returncode == 0
    status = json.loads(daemon.cmctl("status", "-o", "json").stdout)
    assert number in [one["number"] for one in status["incidents"]]
    taken = next(one for one in status["alerts"] if one["fingerprint"] == alert["fingerprint"])
    assert taken["acknowledged_by"] == "bob"
    listed = json.loads(daemon.cmctl("alerts", "list", "--label", "service=told", "-o", "json").stdout)
    assert (listed[0]["incident"], listed[0]["acknowledged_by"]) == (number, "bob")
    assert listed[0]["acknowledged_at"] is not None
    assert number in daemon.get("/")
    page = daemon.get(f"/incidents/{number}")
    assert "told is down" in page and "alert firing" in page
    assert number in daemon.cmctl("incident", "list").stdout
    wait_for(lambda: daemon.metric('cmctl_incidents_open{priority="P0"}') >= 1)


def test_one_opened_by_hand_gets_the_alerts_of_its_service(daemon: DaemonProcess) -> None:
    made = run(daemon, "open", "users complain", "--author", "ann", "--service", "hand", "--priority", "P2")
    assert [
        line.split()[1] for line in daemon.cmctl("incident", "list").stdout.splitlines() if made["number"] in line
    ] == ["open"]
    post(daemon, "hand")
    wait_for(lambda: shown_by_api(daemon, made["number"])["alert_count"] == 1)
    shown = shown_by_api(daemon, made["number"])
    assert (shown["priority"], shown["opened_by"], shown["title"]) == ("P0", "ann", "users complain")


def test_without_the_daemon_the_store_answers(daemon: DaemonProcess) -> None:
    post(daemon, "direct")
    number = opened(daemon, "direct")["number"]
    before = run(daemon, "show", number)
    daemon.stop()
    try:
        shown = daemon.cmctl("incident", "show", number, "-o", "json")
        assert (shown.returncode, "warning" in shown.stderr) == (0, True)
        assert json.loads(shown.stdout).keys() == before.keys()
        assert len(run(daemon, "note", number, "by hand", "--author", "ann")["notes"]) == 1
    finally:
        daemon.start()
        daemon.wait_for_database()


@pytest.mark.parametrize(
    ("verb", "body", "status", "field"),
    [
        ("", {"author": "a"}, 400, "title"),
        ("", {"author": "a", "title": " "}, 400, "title"),
        ("", {"author": "a", "title": "t", "priority": "P9"}, 400, "priority"),
        ("", {"author": "a", "title": "t", "began_at": "2999-01-01T00:00:00Z"}, 400, "began_at"),
        ("/INC-20200101-001/note", {"author": "a", "text": "x"}, 404, None),
        ("/latest/note", {"author": "", "text": "x"}, 400, "author"),
        ("/latest/note", {"author": "a", "text": ""}, 400, "text"),
        ("/latest/note", {"author": "a", "text": "x", "kind": "y"}, 400, "kind"),
        ("/latest/close", {}, 400, "author"),
        ("/latest/reopen", {"author": "a"}, 409, None),
    ],
)
def test_a_wrong_request_is_named(
    daemon: DaemonProcess, verb: str, body: dict[str, Any], status: int, field: str | None
) -> None:
    headers = {"Authorization": f"Bearer {daemon.token}"}
    made = daemon.request("POST", "/api/v1/incidents", b'{"title": "some incident", "author": "ann"}', headers)
    assert made[0] == 200
    path = f"/api/v1/incidents{verb}"
    got, answer, _ = daemon.request("POST", path, json.dumps(body).encode(), headers)
    assert (got, json.loads(answer).get("field")) == (status, field)
    assert daemon.request("POST", path, b"{}")[0] == 401


def test_wrong_arguments_are_usage_errors(daemon: DaemonProcess) -> None:
    for arguments in (["show", "nonsense"], ["list", "--since", "soon"], ["report", "--time-zone", "Mars/Base"]):
        assert daemon.cmctl("incident", *arguments).returncode == 2
