"""Kept SLA reports: made by the daemon's job from a real Prometheus, listed, served, printed, and sent to people."""

import email
import email.policy
import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from tests.support.daemon import DaemonProcess, wait_for
from tests.support.postgresql import PostgresqlCluster
from tests.support.prometheus import PrometheusServer, SampleSeries
from tests.support.receivers import HttpReceiver, Mail, http_receiver, smtp_receiver

STEP_MS = 15_000
YESTERDAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
REPORT = f"day-{YESTERDAY:%Y-%m-%d}"
OUTAGE = timedelta(minutes=7)
POSSIBLE_REPEAT = "possible repeat"
DETAIL = f"made: {REPORT} (missed); sent: {REPORT} to chat, {REPORT} to mail; deleted: 0"
OBJECTIVE = {
    "name": "reachable",
    "service": "memory",
    "title": "It is reachable",
    "title_zh": "可用性",
    "indicator": {"kind": "gauge", "gauge": "up"},
    "time_window": {"rolling": "1d"},
    "target_percent": 99.9,
}


def _samples() -> SampleSeries:
    """A day, down for seven minutes from noon."""
    first = round(YESTERDAY.timestamp() * 1000)
    down = (first + 12 * 3_600_000, first + 12 * 3_600_000 + round(OUTAGE.total_seconds() * 1000))
    moments = [first - 60_000 + 14_000 + STEP_MS * number for number in range(5764)]
    return SampleSeries({"__name__": "up"}, [(at, float(not down[0] < at < down[1])) for at in moments])


@pytest.fixture(scope="module")
def http() -> Iterator[HttpReceiver]:
    with http_receiver() as one:
        one.statuses = [503]  # busy at first: what is sent is tried again
        yield one


@pytest.fixture(scope="module")
def smtp() -> Iterator[tuple[int, list[Mail]]]:
    with smtp_receiver() as one:
        yield one


@pytest.fixture(scope="module")
def daemon(
    postgresql_cluster: PostgresqlCluster,
    tmp_path_factory: pytest.TempPathFactory,
    http: HttpReceiver,
    smtp: tuple[int, list[Mail]],
) -> Iterator[DaemonProcess]:
    prometheus = PrometheusServer()
    try:
        prometheus.load([_samples()])
        prometheus.start()
        place = tmp_path_factory.mktemp("reports")
        urls = {"chat": http.apprise_url, "mail": f"mailto://127.0.0.1:{smtp[0]}?from=cp@a.org&to=team@a.org"}
        for name, url in urls.items():
            (place / f"{name}.url").write_text(url)
        receivers = [{"name": name, "language": "zh", "url": {"file": str(place / f"{name}.url")}} for name in urls]
        settings = {
            "ports": {"prometheus": prometheus.port},
            "public_url": "https://ops.example.org",
            "reports": {
                "scheduled": ["day"],
                "send_to": [{"receiver": "chat"}, {"receiver": "mail", "kinds": ["day"], "language": "both"}],
            },
            "notifications": {"receivers": receivers},
        }
        process = DaemonProcess(place, postgresql_cluster, settings)
        folder = process.data_dir / "etc" / "objectives"
        folder.mkdir()
        text = yaml.safe_dump({"profile": "claude-memory", "objectives": [OBJECTIVE]}, allow_unicode=True)
        (folder / "claude-memory.yml").write_text(text, encoding="utf-8")
        with process.running():
            process.wait_for_database()
            yield process
    finally:
        prometheus.remove()


@pytest.fixture(scope="module")
def made(daemon: DaemonProcess) -> Any:
    """What the job said when it ran for the first time."""
    result = daemon.run_job("slo_reports", timeout_seconds=300)
    assert result.returncode == 0, result.stderr
    runs = daemon.get("/api/v1/jobs/history?task=slo_reports")  # by its schedule it may have run before
    return min((run for run in runs if run["outcome"] == "succeeded"), key=lambda run: int(run["id"]))


def test_the_job_makes_the_report_of_yesterday_once(daemon: DaemonProcess, made: Any) -> None:
    assert (made["outcome"], made["detail"]) == ("succeeded", DETAIL)
    (entry,) = daemon.get("/api/v1/reports")
    assert (entry["id"], entry["kind"], entry["verdict"], entry["revision"]) == (REPORT, "day", "missed", 1)
    assert entry["complete"] is True
    again = daemon.cmctl("slo", "reports", "--make-due", "-o", "json", timeout_seconds=300)
    assert json.loads(again.stdout) == {"made": [], "without_data": [], "deleted": 0, "sent": []}
    assert daemon.get("/api/v1/reports") == [entry]


def deliveries(daemon: DaemonProcess, status: str) -> list[Any]:
    return [one for one in daemon.get("/api/v1/deliveries") if one["kind"] == "report" and one["status"] == status]


