"""``cmctl slo report`` through the installed console script, against a real Prometheus and against none."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.slo.test_slo_command import CMCTL, OUTAGE_SCRAPES, STEP_MS
from tests.integration.slo.test_slo_command import _settings as write_settings
from tests.support.prometheus import PrometheusServer, SampleSeries

ALIKE = ("verdict", "objective", "unit", "bad", "budget_consumed", "excluded", "exclusions")
CLOSE = ("sli", "coverage", "error_budget_remaining", "good", "known_seconds", "unknown_seconds")


def _run(data_dir: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([CMCTL, "--data-dir", data_dir, "slo", *arguments], capture_output=True, timeout=120)


@pytest.fixture
def outage(tmp_path: Path, prometheus: PrometheusServer) -> Path:
    """A data directory whose Prometheus saw two hours of the memory server, two minutes of them down."""
    now = round(time.time() * 1000)
    moments = range(now - 2 * 3_600_000, now - STEP_MS, STEP_MS)
    up = [(at, 0.0 if 200 <= number < 200 + OUTAGE_SCRAPES else 1.0) for number, at in enumerate(moments)]
    prometheus.load([SampleSeries({"__name__": "up", "job": "claude-memory-mcp", "instance": "i"}, up)])
    prometheus.start()
    write_settings(tmp_path, prometheus.port)
    return tmp_path


def test_report_and_status_give_the_same_figures(outage: Path) -> None:
    status = json.loads(_run(outage, "status", "--objective", "mcp-availability", "-o", "json").stdout)[0]
    result = _run(outage, "report", "--objective", "mcp-availability", "-o", "json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)["objectives"][0]
    for key in ALIKE:
        assert report[key] == status[key]
    for key in CLOSE:
        # The second command looks some seconds later: a scrape or two.
        assert report[key] == pytest.approx(status[key], abs=60 if key.endswith("seconds") or key == "good" else 0.02)
    assert report["bad"] == OUTAGE_SCRAPES * 15
    (loss,) = report["losses"]
    assert loss["bad"] == OUTAGE_SCRAPES * 15


@pytest.mark.parametrize(
    ("arguments", "beginning", "words"),
    [
        (("-o", "md"), b"# SLA report: claude-memory\n", "Verdict: not enough data"),
        (("-o", "html", "--lang", "zh", "--window", "3h"), b"<!doctype html>\n", "数据不足"),
        (("-o", "pdf", "--day"), b"%PDF-", ""),
    ],
)
def test_every_format_and_period(outage: Path, arguments: tuple[str, ...], beginning: bytes, words: str) -> None:
    target = outage / "report"
    result = _run(outage, "report", "--out", str(target), *arguments)
    assert (result.returncode, result.stdout) == (0, b""), result.stderr
    content = target.read_bytes()
    assert content.startswith(beginning)
    assert words.encode() in content


def test_without_prometheus_everything_is_unknown_and_the_report_says_so(tmp_path: Path) -> None:
    write_settings(tmp_path, 1)
    result = _run(tmp_path, "report", "--objective", "mcp-availability", "-o", "json")
    assert result.returncode == 0
    assert b"part of this report is unknown" in result.stderr
    report = json.loads(result.stdout)
    assert (report["verdict"], report["complete"]) == ("not_enough_data", False)
    (objective,) = report["objectives"]
    assert (objective["sli"], objective["coverage"], objective["bad"]) == (None, 0, 0)
    assert objective["unknown_seconds"] == pytest.approx(30 * 86_400, abs=15)
    assert "http://127.0.0.1:1 does not answer" in objective["problems"][0]["detail"]
    assert "PostgreSQL" in report["maintenance_problem"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--window", "30x"), "--window: '30x' is not a Prometheus duration"),
        (("--window", "1h", "--day"), "--window and --day exclude each other"),
        (("--month", "2999-01"), "--month: 2999-01 has not begun"),
        (("--from", "2999-01-01"), "--from/--to: "),
        (("--to", "1h"), "--to needs --from"),
        (("--from", "1h", "--to", "2h"), "the end must be later than the start"),
        (("--window", "2y"), "at most 400 days"),
        (("--objective", "nonsense"), "no objective is named 'nonsense'"),
        (("--out", "/nowhere/report"), "/nowhere/report cannot be written"),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    write_settings(tmp_path, 1)
    result = _run(tmp_path, "report", *arguments)
    assert (result.returncode, result.stdout) == (1 if "--out" in arguments else 2, b"")
    assert words in result.stderr.decode()
