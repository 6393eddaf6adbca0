"""Alerts told to people: the real daemon and its sender, PostgreSQL, and real HTTP and SMTP receivers on loopback."""

import email
import email.policy
import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.support.alertmanager import POSTS_TO, AlertmanagerServer
from tests.support.daemon import DaemonProcess, wait_for
from tests.support.postgresql import PostgresqlCluster, free_port
from tests.support.receivers import HttpReceiver, http_receiver, smtp_receiver

Settings = dict[str, Any]


def receiver(folder: Path, name: str, url: str, **settings: Any) -> Settings:
    """A receiver's settings, its URL in a file."""
    path = folder / f"{name}.url"
    path.write_text(url + "\n", encoding="utf-8")
    return {"name": name, "url": {"file": str(path)}, **settings}


def alert(name: str, state: str = "firing", minutes_ago: float = 1, **fields: Any) -> Settings:
    labels = {"alertname": name, "severity": "critical", "instance": "db:9100", **fields.pop("labels", {})}
    now = datetime.now(UTC)
    return {
        "status": state,
        "labels": labels,
        "annotations": {"summary": f"{name} summary", **fields.pop("annotations", {})},
        "startsAt": (now - timedelta(minutes=minutes_ago)).isoformat(timespec="seconds"),
        "endsAt": now.isoformat() if state == "resolved" else "0001-01-01T00:00:00Z",
        **fields,
    }


def post(daemon: DaemonProcess, *alerts: Settings) -> None:
    status, answer = daemon.post({"version": "4", "groupKey": "g", "receiver": "controlplane", "alerts": list(alerts)})
    assert status == 200, answer


def deliveries(daemon: DaemonProcess, query: str = "") -> list[Settings]:
    found = daemon.get(f"/api/v1/deliveries?limit=1000{query}")
    return found if isinstance(found, list) else []  # PostgreSQL is not there yet


def sender_of(daemon: DaemonProcess) -> psutil.Process:
    assert daemon.process is not None
    (sender,) = [
        child
        for child in psutil.Process(daemon.process.pid).children()
        if "notifiers.sender" in " ".join(child.cmdline())
    ]
    return sender


@pytest.fixture
def http() -> Iterator[HttpReceiver]:
    with http_receiver() as one:
        yield one


class Told:
    """A daemon whose one receiver ``people`` is an HTTP server, with settings of the test's own."""

    def __init__(self, folder: Path, cluster: PostgresqlCluster, http: HttpReceiver, **settings: Any) -> None:
        one = {"language": "en", "timeout_seconds": 5, **settings.pop("receiver", {})}
        people = receiver(folder, "people", http.apprise_url, **one)
        self.daemon = DaemonProcess(folder, cluster, {"notifications": {"receivers": [people], **settings}})


