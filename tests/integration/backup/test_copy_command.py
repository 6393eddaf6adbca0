"""``cmctl backup copy`` as on-call types it: output, exit codes, and a process that is killed in the middle."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane.adapters.backup.catalogue import Catalogue
from controlplane.config.load import Locations, load
from controlplane.wiring.backup_tasks import backup_tasks
from tests.integration.backup.test_copies import content, make
from tests.support.stack import EmbeddedStack

ROOT = Path(__file__).resolve().parents[3]


class Host:
    """A data directory with sets and a place for copies; nothing of it runs."""

    def __init__(self, stack: EmbeddedStack) -> None:
        self.stack = stack
        self.place = stack.folder / "other-disk"
        self.key = stack.folder / "key"
        self.catalogue = Catalogue(stack.data_dir / "backups")
        made = self.run("keygen", str(self.key))
        assert made.returncode == 0, made.stderr
        copies = [{"name": "disk", "directory": str(self.place), "recipients": [made.stdout.strip()]}]
        stack.configure({"backup": {"copies": copies}})
        self.place.mkdir()
        self.catalogue.create()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.stack.cmctl("backup", "copy", *arguments)

    def json(self, *arguments: str) -> Any:
        result = self.run(*arguments, "-o", "json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)


@pytest.fixture
def host() -> Iterator[Host]:
    stack = EmbeddedStack()
    try:
        yield Host(stack)
    finally:
        shutil.rmtree(stack.folder, ignore_errors=True)


def told(result: subprocess.CompletedProcess[str]) -> tuple[int, str]:
    """Exit code, and the sentence."""
    return result.returncode, next(line for line in result.stderr.splitlines() if line.startswith("error: "))


def test_there_and_back(host: Host) -> None:
    made = make(host.catalogue, 1)
    (done,) = host.json()
    assert (done["place"], done["sets"], done["volumes"], done["wal_files"]) == ("disk", [made.id], 1, 0)
    (listed,) = host.json("list")
    assert (listed["place"], listed["id"], listed["complete"], listed["encryption"]) == ("disk", made.id, True, "age")
    assert host.json("verify") == [{"place": "disk", "id": "latest", "problems": []}]
    pruned = json.loads(host.stack.cmctl("backup", "prune", "--dry-run", "-o", "json").stdout)
    assert [(item["place"], [each["keep"] for each in item["sets"]]) for item in pruned["copies"]] == [("disk", [True])]
    before = content(host.catalogue.sets_folder)
    shutil.rmtree(host.catalogue.folder)
    assert host.json("fetch", "--identity", str(host.key)) == {"fetched": [made.id]}
    assert content(host.catalogue.sets_folder) == before


def test_what_cannot_be_is_one_sentence_and_an_exit_code(host: Host) -> None:
    made = make(host.catalogue, 1)
    assert told(host.run("fetch")) == (
        2,
        "error: disk: there is no complete copy yet",
    )
    host.json()
    shutil.rmtree(host.catalogue.folder)
    assert told(host.run("fetch")) == (2, "error: the copies are encrypted, and no key was given")
    other = host.stack.folder / "other-key"
    host.run("keygen", str(other))
    assert told(host.run("fetch", "--identity", str(other))) == (
        5,
        "error: the key does not open the copies: they were encrypted to another, or are damaged",
    )
    assert told(host.run("keygen", str(host.key))) == (5, f"error: {host.key} exists")
    assert host.key.stat().st_mode & 0o777 == 0o600
    assert told(host.run("--to", "moon")) == (2, "error: there is no place 'moon' in backup.copies")
    volume = next((host.place / "sets" / made.id).glob("*-00000.*"))
    damaged = bytearray(volume.read_bytes())
    damaged[-1] ^= 1
    volume.write_bytes(damaged)
    assert host.run("verify", made.id).returncode == 1
    code, sentence = told(host.run("fetch", "--identity", str(host.key)))
    assert (code, sentence.endswith("is damaged and is not used")) == (5, True)
    host.place.rename(host.stack.folder / "unplugged")
    assert told(host.run()) == (4, f"error: disk: the folder {host.place} is not there")
    assert host.catalogue.stored() == []


def test_killed_at_any_moment_the_next_run_finishes_it(host: Host) -> None:
    made = make(host.catalogue, 1, size=3_000_000)
    chosen = random.Random(11)
    for _ in range(3):
        with subprocess.Popen(
            host.stack.command("backup", "copy"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            time.sleep(chosen.uniform(0.2, 1.5))  # any moment will do: what follows has to hold at each
            process.send_signal(signal.SIGKILL)
        listed = host.json("list")
        if any(item["complete"] for item in listed):
            assert host.json("verify")[0]["problems"] == []
            shutil.rmtree(host.place / "sets")
    host.json()
    assert [(item["id"], item["complete"]) for item in host.json("list")] == [(made.id, True)]
    assert host.json("verify")[0]["problems"] == []
    shutil.rmtree(host.catalogue.folder)
    assert host.json("fetch", "--identity", str(host.key)) == {"fetched": [made.id]}


def test_the_daemon_copies_on_schedule_where_there_is_a_place(host: Host) -> None:
    locations = Locations(host.stack.config_file, host.stack.data_dir)
    names = backup_tasks(load(locations), locations)
    assert "backup_copy" in names
    host.stack.configure({})
    assert "backup_copy" not in backup_tasks(load(locations), locations)


def test_nothing_heavy_is_loaded_before_something_is_copied() -> None:
    code = (
        "import sys; import controlplane.cli.commands.backup, controlplane.wiring.backup, controlplane.wiring.daemon;"
        " print([name for name in sys.modules if name in ('boto3', 'pyrage')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