def _text_of(mail: Mail) -> str:
    parsed = email.message_from_string(mail.content, policy=email.policy.default)
    body = parsed.get_body(("plain",))
    assert body is not None
    return " ".join(body.get_content().split())


def test_it_is_sent_once_to_each_receiver_with_the_verdict_first(
    daemon: DaemonProcess, made: Any, http: HttpReceiver, smtp: tuple[int, list[Mail]]
) -> None:
    wait_for(lambda: len(deliveries(daemon, "delivered")) == 2, timeout_seconds=60)
    told = next(one for one in deliveries(daemon, "delivered") if one["receiver"] == "chat")
    assert (told["attempts"], told["receipt"] != "") == (2, True)
    assert len(http.requests) == 2  # the one that was refused, and that which was taken
    title, *lines = http.messages()[-1].splitlines()
    assert title == f"SLA 未达标：{YESTERDAY:%Y-%m-%d}（日），claude-memory"
    assert lines == [
        "未达标：可用性。",
        f"报告：https://ops.example.org/reports/{REPORT}?lang=zh",
        "- 未达标 · 可用性：99.513 %，目标 99.9 %；损失 7 分，预算剩余 −386.2 %，已知 100.00 %",
    ]
    (mail,) = smtp[1]
    parsed = email.message_from_string(mail.content, policy=email.policy.default)
    assert parsed["subject"].startswith(f"SLA missed: day {YESTERDAY:%Y-%m-%d}, claude-memory / SLA 未达标")
    text = _text_of(mail)
    assert "- missed · It is reachable: 99.513 % of 99.9 %; lost 7 min, budget left −386.2 %, known 100.00 %" in text
    assert f"Report: https://ops.example.org/reports/{REPORT}?lang=en" in text
    assert "- 未达标 · 可用性" in text
    assert daemon.request("GET", f"/reports/{REPORT}?lang=zh")[0] == 200


def test_sending_by_hand_repeats_only_when_asked(daemon: DaemonProcess, made: Any, http: HttpReceiver) -> None:
    wait_for(lambda: len(deliveries(daemon, "delivered")) == 2, timeout_seconds=60)
    before = len(http.requests)
    left = daemon.cmctl("slo", "send", REPORT, "-o", "json")
    assert [one["is_new"] for one in json.loads(left.stdout)] == [False, False]
    again = daemon.cmctl("slo", "send", "--to", "chat", "--again", "-o", "json")
    assert json.loads(again.stdout) == [{"report": REPORT, "receiver": "chat", "is_new": True}]
    wait_for(lambda: len(deliveries(daemon, "delivered")) == 3, timeout_seconds=60)
    assert len(http.requests) == before + 1
    for arguments, words in ((["day-2020-01-01"], "there is no report"), (["--to", "bob"], "not in reports.send_to")):
        result = daemon.cmctl("slo", "send", *arguments)
        assert (result.returncode, words in result.stderr) == (2, True), result.stderr


def test_a_report_arrives_though_the_daemon_is_killed_before_it_sends_and_while_it_sends(
    daemon: DaemonProcess, made: Any, http: HttpReceiver, smtp: tuple[int, list[Mail]]
) -> None:
    wait_for(lambda: not deliveries(daemon, "pending") and not deliveries(daemon, "sending"), timeout_seconds=60)
    mails, posts, delivered = len(smtp[1]), len(http.requests), len(deliveries(daemon, "delivered"))
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGSTOP)  # so that it cannot send before it is killed
    recorded = daemon.cmctl("slo", "send", "--again", "-o", "json")
    daemon.kill()
    assert [one["is_new"] for one in json.loads(recorded.stdout)] == [True, True]
    assert (len(smtp[1]), len(http.requests)) == (mails, posts)

    http.hangs.set()
    daemon.start()
    daemon.wait_for_database()
    wait_for(lambda: len(http.requests) == posts + 1, timeout_seconds=60)  # it has it, and has not said so
    wait_for(lambda: len(deliveries(daemon, "delivered")) == delivered + 1, timeout_seconds=60)
    daemon.kill()
    http.hangs.clear()
    daemon.start()
    daemon.wait_for_database()
    wait_for(lambda: len(deliveries(daemon, "delivered")) == delivered + 2, timeout_seconds=60)
    (mail,) = smtp[1][mails:]
    text = _text_of(mail)
    assert (f"/reports/{REPORT}?lang=en" in text, POSSIBLE_REPEAT in text) == (True, False)
    first, second = http.messages()[posts:]
    assert (POSSIBLE_REPEAT in first, POSSIBLE_REPEAT in second) == (False, True)
    assert first.splitlines()[0] == second.splitlines()[0]