def test_an_alert_is_told_once_when_it_fires_and_once_when_it_is_over(
    postgresql_cluster: PostgresqlCluster, tmp_path: Path, http: HttpReceiver
) -> None:
    daemon = Told(tmp_path, postgresql_cluster, http, receiver={"language": "both"}).daemon
    with daemon.running():
        hostile = "</b>@everyone <!channel> password=hunter2hunter2 \u202e postgres://me:pa55word@db/x"
        firing = alert(
            "ClaudeMemoryPostgresDown",
            annotations={
                "description": hostile,
                "summary_zh": "数据库离线",
                "runbook_url": "http://localhost:8081/docs/runbook#claudememorypostgresdown",
                "value": "42",
            },
        )
        post(daemon, firing)
        post(daemon, firing)
        wait_for(lambda: http.requests)
        post(daemon, {**firing, "status": "resolved", "endsAt": datetime.now(UTC).isoformat()})
        wait_for(lambda: len(http.requests) == 2)
        post(daemon, firing)  # late and repeated: no news
        wait_for(lambda: [item["status"] for item in deliveries(daemon)] == ["delivered", "delivered"])
        first, second = http.messages()
        assert http.titles() == [
            "[P0] FIRING 告警: ClaudeMemoryPostgresDown",
            "[P0] RESOLVED 已恢复: ClaudeMemoryPostgresDown",
        ]
        for expected in (
            "ClaudeMemoryPostgresDown summary",
            "数据库离线",
            "Value: 42",
            "Do first: cmctl check run postgresql",
            "先做：cmctl check run postgresql",
            "http://localhost:8081/docs/runbook#claudememorypostgresdown",
            "http://localhost:8081/docs/runbook.zh#claudememorypostgresdown",
            f"Dashboard: http://127.0.0.1:{daemon.port}",
            "cmctl alerts ack ",
        ):
            assert expected in first, first
        for secret in ("hunter2", "pa55word", "\u202e", "@everyone", "<!channel>", "</b>"):
            assert secret not in first
        assert "until:" in second
        newest = deliveries(daemon)[0]
        assert newest["receipt"]
        assert (newest["attempts"], newest["is_possible_repeat"]) == (1, False)
        assert daemon.metric('cmctl_deliveries_total{outcome="delivered",receiver="people"}') == 2
        assert daemon.metric('cmctl_deliveries_open{receiver="people",status="dead"}') == 0
        listed = daemon.cmctl("alerts", "deliveries", "--receiver", "people", "-o", "json")
        assert [item["id"] for item in json.loads(listed.stdout)] == [2, 1]
    everything = daemon.log.read_text(encoding="utf-8") + listed.stdout
    assert "s3cr3t" not in everything
    assert "t0k3n" not in everything


def test_mail_arrives(postgresql_cluster: PostgresqlCluster, tmp_path: Path) -> None:
    with smtp_receiver() as (port, mails):
        url = f"mailto://127.0.0.1:{port}/?from=cmctl@example.org&to=oncall@example.org&mode=insecure"
        people = receiver(tmp_path, "mail", url, language="zh")
        daemon = DaemonProcess(tmp_path, postgresql_cluster, {"notifications": {"receivers": [people]}})
        with daemon.running():
            post(daemon, alert("MailMe", annotations={"summary_zh": "磁盘将满"}))
            wait_for(lambda: mails)
            wait_for(lambda: deliveries(daemon, "&status=delivered"))
    message = email.message_from_string(mails[0].content, policy=email.policy.default)
    assert mails[0].recipients == ["oncall@example.org"]
    assert message["subject"] == "[P0] 告警：MailMe"
    body = message.get_body(("plain", "html"))
    assert body is not None
    assert "磁盘将满" in body.get_content()


@pytest.mark.parametrize("status", [429, 503])
def test_a_channel_that_is_busy_gets_it_later(
    postgresql_cluster: PostgresqlCluster, tmp_path: Path, http: HttpReceiver, status: int
) -> None:
    daemon = Told(tmp_path, postgresql_cluster, http).daemon
    http.statuses = [status]
    with daemon.running():
        post(daemon, alert("Busy"))
        wait_for(lambda: len(http.requests) == 2)
        wait_for(lambda: deliveries(daemon, "&status=delivered"))
        (only,) = deliveries(daemon)
        assert (only["attempts"], only["is_possible_repeat"]) == (2, False)
        assert daemon.metric('cmctl_deliveries_total{outcome="failed",receiver="people"}') == 1


def test_what_is_refused_for_good_is_a_dead_letter_that_can_be_sent_again(
    postgresql_cluster: PostgresqlCluster, tmp_path: Path, http: HttpReceiver
) -> None:
    daemon = Told(tmp_path, postgresql_cluster, http).daemon
    http.status = 403
    with daemon.running():
        post(daemon, alert("Forbidden"))
        wait_for(lambda: deliveries(daemon, "&status=dead"))
        (dead,) = deliveries(daemon)
        assert dead["attempts"] == 1
        assert "403" in dead["last_error"]
        assert "t0k3n" not in dead["last_error"]
        wait_for(lambda: daemon.metric('cmctl_deliveries_open{receiver="people",status="dead"}') == 1)
        http.status = 200
        path = f"/api/v1/deliveries/{dead['id']}/redeliver"
        assert daemon.request("POST", path, b"")[0] == 401
        again = daemon.cmctl("alerts", "redeliver", "--all-dead")
        assert again.returncode == 0, again.stderr
        wait_for(lambda: deliveries(daemon, "&status=delivered"))
        assert len(http.requests) == 2
        nothing = daemon.cmctl("alerts", "redeliver", "999")
        assert (nothing.returncode, "neither dead nor delivered" in nothing.stderr) == (2, True)


