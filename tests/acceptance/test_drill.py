"""Drills on a real stack: a set is restored beside production, started, looked at, and everything of it goes again."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from controlplane.config.load import Locations, load
from controlplane.wiring.drill import drill as service
from tests.support.backups import PARTS, create, remember, value
from tests.support.full_disk import FullFrom
from tests.support.stack import EmbeddedStack, wait_until

pytestmark = pytest.mark.stack
CONTROLPLANE_DATABASE = "claude_memory_controlplane"


@pytest.fixture(scope="module")
def stack() -> Iterator[EmbeddedStack]:
    stack = EmbeddedStack()
    try:
        stack.up(*PARTS)
        remember(stack, [f"memory number {number} about tea" for number in range(20)])
        create(stack)
        remember(stack, ["what came after the set, about whales"])
        yield stack
    finally:
        stack.remove()


def drill(stack: EmbeddedStack, code: int = 0) -> dict[str, Any]:
    result = stack.cmctl("backup", "drill", "-o", "json")
    assert result.returncode == code, result.stdout + result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    assert not (stack.data_dir / "drill").exists()
    assert leftovers(stack) == []
    return report


def leftovers(stack: EmbeddedStack) -> list[str]:
    mark, found = str(stack.data_dir / "drill"), []
    for process in psutil.process_iter():
        try:
            if process.environ().get("CLAUDE_MEMORY_STACK") == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.name())
        except (psutil.Error, OSError):
            continue
    return found


def outcomes(report: dict[str, Any]) -> dict[str, bool | None]:
    return {item["name"]: item["ok"] for item in report["checks"]}


def test_it_restores_what_production_holds_and_leaves_production_alone(stack: EmbeddedStack) -> None:
    pids = {component: stack.pid(component) for component in ("postgresql", "mcp_server", "controlplane")}
    report = drill(stack)
    assert outcomes(report) == dict.fromkeys(("vectors", "search", "recovery", "counts", "rows", "checksums"), True)
    assert (report["outcome"], report["problem"]) == ("passed", "")
    assert report["counts"]["memories"] == 21
    assert report["vectors_missing"] <= 1
    assert 0 <= report["rpo_seconds"] < report["rto_seconds"] < report["total_seconds"]
    assert {component: stack.pid(component) for component in pids} == pids
    assert value(stack, "SELECT timeline_id FROM pg_control_checkpoint()") == 1


def test_it_is_told_everywhere(stack: EmbeddedStack) -> None:
    latest = stack.json("backup", "drills")[0]
    assert latest["outcome"] == "passed"
    row = "SELECT outcome FROM backup_drills WHERE id = '{}'".format(latest["id"])
    assert value(stack, row, CONTROLPLANE_DATABASE) == "passed"
    assert stack.json("jobs", "history", "--task", "backup_drill")[0]["outcome"] == "succeeded"
    assert "by past drills" in stack.cmctl("restore", "--dry-run").stdout
    drills = stack.json("slo", "report", "--objective", "mcp-availability", "--window", "1d")["recovery"]["drills"]
    assert (drills["done"], drills["failed"], drills["newest"]) == (1, 0, latest["set_id"])


def test_without_production_there_is_less_to_compare_and_nothing_lost(stack: EmbeddedStack) -> None:
    stack.down()
    report = drill(stack)
    assert report["outcome"] == "passed"
    assert outcomes(report) | {"counts": None} == {
        "vectors": True,
        "search": True,
        "recovery": None,
        "counts": None,
        "rows": None,
        "checksums": True,
    }
    assert report["rpo_seconds"] is None
    stack.up(*PARTS)
    later = drill(stack)
    kept = value(stack, "SELECT array_agg(id) FROM backup_drills", CONTROLPLANE_DATABASE)
    assert {report["id"], later["id"]} <= set(kept)


def test_after_a_kill_the_next_one_clears_up(stack: EmbeddedStack) -> None:
    with subprocess.Popen(
        stack.command("backup", "drill"), env=stack.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        wait_until(lambda: "postgres" in leftovers(stack), what="PostgreSQL of the drill")
        busy = stack.cmctl("backup", "drill")
        assert (busy.returncode, "another drill is at work" in busy.stderr) == (5, True), busy.stderr
        process.send_signal(signal.SIGKILL)
    sockets = (stack.data_dir / "drill" / "socket-folder").read_text()
    assert drill(stack)["outcome"] == "passed"
    assert not Path(sockets).exists()
    interrupted = stack.json("backup", "drills")[1]
    assert (interrupted["outcome"], interrupted["problem"]) == ("interrupted", "it was killed")


FULL = [
    ("preparing postgresql", 0, "/drill/postgresql/"),
    ("preparing vectors", 0, "/drill/vectors"),
    ("replaying WAL", 1_000_000, "recovery failed: "),
]


@pytest.mark.parametrize(("stage", "limit_bytes", "words"), FULL)
def test_a_disk_that_fills_in_any_stage_fails_it_and_leaves_nothing(
    stack: EmbeddedStack, stage: str, limit_bytes: int, words: str
) -> None:
    locations, disk = Locations(stack.config_file, stack.data_dir), FullFrom(stage, "cleaning up", limit_bytes)
    try:
        report = service(load(locations), locations, disk).run(disk)
    finally:
        disk.empty()
    assert (report.outcome, words in report.problem) == ("failed", True), report.problem
    assert ("File too large" in report.problem, "\n" in report.problem) == (True, False), report.problem
    assert not (stack.data_dir / "drill").exists()
    assert leftovers(stack) == []
    assert stack.json("backup", "drills")[0]["problem"] == report.problem


def test_a_damaged_set_and_a_full_disk_fail_in_one_sentence(stack: EmbeddedStack) -> None:
    stack.configure({"backup": {"drill": {"keep_free_percent": 99.9}}})
    full = stack.cmctl("backup", "drill")
    assert (full.returncode, "error: the drill of set" in full.stderr, "may be used" in full.stderr) == (1, True, True)
    stack.configure({})
    made = create(stack, "--full")
    damaged = sorted((Path(made["path"]) / "postgresql" / "base").rglob("[0-9]*"))[5]
    damaged.write_bytes(damaged.read_bytes() + b"x")
    report = drill(stack, code=1)
    assert (report["outcome"], report["set_id"]) == ("failed", made["id"])
    assert f"set {made['id']} is damaged" in report["problem"]
    assert stack.json("jobs", "history", "--task", "backup_drill")[0]["outcome"] == "failed"
