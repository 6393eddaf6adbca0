"""Anomalies over HTTP and on the command line: reading, judging, taking back, and what is refused."""

import json
from typing import Any

import pytest

from tests.support.anomalies import keep_episode
from tests.support.daemon import DaemonProcess


def judge(daemon: DaemonProcess, path: str, body: Any, token: str | None = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {daemon.token if token is None else token}"} if token != "" else {}
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, answer, _ = daemon.request("POST", f"/api/v1/anomalies/{path}", encoded, headers)
    return status, json.loads(answer)


def test_an_anomaly_is_listed_and_shown(daemon: DaemonProcess) -> None:
    episode = keep_episode(daemon, 1_751_000_000.0)
    (listed,) = [one for one in daemon.get("/api/v1/anomalies") if one["id"] == episode.id]
    assert daemon.get(f"/api/v1/anomalies/{episode.id}") == listed
    assert (listed["state"], listed["severity"], listed["kind"], listed["family"]) == (
        "ended",
        "info",
        "level",
        "level",
    )
    assert "level shift +100 %" in listed["reason"] and "水平偏移" in listed["reason_zh"]
    assert listed["duration_seconds"] == 60 and listed["title"] == "Response time of the memory server"
    assert episode.id not in {one["id"] for one in daemon.get("/api/v1/anomalies?state=open")}
    assert daemon.get("/api/v1/anomalies?watch=cpu_busy") == []


def test_a_verdict_shows_its_effect_and_can_be_taken_back(daemon: DaemonProcess) -> None:
    episode = keep_episode(daemon, 1_752_000_000.0)
    status, judged = judge(daemon, f"{episode.id}/feedback", {"verdict": "fine", "by": "ann", "note": "deploy"})
    assert status == 200
    assert (judged["feedback"], judged["feedback_by"], judged["bar_nats"]) == ("fine", "ann", 2.0)
    assert daemon.metric('cmctl_anomaly_feedback{verdict="fine"}') == 1
    assert daemon.metric("cmctl_anomaly_precision_ratio") == 0
    status, undone = judge(daemon, f"{episode.id}/feedback/undo?by=bob", {})
    assert (status, undone["feedback"], undone["bar_nats"]) == (200, None, 0.0)
    assert judge(daemon, f"{episode.id}/feedback/undo", {})[0] == 404


def test_the_command_line_judges_too(daemon: DaemonProcess) -> None:
    episode = keep_episode(daemon, 1_753_000_000.0)
    said = daemon.cmctl("anomaly", "feedback", episode.id, "--fine", "--by", "ann")
    assert said.returncode == 0, said.stderr
    assert "fine; the bar for level changes of this series is 2 nats higher" in said.stdout
    shown = daemon.cmctl("anomaly", "show", episode.id)
    assert shown.returncode == 0, shown.stderr
    assert "fine by ann" in shown.stdout and "no picture" in shown.stdout and "水平偏移" in shown.stdout
    assert json.loads(daemon.cmctl("anomaly", "show", episode.id, "--json").stdout)["stretch"] is None
    assert daemon.cmctl("anomaly", "feedback", episode.id, "--undo").returncode == 0
    listed = daemon.cmctl("anomaly", "list")
    assert episode.id in listed.stdout and listed.stdout.startswith("ID")
    watches = daemon.cmctl("anomaly", "list", "--watches")
    assert "cpu_busy" in watches.stdout and "none was judged yet" in watches.stdout
    assert daemon.cmctl("anomaly", "feedback", episode.id).returncode == 2
    assert daemon.cmctl("anomaly", "show", "nobody").returncode == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"verdict": "maybe", "by": "ann"}, "verdict", id="no such verdict"),
        pytest.param({"verdict": "fine"}, "by", id="nobody said it"),
        pytest.param({"verdict": "fine", "by": "x" * 101}, "by", id="too long"),
        pytest.param({"verdict": "fine", "by": "a", "why": "x"}, "why", id="unknown field"),
        pytest.param(b"nonsense", "body", id="not JSON"),
    ],
)
def test_a_wrong_verdict_is_refused_and_the_field_named(daemon: DaemonProcess, body: Any, field: str) -> None:
    episode = keep_episode(daemon)
    status, answer = judge(daemon, f"{episode.id}/feedback", body)
    assert (status, answer["field"]) == (400, field)


def test_judging_needs_the_token_and_an_anomaly(daemon: DaemonProcess) -> None:
    episode = keep_episode(daemon)
    said = {"verdict": "real", "by": "ann"}
    assert judge(daemon, f"{episode.id}/feedback", said, token="")[0] == 401
    assert judge(daemon, "nobody/feedback", said)[0] == 404
    for query in ("state=closed", "watch=nobody", "since=yesterday-ish", "limit=0", "stat=open"):
        assert daemon.request("GET", f"/api/v1/anomalies?{query}")[0] == 400, query


def test_the_page_judges_with_the_token_only(daemon: DaemonProcess) -> None:
    """The form's script sends the token by itself; a browser's Origin alone, ours or another site's, moves nothing."""
    episode = keep_episode(daemon, 1_754_000_000.0)
    page = daemon.request("GET", f"/anomalies/{episode.id}")[1].decode()
    assert f'<form id="judge" data-id="{episode.id}"' in page
    assert [f'value="{verdict}"' in page for verdict in ("fine", "real", "undo")] == [True] * 3
    assert daemon.token not in page
    path = f"/api/v1/anomalies/{episode.id}/feedback"
    said = json.dumps({"verdict": "fine", "by": "ann", "note": ""}).encode()
    for origin in (f"http://127.0.0.1:{daemon.port}", "https://elsewhere.example"):
        assert daemon.request("POST", path, said, {"Origin": origin})[0] == 403
    assert daemon.get(f"/api/v1/anomalies/{episode.id}")["feedback"] is None
    with_token = {"Origin": f"http://127.0.0.1:{daemon.port}", "Authorization": f"Bearer {daemon.token}"}
    assert daemon.request("POST", path, said, with_token)[0] == 200
    page = daemon.request("GET", f"/anomalies/{episode.id}")[1].decode()
    assert "fine by ann" in page and "2.0 nats for level changes of this series" in page
    # What the script sends for "take it back": a body of no bytes.
    assert daemon.request("POST", f"{path}/undo?by=ann", b"", with_token)[0] == 200
    assert "nothing yet" in daemon.request("GET", f"/anomalies/{episode.id}")[1].decode()


def test_without_the_database_the_answer_says_so(lonely_daemon: DaemonProcess) -> None:
    assert lonely_daemon.request("GET", "/api/v1/anomalies")[0] == 503
    watches = lonely_daemon.get("/api/v1/anomalies/watches")
    assert {watch["state"] for watch in watches["watches"]} == {"learning"}
    assert lonely_daemon.metric("cmctl_anomaly_store_up") == 0
    assert lonely_daemon.cmctl("anomaly", "list").returncode == 4