def test_a_channel_that_hangs_holds_up_nobody_and_its_repeat_is_marked(
    postgresql_cluster: PostgresqlCluster, tmp_path: Path, http: HttpReceiver
) -> None:
    with http_receiver() as other:
        hanging = receiver(tmp_path, "hanging", http.apprise_url + "?rto=30", language="en", timeout_seconds=1)
        healthy = receiver(tmp_path, "healthy", other.apprise_url, language="en")
        daemon = DaemonProcess(tmp_path, postgresql_cluster, {"notifications": {"receivers": [hanging, healthy]}})
        http.hangs.set()
        with daemon.running():
            post(daemon, alert("Hang"))
            wait_for(lambda: other.requests)
            wait_for(lambda: deliveries(daemon, "&receiver=hanging&status=pending"))
            (waiting,) = deliveries(daemon, "&receiver=hanging")
            assert "no outcome within 1 s" in waiting["last_error"]
            post(daemon, alert("Hang2"))
            wait_for(lambda: len(other.requests) == 2)
            http.hangs.clear()
            wait_for(lambda: len(deliveries(daemon, "&receiver=hanging&status=delivered")) == 2)
            marked = [message for message in http.messages()[1:] if "possible repeat" in message]
            assert marked


def test_a_channel_that_refuses_is_tried_until_it_is_back(
    postgresql_cluster: PostgresqlCluster, tmp_path: Path
) -> None:
    with http_receiver() as gone:
        port = gone.port
    daemon = Told(tmp_path, postgresql_cluster, gone).daemon
    with daemon.running():
        post(daemon, alert("Refused"))
        wait_for(lambda: any(item["attempts"] and item["status"] == "pending" for item in deliveries(daemon)))
        with http_receiver(port) as back:
            wait_for(lambda: back.requests)
            wait_for(lambda: deliveries(daemon, "&status=delivered"))
            assert len(back.requests) == 1


@pytest.mark.parametrize("victim", ["daemon", "sender"])
def test_kill_9_between_sending_and_recording_repeats_at_most_that_one(
    postgresql_cluster: PostgresqlCluster, tmp_path: Path, http: HttpReceiver, victim: str
) -> None:
    daemon = Told(tmp_path, postgresql_cluster, http, receiver={"timeout_seconds": 30}, group_by=["alertname"]).daemon
    with daemon.running():
        post(daemon, alert("Before"))
        wait_for(lambda: deliveries(daemon, "&status=delivered"))
        http.hangs.set()
        post(daemon, alert("During"))
        wait_for(lambda: len(http.requests) == 2)
        post(daemon, alert("After"))
        wait_for(lambda: len(deliveries(daemon)) == 3)
        http.hangs.clear()
        if victim == "daemon":
            sender = sender_of(daemon)
            daemon.kill()
            sender.wait(timeout=30)  # it ends with its daemon
            daemon.start()
        else:
            os.kill(sender_of(daemon).pid, signal.SIGKILL)
        wait_for(lambda: len(deliveries(daemon, "&status=delivered")) == 3)
        told = [title.rpartition(" ")[2] for title in http.titles()]
        assert sorted(told) == ["After", "Before", "During", "During"]
        repeats = {item["title"].rpartition(" ")[2]: item["is_possible_repeat"] for item in deliveries(daemon)}
        assert repeats == {"Before": False, "During": True, "After": False}
        assert [message for message in http.messages() if "possible repeat" in message] == [
            http.messages()[-2 if told[-1] == "After" else -1]
        ]


