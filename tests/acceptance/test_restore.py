"""Restoring a real stack: to a moment in the middle of a load, after losing everything, cut off anywhere, and back."""

import asyncio
import contextlib
import json
import random
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from mcp.client import Client

from controlplane.config.load import Locations, load
from controlplane.domain.backup.target import RecoveryTarget
from controlplane.errors import CmctlError
from controlplane.services.backup.restore_plan import Wish
from controlplane.wiring.restore import restorer
from tests.support.backups import MEMORY_DATABASE, PARTS, connect, create, errors_in, remember, sets_folder, value
from tests.support.full_disk import FullFrom
from tests.support.postgresql import binaries
from tests.support.soak import length
from tests.support.stack import EmbeddedStack, wait_until

pytestmark = pytest.mark.stack
LATEST_KILL = 12
RESTORED_SERVICES = ["controlplane", "claude-memory-mcp", "qdrant", "postgresql"]
CONFIRMED = ("--confirm", "data")
SUMS = (
    "SELECT array[(SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(bbalance) FROM pgbench_branches),"
    " (SELECT sum(tbalance) FROM pgbench_tellers), (SELECT sum(delta) FROM pgbench_history)]"
)


@pytest.fixture(scope="module")
def stack() -> Iterator[EmbeddedStack]:
    stack = EmbeddedStack()
    try:
        stack.up(*PARTS)
        pgbench(stack, "--initialize", "--quiet")
        remember(stack, [f"memory number {number} about tea" for number in range(20)])
        create(stack)
        yield stack
    finally:
        stack.remove()


def pgbench_command(stack: EmbeddedStack, *arguments: str) -> tuple[list[str], dict[str, str]]:
    command = [str(binaries() / "pgbench"), "-h", "127.0.0.1", "-p", str(stack.port("postgresql")), "-U", "postgres"]
    environment = {**stack.environment, "PGPASSWORD": stack.secret("postgresql_superuser_password")}
    return [*command, *arguments, MEMORY_DATABASE], environment


def pgbench(stack: EmbeddedStack, *arguments: str) -> None:
    command, environment = pgbench_command(stack, *arguments)
    subprocess.run(command, env=environment, check=True, capture_output=True)


def found(stack: EmbeddedStack, query: str) -> list[str]:
    async def search() -> Any:
        async with Client(stack.url("mcp_server", "/mcp")) as client:
            return await client.call_tool("search", {"query": query, "mode": "meaning", "limit": 1})

    answer = dict(asyncio.run(search()).structured_content or {})
    return [item["content"] for item in answer["results"]]


def restore(stack: EmbeddedStack, *arguments: str) -> dict[str, Any]:
    result = stack.cmctl("restore", *arguments, *CONFIRMED, "-o", "json")
    assert result.returncode == 0, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def windows(stack: EmbeddedStack) -> dict[str, dict[str, Any]]:
    """The maintenance of restores and how the ledger says that they ended, by key."""
    rows = value(
        stack,
        "SELECT coalesce(json_object_agg(key, json_build_object('from', starts_at, 'entered', entered_at, 'until',"
        " ended_at, 'services', services, 'outcome', (SELECT outcome FROM actions WHERE actions.key = m.key))), '{}')"
        " FROM maintenance m WHERE key LIKE 'restore-%'",
        "claude_memory_controlplane",
    )
    return dict(rows)


def row(stack: EmbeddedStack, query: str, database: str) -> Any:
    with connect(stack, database) as connection:
        return connection.execute(query.encode()).fetchone()


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


def drop_replaced(stack: EmbeddedStack) -> None:
    assert stack.cmctl("restore", "--drop-replaced", *CONFIRMED).returncode == 0


def history(stack: EmbeddedStack) -> int:
    return int(value(stack, "SELECT count(*) FROM pgbench_history"))


