"""``cmctl slo report`` through the installed console script, against a real Prometheus and against none."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.slo.test_slo_command import CMCTL, OUTAGE_SCRAPES, STEP_MS
from tests.integration.slo.test_slo_command import _settings as write_settings
from tests.support.prometheus import PrometheusServer, SampleSeries

ALIKE = ("verdict", "objective", "unit", "bad", "budget_consumed", "excluded", "exclusions")
BETWEEN = ("sli", "coverage", "error_budget_remaining", "good", "known_seconds", "unknown_seconds")


def _run(data_dir: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([CMCTL, "--data-dir", data_dir, "slo", *arguments], capture_output=True, timeout=120)


def _status(data_dir: Path) -> Any:
    return json.loads(_run(data_dir, "status", "--objective", "mcp-availability", "-o", "json").stdout)[0]


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
    status = _status(outage)
    result = _run(outage, "report", "--objective", "mcp-availability", "-o", "json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)["objectives"][0]
    for key in ALIKE:
        assert report[key] == status[key]
    later = _status(outage)
    for key in BETWEEN:
        # Each command looks at its own moment.
        low, high = sorted((status[key], later[key]))
        assert low <= report[key] <= high, key
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


ODD = {
    "half": {"kind": "gauge", "gauge": "half"},
    "missing": {"kind": "gauge", "gauge": "missing"},
    "none": {"kind": "query_ratio", "total": "missing", "bad": "missing"},
    "many": {"kind": "query_ratio", "total": "two", "bad": "two"},
    "string": {"kind": "query_ratio", "total": '"text"', "bad": '"text"'},
    "right": {"kind": "query_ratio", "total": "sum(two)", "bad": "0 * sum(two)"},
}


def test_what_prometheus_does_not_have_or_cannot_mean_is_unknown_and_named(
    tmp_path: Path, prometheus: PrometheusServer
) -> None:
    """A Prometheus that lost half of a series, and queries of no series, of several, and of a string."""
    now = round(time.time() * 1000)
    moments = range(now - 3_700_000, now, STEP_MS)
    half = [(at, 1.0) for at in moments if at < now - 1_800_000]
    two = [SampleSeries({"__name__": "two", "instance": name}, [(at, 1.0) for at in moments]) for name in "ab"]
    prometheus.load([SampleSeries({"__name__": "half", "job": "j", "instance": "i"}, half), *two])
    prometheus.start()
    write_settings(tmp_path, prometheus.port)
    objectives = [
        {
            "name": name,
            "service": "s",
            "title": name,
            "title_zh": name,
            "indicator": indicator,
            "time_window": {"rolling": "1d"},
            "target_percent": 99,
        }
        for name, indicator in ODD.items()
    ]
    folder = tmp_path / "etc" / "objectives"
    folder.mkdir()
    (folder / "claude-memory.yml").write_text(yaml.safe_dump({"profile": "claude-memory", "objectives": objectives}))
    result = _run(tmp_path, "report", "--window", "1h", "-o", "json")
    assert result.returncode == 0, result.stderr
    found = {one["name"]: one for one in json.loads(result.stdout)["objectives"]}
    assert (found["right"]["coverage"], found["right"]["sli"]) == (pytest.approx(1, abs=0.02), 1)
    assert found["half"]["coverage"] == pytest.approx(0.5, abs=0.03)
    assert (found["half"]["sli"], found["half"]["verdict"]) == (1, "not_enough_data")
    for name in ("missing", "none", "many", "string"):
        assert (found[name]["sli"], found[name]["coverage"], found[name]["bad"]) == (None, 0, 0), name
        assert found[name]["unknown_seconds"] == pytest.approx(3600, abs=15), name
    assert found["missing"]["queries_without_data"] != []
    assert found["none"]["queries_without_data"] != []
    assert [one["kind"] for one in found["many"]["problems"]] == ["several_series"]
    assert [one["kind"] for one in found["string"]["problems"]] == ["failed"]
    page = _run(tmp_path, "report", "--window", "1h", "-o", "md").stdout.decode()
    assert "the query returns 2 series instead of one, so unknown" in page
    assert "no data in the whole period" in page


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
