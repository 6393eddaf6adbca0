"""Recovery sets on a real stack: what is in one, what a crash leaves, what is told."""

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest

from controlplane.adapters.backup import checks
from controlplane.adapters.backup.wal_archive import WalArchive
from controlplane.cli.backup_progress import PlainSteps
from controlplane.config.load import Locations, load
from controlplane.domain.backup.manifest import from_json
from controlplane.domain.backup.wal import gaps
from controlplane.errors import CmctlError
from controlplane.wiring.backup import backup_maker, verifier
from tests.support.backups import (
    MEMORY_DATABASE,
    PARTS,
    connect,
    create,
    errors_in,
    manifest_of,
    remember,
    sets_folder,
    value,
    wrong_files,
)
from tests.support.full_disk import NEVER, FullFrom, full_disk
from tests.support.soak import length
from tests.support.stack import EmbeddedStack, wait_until

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def stack() -> Iterator[EmbeddedStack]:
    stack = EmbeddedStack()
    try:
        stack.up(*PARTS)
        with connect(stack) as connection:
            connection.execute("CREATE TABLE numbers AS SELECT n, md5(n::text) FROM generate_series(1, 20000) AS n")
        yield stack
    finally:
        stack.remove()


@pytest.fixture(scope="module")
def full(stack: EmbeddedStack) -> dict[str, Any]:
    return create(stack, "--full")


def get(stack: EmbeddedStack, path: str) -> Any:
    with urlopen(stack.url("controlplane", path), timeout=10) as response:
        return json.loads(response.read())


def archived(stack: EmbeddedStack) -> list[str]:
    return sorted(path.name for path in (stack.data_dir / "backups" / "wal" / "0001").iterdir())


def test_a_full_set_holds_everything(stack: EmbeddedStack, full: dict[str, Any]) -> None:
    assert (full["kind"], full["parent_id"], full["complete"]) == ("full", None, True)
    assert [part["name"] for part in full["parts"]] == ["postgresql", "vectors", "configuration"]
    assert full["created_at"] < full["finished_at"]
    folder = Path(full["path"])
    assert (folder / "postgresql" / "PG_VERSION").read_text() == "18\n"
    assert (folder / "configuration" / "etc" / "mcp.yml").exists()
    assert not [path for path in folder.rglob("*") if path.is_file() and path.read_bytes() == _secret(stack)]
    assert wrong_files(folder, manifest_of(full)) == []
    details = {part["name"]: part["details"] for part in full["parts"]}
    assert details["postgresql"]["memories"] == 0
    assert details["postgresql"]["system_identifier"] == value(
        stack, "SELECT system_identifier::text FROM pg_control_system()"
    )
    assert details["vectors"]["count"] == 0


def _secret(stack: EmbeddedStack) -> bytes:
    return (stack.data_dir / "secrets" / "postgresql_superuser_password").read_bytes()


@pytest.mark.soak
def test_each_of_many_flipped_bytes_is_found(full: dict[str, Any]) -> None:
    """Ten files at a time, each with one byte flipped: every one of them is named, so that each flip counts alone."""
    folder, manifest = Path(full["path"]), from_json(manifest_of(full))
    files = [file for part in manifest.parts for file in part.files if file.size_bytes]
    chosen, found = random.Random(7), 0
    for _ in range(length(21, 200)):
        flipped = {}
        for file in chosen.sample(files, 10):
            flipped[file.path] = chosen.randrange(file.size_bytes)
            flip(folder / file.path, flipped[file.path])
        problems, _ = checks.hashes(folder, manifest, PlainSteps())
        assert sorted(problems) == sorted(f"{path} is not as it was written" for path in flipped)
        found += len(problems)
        for path, place in flipped.items():
            flip(folder / path, place)
    assert found >= 200
    assert checks.hashes(folder, manifest, PlainSteps()) == ([], [])


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sha256.json"])
def test_a_flipped_byte_of_the_manifest_makes_it_no_set(stack: EmbeddedStack, full: dict[str, Any], name: str) -> None:
    file = Path(full["path"]) / name
    place = file.stat().st_size // 2
    flip(file, place)
    try:
        assert stack.json("backup", "show", full["id"])["complete"] is False
        refused = stack.cmctl("restore", full["id"], "--confirm", "data")
        assert (refused.returncode, "there is no complete set" in refused.stderr) == (2, True), refused.stderr
    finally:
        flip(file, place)
    assert stack.json("backup", "show", full["id"])["complete"] is True