def test_to_a_moment_in_the_middle_of_a_load_and_back(stack: EmbeddedStack) -> None:
    """The maintenance of a restore is in whichever database there is after it, with its true times."""
    command, environment = pgbench_command(stack, "--client=4", "--transactions=500")
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as load:
        wait_until(lambda: history(stack) > 300, what="some transactions")
        moment = value(stack, "SELECT clock_timestamp()")
        assert load.wait() == 0
    assert history(stack) == 2000
    began = datetime.now(UTC)
    report = restore(stack, "--target-time", moment.isoformat())
    ((key, window),) = windows(stack).items()
    start, end = time_of(window["from"]), time_of(window["until"])
    assert began < start == time_of(window["entered"])
    assert timedelta(seconds=report["rto_seconds"]) < end - start < datetime.now(UTC) - began
    assert (window["services"], window["outcome"]) == (RESTORED_SERVICES, "succeeded")
    assert history(stack) in range(300, 2000)
    assert len(set(value(stack, SUMS))) == 1
    assert datetime.fromisoformat(report["last_commit_at"]) <= moment
    assert (report["timeline"], report["problems"], report["rto_seconds"] > 0) == (2, [], True)
    assert report["vectors_surplus"] == 0
    assert found(stack, "memory number 7 about tea") == ["memory number 7 about tea"]
    back = stack.cmctl("restore", "--rollback", *CONFIRMED)
    assert back.returncode == 0, back.stderr
    assert history(stack) == 2000
    # This database was stopped while the window was open, and never saw the end. It was told by the daemon, a moment
    # after the record was made.
    both = windows(stack)
    assert (len(both), both[key]["until"]) == (2, window["until"])
    assert timedelta(0) <= time_of(both[key]["from"]) - start < timedelta(seconds=30)
    assert {one["outcome"] for one in both.values()} == {"succeeded"}
    assert value(stack, "SELECT timeline_id FROM pg_control_checkpoint()") == 1


def test_everything_is_lost_but_the_archive(stack: EmbeddedStack) -> None:
    remember(stack, ["the last thing that was stored, about whales"])
    stored = value(stack, "SELECT count(*) FROM memories")
    for process in [item for item in stack.processes() if "pg_receivewal" not in item.name()]:
        process.kill()
    stack.down()
    shutil.rmtree(stack.data_dir / "postgresql")
    shutil.rmtree(stack.data_dir / "qdrant")
    report = restore(stack)
    # What was down already is an outage, not maintenance: only the ledger knows of this restore.
    last = "SELECT kind, outcome, key IN (SELECT key FROM maintenance) FROM actions ORDER BY at DESC LIMIT 1"
    assert row(stack, last, "claude_memory_controlplane") == ("restore", "succeeded", False)
    assert value(stack, "SELECT count(*) FROM memories") == stored == report["counts"]["memories"]
    assert report["counts_in_set"]["memories"] == stored - 1
    # The set's vectors lack it; the server makes it from PostgreSQL, at its start or when it is asked to compare.
    told = ["the last thing that was stored, about whales"]
    wait_until(lambda: found(stack, "whales") == told, what="the vector that came after the set")
    again = stack.cmctl("restore", "--rollback", *CONFIRMED)
    assert (again.returncode, "nothing to roll back to" in again.stderr) == (5, True), again.stderr
    drop_replaced(stack)


def test_the_next_set_after_a_restore_is_full_and_can_be_restored(stack: EmbeddedStack) -> None:
    made = create(stack)
    assert made["kind"] == "full"
    pgbench(stack, "--transactions=5", "--no-vacuum")
    before = history(stack)
    restore(stack, "--only", "postgresql")
    assert history(stack) == before
    drop_replaced(stack)


@pytest.mark.soak
def test_killed_at_any_moment_it_can_be_run_again_or_rolled_back(stack: EmbeddedStack) -> None:
    create(stack)
    pgbench(stack, "--transactions=5", "--no-vacuum")
    before = history(stack)
    chosen = random.Random(3)
    for attempt in range(length(2, 20)):
        began = time.monotonic()
        seconds = chosen.uniform(2, LATEST_KILL)
        with subprocess.Popen(
            stack.command("restore", *CONFIRMED), env=stack.environment, stderr=subprocess.DEVNULL
        ) as process:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
        assert time.monotonic() - began < 240
        if attempt % 2 and (stack.data_dir / "restore.json").exists():
            result = stack.cmctl("restore", "--rollback", *CONFIRMED)
            assert result.returncode == 0, result.stderr
            stack.up(*PARTS)
        else:
            restore(stack)
        assert history(stack) == before
    assert stack.cmctl("backup", "create").returncode == 0
    done = windows(stack).values()
    assert all(one["until"] for one in done)
    cut_off = [time_of(one["until"]) - time_of(one["from"]) for one in done if one["outcome"] == "interrupted"]
    assert all(excluded < timedelta(seconds=LATEST_KILL) for excluded in cut_off)


def test_between_two_renames_nothing_starts_on_half_a_data_directory(stack: EmbeddedStack) -> None:
    stack.down()
    journal = {
        "id": "20260101T000000Z",
        "set_id": "x",
        "step": "swapping",
        "parts": ["postgresql"],
        "began_at": datetime.now(UTC).isoformat(),
        "had": {"postgresql": True},
        "components": list(PARTS),
    }
    aside = stack.data_dir / "replaced" / journal["id"]
    aside.mkdir(parents=True)
    (stack.data_dir / "postgresql").rename(aside / "postgresql")
    (stack.data_dir / "restore.json").write_text(json.dumps(journal))
    refused = stack.cmctl("up", *PARTS)
    assert (refused.returncode, "was cut off" in refused.stderr) == (5, True), refused.stderr
    assert not (stack.data_dir / "postgresql").exists()
    back = stack.cmctl("restore", "--rollback", *CONFIRMED)
    assert back.returncode == 0, back.stderr
    assert history(stack) > 0


