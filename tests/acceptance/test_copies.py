"""Copies of a real stack's sets: made after each backup, and enough to get everything back on an empty host."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import psutil
import pytest

from tests.support.backups import PARTS, connect, create, manifest_of, value
from tests.support.stack import EmbeddedStack, wait_until

pytestmark = pytest.mark.stack
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def stack() -> Iterator[EmbeddedStack]:
    stack = EmbeddedStack()
    try:
        key, place = stack.folder / "key", stack.folder / "other-disk"
        made = stack.cmctl("backup", "copy", "keygen", str(key))
        assert made.returncode == 0, made.stderr
        place.mkdir()
        copies = [{"name": "disk", "directory": str(place), "recipients": [made.stdout.strip()]}]
        stack.configure({"backup": {"copies": copies, "schedule": "0 0 29 2 *", "copy_schedule": "0 0 29 2 *"}})
        stack.up(*PARTS)
        with connect(stack) as connection:
            connection.execute("CREATE TABLE numbers AS SELECT n, md5(n::text) FROM generate_series(1, 5000) AS n")
        yield stack
    finally:
        stack.remove()


def test_a_key_is_never_overwritten(stack: EmbeddedStack) -> None:
    key = stack.folder / "key"
    before = key.read_text(encoding="ascii")
    again = stack.cmctl("backup", "copy", "keygen", str(key))
    assert (again.returncode, key.read_text(encoding="ascii"), key.stat().st_mode & 0o777) == (5, before, 0o600)


def test_real_manifests_fit_the_published_schema(stack: EmbeddedStack) -> None:
    schema = json.loads((ROOT / "docs" / "backup-manifest.schema.json").read_text(encoding="utf-8"))
    for made in (create(stack, "--full"), create(stack)):
        manifest = manifest_of(made)
        jsonschema.validate(manifest, schema)
        assert manifest["parts"][0]["details"]["server_version"] // 10000 == 18


def test_the_scheduled_backup_is_copied_at_once_and_the_daemon_loads_nothing_for_it(stack: EmbeddedStack) -> None:
    run = stack.json("jobs", "run", "backup")
    assert run["outcome"] == "succeeded", run
    assert "; 3 sets," in run["detail"]
    listed = stack.json("backup", "copy", "list")
    sets = stack.json("backup", "list")
    assert [(item["place"], item["id"], item["complete"], item["encryption"]) for item in listed] == [
        ("disk", item["id"], True, "age") for item in sets
    ]
    assert stack.cmctl("backup", "copy", "verify", sets[0]["id"]).returncode == 0
    daemon = psutil.Process(stack.pid("controlplane"))
    assert not [item.path for item in daemon.memory_maps() if "pyrage" in item.path or "boto" in item.path]


def test_prune_shows_and_prunes_copies_too(stack: EmbeddedStack) -> None:
    planned = stack.json("backup", "prune", "--dry-run")
    (copies,) = planned["copies"]
    assert (copies["place"], [item["keep"] for item in copies["sets"]]) == ("disk", [True, True, True])


def test_everything_here_is_gone_and_comes_back_from_the_copies(stack: EmbeddedStack) -> None:
    """RPO: what the last finished WAL file holds that was copied."""
    with connect(stack) as connection:
        connection.execute("INSERT INTO numbers SELECT n, 'late' FROM generate_series(5001, 6000) AS n")
    name = value(stack, "SELECT pg_walfile_name(pg_current_wal_lsn())")
    value(stack, "SELECT pg_switch_wal()")
    wait_until(lambda: list((stack.data_dir / "backups" / "wal").glob(f"*/{name}")), what=f"{name} in the archive")
    copied = stack.cmctl("backup", "copy")
    assert copied.returncode == 0, copied.stderr
    stack.down()
    for folder in ("backups", "postgresql", "qdrant"):
        shutil.rmtree(stack.data_dir / folder)

    refused = stack.cmctl("backup", "copy", "fetch")
    assert refused.returncode == 2
    assert "error: the copies are encrypted, and no key was given" in refused.stderr
    assert stack.json("backup", "list") == []
    fetched = stack.cmctl("backup", "copy", "fetch", "--identity", str(stack.folder / "key"))
    assert fetched.returncode == 0, fetched.stderr
    restored = stack.cmctl("restore", "--confirm", stack.data_dir.name)
    assert restored.returncode == 0, restored.stderr
    assert value(stack, "SELECT count(*) FROM numbers") == 6000
    assert value(stack, "SELECT count(*) FROM numbers WHERE md5 = 'late'") == 1000


def test_a_set_of_another_major_version_is_refused_in_one_sentence(stack: EmbeddedStack) -> None:
    made = create(stack, "--full")
    folder = Path(made["path"])
    manifest = manifest_of(made)
    manifest["parts"][0]["details"]["server_version"] = 160014
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    seal = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    (folder / "manifest.sha256.json").write_text(json.dumps(seal), encoding="utf-8")
    for options in (["--confirm", stack.data_dir.name], ["--dry-run"], ["--to", str(stack.folder / "beside")]):
        refused = stack.cmctl("restore", made["id"], *options)
        assert refused.returncode == 5
        assert refused.stderr.splitlines()[-2:] == [
            f"error: set {made['id']} is of PostgreSQL 16, and the programs here are of PostgreSQL 18",
            "  hint: move by a logical dump (cmctl backup dump), or with PostgreSQL 16's programs:"
            " cmctl restore --to DIRECTORY --programs BIN, then pg_upgrade",
        ]
    assert value(stack, "SELECT count(*) FROM numbers") == 6000
    shutil.rmtree(folder)


def test_the_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; import controlplane.cli.commands.backup;"
        " print([name for name in sys.modules if name in ('boto3', 'pyrage')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