def fill(ballast: Path) -> None:
    """Take all the room that there is."""
    with ballast.open("wb") as file:
        for size in (16_000_000, 64_000, 4096):
            with contextlib.suppress(OSError):
                while True:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), size)


def flip(path: Path, place: int) -> None:
    """Flip one bit of one byte; again, and it is as it was."""
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 0x10]))


def test_the_next_set_builds_on_it_and_is_smaller(stack: EmbeddedStack, full: dict[str, Any]) -> None:
    made = create(stack)
    assert (made["kind"], made["parent_id"]) == ("incremental", full["id"])
    assert _data_size(made) < _data_size(full) / 3
    assert wrong_files(Path(made["path"]), manifest_of(made)) == []


def _data_size(made: dict[str, Any]) -> int:
    """Size of PostgreSQL's part without WAL, of which every set has a whole file."""
    files = next(part["files"] for part in manifest_of(made)["parts"] if part["name"] == "postgresql")
    return sum(file["size_bytes"] for file in files if "/pg_wal/" not in file["path"])


def test_vectors_that_nobody_wrote_since_are_shared_by_two_sets(stack: EmbeddedStack, full: dict[str, Any]) -> None:
    first = create(stack)
    second = create(stack)
    archives = [Path(made["path"]) / "vectors" / "vectors.tar" for made in (first, second)]
    assert archives[0].stat().st_ino == archives[1].stat().st_ino
    assert wrong_files(Path(second["path"]), manifest_of(second)) == []
    remember(stack, ["a memory that came later"])
    third = create(stack)
    assert (Path(third["path"]) / "vectors" / "vectors.tar").stat().st_ino != archives[0].stat().st_ino
    assert manifest_of(third)["parts"][1]["details"]["count"] == 1


def test_sets_are_told_everywhere(stack: EmbeddedStack, full: dict[str, Any]) -> None:
    listed = stack.json("backup", "list")
    assert full in listed
    assert [item["id"] for item in listed] == sorted((item["id"] for item in listed), reverse=True)
    assert stack.json("backup", "show", full["id"]) == full
    assert stack.json("backup", "show", "latest") == listed[0]
    assert get(stack, "/api/v1/backups") == listed
    assert get(stack, f"/api/v1/backups/{full['id']}") == full
    status = stack.json("status")
    assert (status["backup"]["state"], status["backup"]["id"]) == ("fresh", listed[0]["id"])
    unknown = stack.cmctl("backup", "show", "nonsense")
    assert (unknown.returncode, unknown.stderr.splitlines()[0]) == (2, "error: there is no set 'nonsense'")


def test_a_set_made_by_hand_counts_as_a_successful_job(stack: EmbeddedStack, full: dict[str, Any]) -> None:
    runs = stack.json("jobs", "history", "--task", "backup")
    assert {(run["outcome"], run["trigger"]) for run in runs} == {("succeeded", "manual")}

    def told() -> bool:
        with urlopen(stack.url("controlplane", "/metrics"), timeout=10) as response:
            text = response.read().decode()
        return (
            'cmctl_job_last_success_timestamp_seconds{task="backup"}' in text
            and "cmctl_backup_last_success_timestamp_seconds" in text
        )

    wait_until(told, what="the metrics of the backup")


def test_the_scheduled_task_makes_a_set(stack: EmbeddedStack, full: dict[str, Any]) -> None:
    before = {item["id"] for item in stack.json("backup", "list")}
    run = stack.json("jobs", "run", "backup")
    assert run["outcome"] == "succeeded", run
    made = {item["id"] for item in stack.json("backup", "list")} - before
    assert run["detail"].split(",")[0] in made


def test_wal_is_streamed_without_a_pause_to_a_slot(stack: EmbeddedStack) -> None:
    assert value(stack, "SELECT active FROM pg_replication_slots WHERE slot_name = 'cmctl_wal_0001'") is True
    name = value(stack, "SELECT pg_walfile_name(pg_current_wal_lsn())")
    value(stack, "SELECT pg_switch_wal()")
    wait_until(lambda: name in archived(stack), what=f"{name} in the archive")


def test_the_archive_goes_on_where_it_was_after_a_crash_of_postgresql(stack: EmbeddedStack) -> None:
    before = value(stack, "SELECT pg_current_wal_lsn()")
    postmaster = int((stack.data_dir / "postgresql" / "postmaster.pid").read_text().split()[0])
    subprocess.run(["kill", "-KILL", str(postmaster)], check=True)
    wait_until(lambda: stack.cmctl("up", *PARTS).returncode == 0, what="the stack after the crash")
    query = "SELECT confirmed FROM (SELECT restart_lsn AS confirmed FROM pg_replication_slots WHERE active) AS slots"
    wait_until(lambda: value(stack, f"SELECT ({query}) >= '{before}'::pg_lsn"), what="the archive to catch up")
    assert len(list((stack.data_dir / "backups" / "wal").iterdir())) == 1