def test_more_than_the_channel_takes_becomes_one_digest(
    postgresql_cluster: PostgresqlCluster, tmp_path: Path, http: HttpReceiver
) -> None:
    daemon = Told(tmp_path, postgresql_cluster, http, receiver={"per_minute": 3}).daemon
    with daemon.running():
        post(daemon, *[alert(f"Storm{number}") for number in range(30)])
        wait_for(lambda: len(deliveries(daemon, "&status=folded")) == 28)
        wait_for(lambda: len(http.requests) == 3)
        assert http.titles()[2] == "[P0] DIGEST: 28 messages about 28 alerts"
        text = "\n".join(http.messages())
        assert [number for number in range(30) if f"Storm{number}" not in text] == []
        folded = deliveries(daemon, "&status=folded")
        (digest,) = [item for item in deliveries(daemon) if item["kind"] == "digest"]
        assert {item["folded_into"] for item in folded} == {digest["id"]}
        assert digest["alert_count"] == 28


def test_alerts_that_come_together_share_a_message(
    postgresql_cluster: PostgresqlCluster, tmp_path: Path, http: HttpReceiver
) -> None:
    daemon = Told(tmp_path, postgresql_cluster, http).daemon
    with daemon.running():
        post(daemon, *[alert("Down", labels={"instance": f"host-{number}"}) for number in range(3)])
        wait_for(lambda: http.requests)
        assert http.titles() == ["[P0] FIRING: Down (3 alerts)"]
        assert daemon.process is not None
        mapped = {item.path for item in psutil.Process(daemon.process.pid).memory_maps()}
        assert not [path for path in mapped if "apprise" in path]
        assert daemon.metric('cmctl_deliveries_handover_seconds_sum{receiver="people"}') > 0


def test_the_alert_about_postgresql_is_told_although_the_outbox_is_in_postgresql(
    own_postgresql: PostgresqlCluster, tmp_path: Path, http: HttpReceiver
) -> None:
    daemon = Told(tmp_path, own_postgresql, http).daemon
    down = alert("ClaudeMemoryPostgresDown")
    with daemon.running():
        daemon.wait_for_database()
        own_postgresql.kill()
        post(daemon, down)
        post(daemon, alert("NotUrgent", labels={"severity": "warning"}))
        wait_for(lambda: http.requests)
        assert http.titles() == ["[P0] FIRING: ClaudeMemoryPostgresDown"]
        wait_for(lambda: b'"is_delivered":true' in (tmp_path / "run" / "told-while-away.jsonl").read_bytes())
        daemon.kill()
        daemon.start()
        own_postgresql.start()
        wait_for(lambda: len(deliveries(daemon, "&status=delivered")) == 2)
        assert http.titles()[1:] == ["[P2] FIRING: NotUrgent"], "the urgent one was told once"
        assert "told directly while PostgreSQL was away" in {item["receipt"][:39] for item in deliveries(daemon)}
        assert not (tmp_path / "run" / "told-while-away.jsonl").exists()
        post(daemon, {**down, "status": "resolved", "endsAt": datetime.now(UTC).isoformat()})
        wait_for(lambda: "[P0] RESOLVED: ClaudeMemoryPostgresDown" in http.titles())


def test_the_canary_calls_the_switch_only_when_it_comes_the_whole_way(
    postgresql_cluster: PostgresqlCluster, tmp_path: Path, http: HttpReceiver
) -> None:
    port = free_port()
    alertmanager = AlertmanagerServer(POSTS_TO.format(port=port, resolve_timeout="5m"), port)
    switch = tmp_path / "switch.url"
    switch.write_text(f"http://127.0.0.1:{http.port}/ping", encoding="utf-8")
    canary = {"interval_seconds": 3, "dead_mans_switch": {"file": str(switch)}}
    settings = {"ports": {"alertmanager": alertmanager.port}, "notifications": {"canary": canary}}
    daemon = DaemonProcess(tmp_path, postgresql_cluster, settings, port=port)
    try:
        with daemon.running():
            daemon.wait_for_database()
            post(daemon, {**alert("CmctlCanary"), "annotations": {"canary_id": "forged"}})
            wait_for(lambda: "failed" in outcomes(daemon))  # Alertmanager is not there: no canary, no call
            assert http.requests == []
            alertmanager.start()
            wait_for(lambda: len(http.requests) >= 2)
            assert daemon.metric("cmctl_canaries_arrived_total") >= 2
            assert {item["kind"] for item in deliveries(daemon)} == {"canary"}
    finally:
        alertmanager.remove()