def test_beside_production_into_a_folder(stack: EmbeddedStack, tmp_path: Path) -> None:
    pid = stack.pid("postgresql")
    into = stack.folder / "beside"
    result = stack.cmctl("restore", "--to", str(into), "-o", "json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["counts"]["memories"] == value(stack, "SELECT count(*) FROM memories")
    assert (into / "postgresql" / "PG_VERSION").exists()
    assert stack.pid("postgresql") == pid
    again = stack.cmctl("restore", "--to", str(into))
    assert (again.returncode, "not an empty folder" in again.stderr) == (5, True)


REFUSED = {
    "the future": (["--target-time", (datetime.now(UTC) + timedelta(days=1)).isoformat()], 2, "is in the future"),
    "before the first set": (["--target-time", "2020-01-01T00:00:00Z"], 2, "is before the first set"),
    "no zone": (["--target-time", "2020-01-01T00:00:00"], 2, "needs a zone"),
    "beyond the archive": (["--target-lsn", "FF/0"], 2, "is beyond the archive"),
    "two targets": (["--target-lsn", "0/1", "--target-name", "x"], 2, "at most one"),
    "no such set": (["20200101T000000Z"], 2, "there is no complete set"),
    "no such timeline": (["--target-timeline", "99"], 1, "recovery failed"),
    "no such restore point": (["--target-name", "nonsense"], 1, "the WAL archive ends before the target"),
    "not confirmed": (["--confirm", "other"], 5, "'other' is not the name"),
}


@pytest.mark.parametrize(("arguments", "code", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_leaves_everything_as_it_was(
    stack: EmbeddedStack, arguments: list[str], code: int, sentence: str
) -> None:
    confirmed = () if "--confirm" in arguments else CONFIRMED
    result = stack.cmctl("restore", *arguments, *confirmed)
    assert (result.returncode, sentence in result.stderr) == (code, True), result.stderr
    assert history(stack) > 0
    assert not (stack.data_dir / "restoring").exists()


def test_the_plan_says_how_to_confirm_it(stack: EmbeddedStack) -> None:
    plan = stack.cmctl("restore", "--dry-run")
    assert (plan.returncode, " ".join(CONFIRMED) in plan.stdout) == (0, True), plan.stdout


def test_a_damaged_set_is_found_and_not_restored(stack: EmbeddedStack) -> None:
    made = create(stack)
    verified = stack.cmctl("backup", "verify", made["id"])
    assert verified.returncode == 0, verified.stdout
    damaged = sorted((Path(made["path"]) / "postgresql" / "base").rglob("[0-9]*"))[5]
    content = bytearray(damaged.read_bytes() or b"x")
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    refused = stack.cmctl("restore", made["id"], *CONFIRMED)
    assert (refused.returncode, "is damaged and is not restored" in refused.stderr) == (5, True), refused.stderr
    found = stack.cmctl("backup", "verify", made["id"], "-o", "json")
    assert found.returncode == 1
    assert json.loads(found.stdout)[0]["problems"] == [f"{damaged.relative_to(made['path'])} is not as it was written"]
    assert stack.json("backup", "show", "latest")["id"] != made["id"]
    assert create(stack)["parent_id"] != made["id"]


def test_only_the_configuration(stack: EmbeddedStack) -> None:
    create(stack)
    before, written = history(stack), stack.config_file.read_text()
    pids = {component: stack.pid(component) for component in ("postgresql", "mcp_server")}
    stack.config_file.write_text(written.replace("for_scale: 0.02", "for_scale: 0.5"))
    assert stack.config_file.read_text() != written
    report = restore(stack, "--only", "configuration")
    assert stack.config_file.read_text() == written
    assert (report["reached_lsn"], report["problems"], history(stack)) == (None, [], before)
    assert {component: stack.pid(component) for component in pids} == pids
    back = stack.cmctl("restore", "--rollback", *CONFIRMED)
    assert (back.returncode, "for_scale: 0.5" in stack.config_file.read_text()) == (0, True), back.stderr


def test_only_the_vectors(stack: EmbeddedStack) -> None:
    before, pid = history(stack), stack.pid("postgresql")
    stack.down("mcp_server")
    shutil.rmtree(stack.data_dir / "qdrant")
    report = restore(stack, "--only", "qdrant")
    assert (report["vectors_surplus"], report["problems"], history(stack)) == (0, [], before)
    assert found(stack, "memory number 7 about tea") == ["memory number 7 about tea"]
    assert stack.pid("postgresql") == pid


def test_no_room_to_prepare_is_one_sentence_and_production_goes_on(stack: EmbeddedStack) -> None:
    pid = stack.pid("postgresql")

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    result = stack.cmctl("restore", *CONFIRMED, preexec_fn=small_files)
    assert (result.returncode, errors_in(result.stderr)) == (1, 1), result.stderr
    assert (stack.pid("postgresql"), history(stack) > 0) == (pid, True)
    assert not (stack.data_dir / "restoring").exists()


STAGES = [
    ("preparing postgresql", 0, "/beside/postgresql/.* could not be written: .*File too large"),
    ("preparing vectors", 0, "/beside/vectors.* could not be unpacked: File too large"),
    ("replaying WAL", 1_000_000, "recovery failed: .*File too large"),
]


def newest_full(stack: EmbeddedStack) -> Wish:
    """Whose files this process copies: a limit of its own kills PostgreSQL's programs instead of telling them."""
    made = next(item for item in stack.json("backup", "list") if item["kind"] == "full")
    return Wish(made["id"], RecoveryTarget(), "latest", ("postgresql", "vectors"))


@pytest.mark.parametrize(("stage", "limit_bytes", "sentence"), STAGES)
def test_a_full_disk_in_each_stage_is_one_sentence_and_nothing_is_left(
    stack: EmbeddedStack, stage: str, limit_bytes: int, sentence: str
) -> None:
    locations, into = Locations(stack.config_file, stack.data_dir), stack.folder / "beside"
    wish = newest_full(stack)
    shutil.rmtree(into, ignore_errors=True)
    disk = FullFrom(stage, limit_bytes=limit_bytes)
    planner, service = restorer(load(locations), locations, disk, into)
    try:
        with pytest.raises(CmctlError, match=sentence) as told:
            service.restore_beside(planner.plan(wish), wish, disk)
    finally:
        disk.empty()
    assert (told.value.exit_code, "\n" in told.value.message, into.exists()) == (1, False, False)


class KillsPostgresql(FullFrom):
    """Progress at whose replaying PostgreSQL, which recovers in a folder, is killed as soon as it is there."""

    def __init__(self, data: Path) -> None:
        super().__init__("never")
        self.data, self.killed = data, threading.Event()

    def stage(self, text: str) -> None:
        if text.startswith("replaying WAL"):
            threading.Thread(target=self._kill).start()

    def _kill(self) -> None:
        wait_until(self._has_killed, what=f"PostgreSQL in {self.data}")
        self.killed.set()

    def _has_killed(self) -> bool:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.name() == "postgres" and str(self.data) in process.cmdline():
                    process.kill()
                    return True
        return False


def test_postgresql_killed_while_it_recovers_is_one_sentence_and_nothing_is_left(stack: EmbeddedStack) -> None:
    locations, into, pid = (
        Locations(stack.config_file, stack.data_dir),
        stack.folder / "killed",
        stack.pid("postgresql"),
    )
    killer, wish = KillsPostgresql(into / "postgresql"), newest_full(stack)
    planner, service = restorer(load(locations), locations, killer, into)
    with pytest.raises(CmctlError, match="recovery failed: ") as told:
        service.restore_beside(planner.plan(wish), wish, killer)
    assert killer.killed.wait(60)
    assert (told.value.exit_code, "\n" in told.value.message, into.exists()) == (1, False, False)
    assert stack.pid("postgresql") == pid


def test_a_disk_that_is_full_once_production_has_stopped_brings_it_back(stack: EmbeddedStack) -> None:
    before, locations = history(stack), Locations(stack.config_file, stack.data_dir)
    disk, wish = FullFrom("replaying WAL", "nothing was replaced", 1_000_000), newest_full(stack)
    planner, service = restorer(load(locations), locations, disk)
    try:
        with pytest.raises(CmctlError, match=r"recovery failed: .*File too large"):
            service.restore(planner.plan(wish), wish, disk)
    finally:
        disk.empty()
    assert (history(stack), (stack.data_dir / "restoring").exists()) == (before, False)
    assert stack.cmctl("restore", "--rollback", *CONFIRMED).returncode == 2  # there is nothing to roll back


def test_no_room_for_a_set_is_one_sentence_and_no_set(stack: EmbeddedStack) -> None:
    listed = stack.json("backup", "list")

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))

    result = stack.cmctl("backup", "create", "--full", preexec_fn=small_files)
    assert result.returncode == 1, result.stderr
    assert "error: the physical backup failed" in result.stderr
    assert stack.json("backup", "list") == listed
    assert list(sets_folder(stack).glob(".partial-*")) == []