def test_its_data_tell_the_outage(daemon: DaemonProcess, made: Any) -> None:
    report = daemon.get(f"/api/v1/reports/{REPORT}")
    (objective,) = report["objectives"]
    assert objective["bad"] == OUTAGE.total_seconds()
    assert objective["good"] == 86_400 - OUTAGE.total_seconds()
    assert (objective["coverage"], objective["losses"][0]["bad"]) == (1, OUTAGE.total_seconds())
    printed = daemon.cmctl("slo", "report", "--id", REPORT, "-o", "json")
    assert json.loads(printed.stdout) == report


@pytest.mark.parametrize(
    ("query", "media_type", "words"),
    [
        ("", "text/html", '<html lang="en">'),
        ("?lang=zh", "text/html", "未达标"),
        ("?format=md&lang=zh", "text/markdown", "# SLA 报告：claude-memory"),
        ("?format=pdf", "application/pdf", "%PDF-"),
    ],
)
def test_it_is_served_in_every_format(
    daemon: DaemonProcess, made: Any, query: str, media_type: str, words: str
) -> None:
    status, body, headers = daemon.request("GET", f"/reports/{REPORT}{query}")
    assert (status, headers.get_content_type()) == (200, media_type)
    assert words.encode() in body
    assert "script-src" not in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_it_is_listed_on_the_web_page_and_in_the_terminal(daemon: DaemonProcess, made: Any) -> None:
    assert 'href="/reports"' in daemon.get("/")
    page = daemon.get("/reports")
    assert f'href="/reports/{REPORT}?lang=zh"' in page
    listed = daemon.cmctl("slo", "reports")
    assert listed.returncode == 0
    assert [line.split()[:2] for line in listed.stdout.splitlines()] == [["REPORT", "VERDICT"], [REPORT, "missed"]]


def test_a_report_by_hand_replaces_the_one_of_its_period(daemon: DaemonProcess, made: Any) -> None:
    assert daemon.get(f"/api/v1/reports/{REPORT}")["incidents"]["losses_without_incident"] == 1
    noon = (YESTERDAY + timedelta(hours=12)).isoformat()
    opened = daemon.cmctl("incident", "open", "it was away", "--author", "ada", "--service", "memory", "--began", noon)
    assert opened.returncode == 0, opened.stderr
    result = daemon.cmctl("slo", "report", "--day", "last", "--keep", timeout_seconds=300)
    assert (result.returncode, result.stdout) == (0, "")
    assert f"{REPORT}: kept, revision 2" in result.stderr
    (entry,) = daemon.get("/api/v1/reports")
    assert (entry["id"], entry["revision"]) == (REPORT, 2)
    # It says now what the incident that was entered meanwhile cost.
    told = daemon.get(f"/api/v1/reports/{REPORT}")["incidents"]
    (incident,) = told["incidents"]
    assert incident["url"] == f"https://ops.example.org/incidents/{incident['number']}"
    assert [(one["objective"], one["bad"]) for one in incident["costs"]] == [("reachable", OUTAGE.total_seconds())]
    assert told["losses_without_incident"] == 0
    assert f'href="{incident["url"]}"' in daemon.get(f"/reports/{REPORT}")


def test_where_the_objectives_stand_is_on_the_web_page(daemon: DaemonProcess, made: Any) -> None:
    assert daemon.run_job("slo_evaluation").returncode == 0
    page = daemon.get("/")
    assert ">not enough data</td>" in page and "It is reachable" in page and "99.9 %" in page


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/reports/day-2020-01-01", 404, None),
        ("/reports/%00", 404, None),
        ("/reports/%F0%9F", 404, None),
        ("/api/v1/reports/day-2020-01-01", 404, None),
        (f"/reports/{REPORT}?lang=fr", 400, "lang"),
        (f"/reports/{REPORT}?format=exe", 400, "format"),
        (f"/reports/{REPORT}?x=1", 400, "x"),
        ("/api/v1/reports?x=1", 400, "x"),
    ],
)
def test_what_there_is_not(daemon: DaemonProcess, made: Any, path: str, status: int, field: str | None) -> None:
    answered, body, _ = daemon.request("GET", path)
    assert (answered, json.loads(body).get("field")) == (status, field)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--id", "day-2020-01-01"], "there is no report 'day-2020-01-01'"),
        (["--id", REPORT, "--day"], "--id prints what is kept"),
        (["--window", "1h", "--keep"], "only reports of a day, a week or a month"),
    ],
)
def test_what_cannot_be_meant(daemon: DaemonProcess, made: Any, arguments: list[str], words: str) -> None:
    result = daemon.cmctl("slo", "report", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert words in result.stderr


def test_without_postgresql_nothing_is_kept_and_everybody_is_told(lonely_daemon: DaemonProcess) -> None:
    status, _, _ = lonely_daemon.request("GET", "/api/v1/reports")
    assert status == 503
    result = lonely_daemon.cmctl("slo", "reports")
    assert (result.returncode, result.stdout) == (4, "")
    ran = lonely_daemon.run_job("slo_reports")
    assert json.loads(ran.stdout)["outcome"] == "failed"