def test_two_at_once_one_is_refused(stack: EmbeddedStack, full: dict[str, Any]) -> None:
    command = stack.command("backup", "create", "--full")
    with subprocess.Popen(command, env=stack.environment, stderr=subprocess.PIPE, text=True) as first:
        wait_until(lambda: list(sets_folder(stack).glob(".partial-*")), what="the first backup to begin")
        second = stack.cmctl("backup", "create")
        assert (second.returncode, "is at work" in second.stderr) == (5, True), second.stderr
        assert first.wait() == 0


@pytest.mark.soak
def test_killed_at_any_moment_nothing_looks_like_a_set(stack: EmbeddedStack, full: dict[str, Any]) -> None:
    listed = stack.json("backup", "list")
    began = time.monotonic()
    create(stack, "--full")
    usual_seconds = time.monotonic() - began
    listed = stack.json("backup", "list")
    chosen = random.Random(5)
    for _ in range(length(3, 30)):
        process = subprocess.Popen(
            stack.command("backup", "create", "--full"), env=stack.environment, stderr=subprocess.DEVNULL
        )
        with process:
            try:
                process.wait(chosen.uniform(0.3, 0.9) * usual_seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
        # A kill that comes after the set got its name finds it whole; before that there is none.
        told = stack.json("backup", "list")
        assert [item for item in told if item in listed] == listed
        for item in (item for item in told if item not in listed):
            assert wrong_files(Path(item["path"]), manifest_of(item)) == []
        listed = told
    made = create(stack)
    assert made["complete"]
    assert [path.name for path in sets_folder(stack).glob(".*")] == []
    assert wrong_files(Path(made["path"]), manifest_of(made)) == []


def test_ended_politely_it_clears_up(stack: EmbeddedStack, full: dict[str, Any]) -> None:
    listed = stack.json("backup", "list")
    command = stack.command("backup", "create", "--full")
    with subprocess.Popen(command, env=stack.environment, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: list(sets_folder(stack).glob(".partial-*/postgresql/*")), what="the backup to be at work")
        process.terminate()
        assert process.wait() == 5
    assert stack.json("backup", "list") == listed
    assert list(sets_folder(stack).glob(".partial-*")) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount a small disk; test_restore has one for everybody")
@pytest.mark.parametrize("phase", ["postgresql", "vectors"])
def test_a_disk_that_fills_while_a_set_is_made_is_one_sentence_and_no_set(stack: EmbeddedStack, phase: str) -> None:
    disk = stack.folder / "disk"
    disk.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600m,mode=711", "tmpfs", str(disk)], check=True)
    slowly = {"max_rate_mb": 10} if phase == "postgresql" else {}  # else it may be over before the disk is full
    stack.configure({"backup": {"directory": str(disk), **slowly}})
    try:
        command = stack.command("backup", "create", "--full")
        with subprocess.Popen(command, env=stack.environment, stderr=subprocess.PIPE, text=True) as process:
            wait_until(lambda: list((disk / "sets").glob(f".partial-*/{phase}")), what=f"the phase {phase}")
            fill(disk / "ballast")
            _, messages = process.communicate()
        made = stack.json("backup", "list")
        assert (process.returncode, errors_in(messages), made) == (1, 1, []), messages
        assert list((disk / "sets").glob(".partial-*")) == []
    finally:
        stack.configure({})
        subprocess.run(["umount", str(disk)], check=True)


LATER = {
    "configuration": "/configuration/.*: could not be copied: File too large",
    "hashing": r"/manifest\.json: could not be written: File too large",
}


@pytest.mark.parametrize(("stage", "sentence"), LATER.items())
def test_a_full_disk_in_a_later_stage_is_one_sentence_and_no_set(
    stack: EmbeddedStack, full: dict[str, Any], stage: str, sentence: str
) -> None:
    listed, locations = stack.json("backup", "list"), Locations(stack.config_file, stack.data_dir)
    disk = FullFrom(stage)
    try:
        with pytest.raises(CmctlError, match=sentence) as told:
            backup_maker(load(locations), locations).make(False, disk)
    finally:
        disk.empty()
    assert (told.value.exit_code, "\n" in told.value.message) == (1, False)
    assert stack.json("backup", "list") == listed
    assert list(sets_folder(stack).glob(".partial-*")) == []


def test_what_cannot_be_looked_at_or_kept_says_nothing_against_a_set(
    stack: EmbeddedStack, full: dict[str, Any]
) -> None:
    locations = Locations(stack.config_file, stack.data_dir)
    service, verified = verifier(load(locations), locations), stack.json("backup", "show", full["id"])["verified"]
    quiet = FullFrom(NEVER)
    with (
        full_disk(),
        pytest.raises(CmctlError, match=r"the vectors of .* cannot be verified now: .*no temporary folder"),
    ):
        service.verify(full["id"], quiet)

    def full_when_all_is_looked_at() -> datetime:
        moments.append(datetime.now(UTC))
        if len(moments) == 2:
            FullFrom.fill()
        return moments[-1]

    moments: list[datetime] = []
    try:
        with pytest.raises(CmctlError, match=f"/verified/{full['id']}.json: could not be written: File too large"):
            replace(service, clock=full_when_all_is_looked_at).verify(full["id"], quiet)
    finally:
        FullFrom.empty()
    assert stack.json("backup", "show", full["id"])["verified"] == verified


def test_while_the_archive_s_disk_is_full_postgresql_goes_on_and_keeps_the_wal(stack: EmbeddedStack) -> None:
    (keeper,) = [item for item in stack.processes() if "supervisor.supervisord" in item.cmdline()]
    _, most = keeper.rlimit(psutil.RLIMIT_FSIZE)
    keeper.rlimit(psutil.RLIMIT_FSIZE, (2_000_000, most))  # what it starts from now on inherits it
    write = "INSERT INTO numbers SELECT n, md5(n::text) FROM generate_series(1, 1000) AS n"
    try:
        for receiver in [item for item in stack.processes() if item.name() == "pg_receivewal"]:
            receiver.kill()
        with connect(stack) as connection:
            connection.execute(f"{write}; SELECT pg_switch_wal()".encode())
        wait_until(lambda: "No space left on device" in stack.log("wal_receiver"), what="an archive without room")
        with connect(stack) as connection:
            connection.execute(f"{write}; SELECT pg_switch_wal()".encode())
    finally:
        keeper.rlimit(psutil.RLIMIT_FSIZE, (most, most))
    newest = value(stack, "SELECT pg_walfile_name(pg_current_wal_lsn())")
    value(stack, "SELECT pg_switch_wal()")
    wait_until(lambda: newest in archived(stack), what=f"{newest} in the archive")
    (life,) = WalArchive(stack.data_dir / "backups" / "wal").lives()
    assert gaps(life.segments()) == []


def test_postgresql_killed_under_it_is_one_sentence_and_no_set(stack: EmbeddedStack, full: dict[str, Any]) -> None:
    listed = stack.json("backup", "list")
    postmaster = int((stack.data_dir / "postgresql" / "postmaster.pid").read_text().split()[0])
    command = stack.command("backup", "create", "--full")
    with subprocess.Popen(command, env=stack.environment, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: list(sets_folder(stack).glob(".partial-*/postgresql/*")), what="the backup to be at work")
        os.kill(postmaster, signal.SIGKILL)
        _, messages = process.communicate()
    assert (process.returncode in (1, 4), errors_in(messages)) == (True, 1), messages
    assert stack.json("backup", "list") == listed
    assert list(sets_folder(stack).glob(".partial-*")) == []
    wait_until(lambda: stack.cmctl("up", *PARTS).returncode == 0, what="the stack after the crash")


def test_postgresql_down_is_one_sentence(stack: EmbeddedStack, full: dict[str, Any]) -> None:
    stack.down("wal_receiver", "mcp_server", "controlplane", "postgresql")
    result = stack.cmctl("backup", "create")
    stack.up(*PARTS)
    assert result.returncode == 4
    assert result.stderr.startswith(f"error: PostgreSQL on 127.0.0.1:{stack.port('postgresql')} cannot be backed up: ")


def test_a_lost_slot_starts_a_new_life_of_the_archive(stack: EmbeddedStack) -> None:
    stack.down("wal_receiver")
    value(stack, "SELECT pg_drop_replication_slot('cmctl_wal_0001')")
    stack.up(*PARTS)
    assert value(stack, "SELECT slot_name FROM pg_replication_slots WHERE active") == "cmctl_wal_0002"
    folder = stack.data_dir / "backups" / "wal" / "0002"
    name = value(stack, "SELECT pg_walfile_name(pg_current_wal_lsn())", MEMORY_DATABASE)
    value(stack, "SELECT pg_switch_wal()")
    wait_until(lambda: (folder / name).exists(), what="WAL in the new folder")