def outcomes(daemon: DaemonProcess) -> set[str]:
    """How the canary's jobs ended."""
    found = daemon.get("/api/v1/jobs/history?task=canary")
    return {run["outcome"] for run in found} if isinstance(found, list) else set()


def test_an_alert_that_nobody_takes_on_goes_up_the_chain_and_the_audit_finds_none_missing(
    postgresql_cluster: PostgresqlCluster, tmp_path: Path, http: HttpReceiver
) -> None:
    people = [receiver(tmp_path, name, f"{http.apprise_url}-{name}", language="en") for name in ("ann", "bob", "boss")]
    schedule = {"name": "primary", "people": ["ann"], "starts_at": "2025-01-06T09:00:00", "days": 7}
    notifications = {
        "receivers": people,
        "routes": [{"name": "all", "receivers": []}],
        "schedules": [schedule],
        "escalation": [{"name": "urgent", "priorities": ["P0"], "steps": [["primary"], ["primary", "boss"]]}],
        "response_seconds": {"P0": 2},
    }
    daemon = DaemonProcess(tmp_path, postgresql_cluster, {"notifications": notifications})
    with daemon.running():
        daemon.wait_for_database()
        taken = alert("Taken")
        post(daemon, taken)
        (one,) = json.loads(daemon.cmctl("alerts", "list", "-o", "json").stdout)
        assert daemon.cmctl("alerts", "ack", one["fingerprint"], "--author", "ann").returncode == 0
        arguments = ["bob", "--for", "1h", "--author", "ann"]
        assert daemon.cmctl("oncall", "override", "primary", *arguments).returncode == 0
        (on_call,) = json.loads(daemon.cmctl("oncall", "show", "-o", "json").stdout)
        assert (on_call["person"], on_call["stands_in_for"]) == ("bob", "ann")
        before = len(http.requests)
        post(daemon, alert("Nobodys"))
        wait_for(lambda: len(http.requests) >= before + 3)
        made = [
            (item["receiver"], item["title"])
            for item in reversed(deliveries(daemon))
            if item["kind"] == "escalation" and "Nobodys" in item["title"]
        ]
        assert made == [
            ("bob", "ESCALATION 升级 1/2: [P0] FIRING: Nobodys"),
            ("bob", "ESCALATION 升级 2/2: [P0] FIRING: Nobodys"),
            ("boss", "ESCALATION 升级 2/2: [P0] FIRING: Nobodys"),
        ]
        audit = daemon.cmctl("oncall", "audit")
        assert (audit.returncode, audit.stdout) == (0, "no escalation was missed\n")
        database = postgresql_cluster.conninfo(daemon.database["controlplane_database"])
        with psycopg.connect(database, autocommit=True) as records:  # as if nobody had looked for ten minutes
            records.execute("DELETE FROM escalation_steps")
            records.execute("UPDATE alert_states SET received_at = received_at - interval '10 minutes'")
        audit = daemon.cmctl("oncall", "audit", "-o", "json")
        missed = {(one["name"], one["step"]) for one in json.loads(audit.stdout)}
        assert (audit.returncode, {("Nobodys", 1), ("Nobodys", 2)} <= missed) == (1, True)
        wrong = daemon.cmctl("oncall", "override", "primary", "nobody", "--for", "1h", "--author", "ann")
        assert (wrong.returncode, "must be a receiver: ann, bob, boss" in wrong.stderr) == (2, True)
