"""Logical dumps between real servers: PostgreSQL 16 to 18, cut off, damaged, refused."""

import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from controlplane.adapters.backup.catalogue import Catalogue
from tests.integration.backup.test_copies import Silent
from tests.integration.backup.test_copies_of_a_server import maker
from tests.support.postgresql import PostgresqlCluster, binaries, server_account
from tests.support.stack import EmbeddedStack, wait_until

DATABASE = "claude_memory_db"
CONTENT = """
CREATE TABLE sessions (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), started timestamptz DEFAULT now());
CREATE TABLE memories (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session uuid REFERENCES sessions,
    content text NOT NULL,
    tags text[],
    extra jsonb,
    raw bytea,
    weight double precision,
    took interval,
    words tsvector GENERATED ALWAYS AS (to_tsvector('english', content)) STORED
);
CREATE TABLE parts (day date, n int) PARTITION BY RANGE (day);
CREATE TABLE parts_2026 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE "Quoted ""Name" (n int);
CREATE VIEW newest AS SELECT max(id) FROM memories;
INSERT INTO sessions (started) SELECT now() FROM generate_series(1, 20);
INSERT INTO memories (session, content, tags, extra, raw, weight, took)
    SELECT (SELECT id FROM sessions LIMIT 1), '记忆 ' || n || E' it''s\\n\\t', ARRAY['a', n::text],
           jsonb_build_object('n', n), decode(md5(n::text), 'hex'), n / 7.0, n * interval '1 minute'
    FROM generate_series(1, 30000) AS n;
INSERT INTO parts SELECT date '2026-01-01' + n, n FROM generate_series(0, 99) AS n;
INSERT INTO "Quoted ""Name" VALUES (1), (1), (NULL);
"""


def execute(cluster: PostgresqlCluster, statement: str, database: str = DATABASE) -> Any:
    with psycopg.connect(cluster.conninfo(database), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchone() if cursor.description else None


@pytest.fixture(scope="module")
def old() -> Iterator[PostgresqlCluster]:
    """PostgreSQL 16 with data of many types."""
    cluster = PostgresqlCluster({"wal_level": "replica"}, version=16)
    try:
        cluster.start()
        cluster.create_database(DATABASE)
        execute(cluster, CONTENT)
        yield cluster
    finally:
        cluster.remove()


class Console:
    """``cmctl backup dump`` of a data directory whose stack does not run, with passwords in a file."""

    def __init__(self, stack: EmbeddedStack, *clusters: PostgresqlCluster) -> None:
        self.stack = stack
        passwords = stack.folder / "pgpass"
        passwords.write_text("".join(f"{c.host}:{c.port}:*:*:{c.password}\n" for c in clusters), encoding="utf-8")
        passwords.chmod(0o600)
        self.environment = {**stack.environment, "PGPASSFILE": str(passwords)}

    def command(self, *arguments: str) -> list[str]:
        return self.stack.command("backup", "dump", *arguments)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.stack.cmctl("backup", "dump", *arguments, env=self.environment)

    def json(self, *arguments: str) -> Any:
        result = self.run(*arguments, "-o", "json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def dump(self, source: PostgresqlCluster, *options: str) -> Any:
        return self.json("--from", address(source), "--database", DATABASE, *options)


def address(cluster: PostgresqlCluster) -> str:
    return f"host={cluster.host} port={cluster.port} user=postgres"


@pytest.fixture(scope="module")
def console(old: PostgresqlCluster, postgresql_cluster: PostgresqlCluster) -> Iterator[Console]:
    stack = EmbeddedStack()
    try:
        yield Console(stack, old, postgresql_cluster)
    finally:
        stack.remove()


@pytest.fixture
def made(console: Console, old: PostgresqlCluster) -> Any:
    """A dump of the old server."""
    return console.dump(old)


@pytest.fixture
def new(postgresql_cluster: PostgresqlCluster) -> Iterator[PostgresqlCluster]:
    """PostgreSQL 18 with the database, empty, which belongs to a role of its own."""
    execute(postgresql_cluster, "CREATE ROLE keeper", "postgres")
    postgresql_cluster.create_database(DATABASE, "keeper")
    yield postgresql_cluster
    postgresql_cluster.drop_database(DATABASE)
    execute(postgresql_cluster, "DROP ROLE keeper", "postgres")


def test_from_16_to_18_every_row_arrives(console: Console, made: Any, new: PostgresqlCluster) -> None:
    assert made["server_version"].startswith("16.")
    assert made["databases"] == [{"name": DATABASE, "tables": 4, "rows": 30123}]
    loaded = console.json("load", made["id"], "--into", address(new))
    assert loaded == {"id": made["id"], "databases": made["databases"], "verified": True}
    assert execute(new, "SELECT max, (SELECT content FROM memories WHERE id = 7) FROM newest") == (
        30000,
        "记忆 7 it's\n\t",
    )
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    assert execute(new, owners) == ("keeper",)
    assert execute(new, "SELECT nextval('memories_id_seq')") == (30001,)


def test_loaded_again_it_is_only_proved_and_a_difference_is_told(
    console: Console, made: Any, new: PostgresqlCluster
) -> None:
    console.json("load", made["id"], "--into", address(new))
    console.json("load", made["id"], "--into", address(new))
    assert console.json("compare", made["id"], "--with", address(new))["differences"] == []
    execute(new, "UPDATE memories SET weight = weight + 1e-9 WHERE id = 12345")
    execute(new, "DELETE FROM parts WHERE n = 5")
    differs = console.run("compare", made["id"], "--with", address(new))
    assert (differs.returncode, differs.stdout.splitlines()) == (
        1,
        [
            f"{DATABASE}: the 30000 rows of table public.memories are not the same",
            f"{DATABASE}: table public.parts_2026 has 99 rows instead of 100",
        ],
    )
    refused = console.run("load", made["id"], "--into", address(new))
    assert refused.returncode == 5
    assert f"the database {DATABASE} is not empty: it has 4 tables" in refused.stderr


def test_one_snapshot_counts_and_dumps_while_others_write(
    console: Console, old: PostgresqlCluster, new: PostgresqlCluster
) -> None:
    script = Path(console.stack.folder) / "write.sql"
    script.write_text('INSERT INTO "Quoted ""Name" VALUES (2);\n', encoding="utf-8")
    load = [str(binaries(16) / "pgbench"), "-n", "-f", str(script), "-T", "60", address(old) + f" dbname={DATABASE}"]
    with subprocess.Popen(load, env={**os.environ, "PGPASSWORD": old.password}, stderr=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL) as writer:  # fmt: skip
        try:
            wait_until(lambda: execute(old, 'SELECT count(*) FROM "Quoted ""Name"')[0] > 50, what="rows written")
            made = console.dump(old)
        finally:
            writer.kill()
    console.json("load", made["id"], "--into", address(new))
    execute(old, 'DELETE FROM "Quoted ""Name" WHERE n = 2')


def test_not_into_an_older_server(console: Console, old: PostgresqlCluster, new: PostgresqlCluster) -> None:
    execute(new, "CREATE TABLE numbers AS SELECT 1 AS n")
    made = console.dump(new)
    refused = console.run("load", made["id"], "--into", address(old))
    assert refused.returncode == 5
    assert refused.stderr.splitlines()[-2] == (
        "error: the dump is of PostgreSQL 18, made to be loaded into 18 or later; the server is 16"
    )


def test_a_flipped_byte_anywhere_is_found_and_not_loaded(console: Console, made: Any, new: PostgresqlCluster) -> None:
    chosen = random.Random(5)
    for file in sorted(path for path in Path(made["path"]).rglob("*") if path.is_file()):
        whole = file.read_bytes()
        damaged = bytearray(whole)
        damaged[chosen.randrange(len(damaged) - 2)] ^= 1 << chosen.randrange(7)
        file.write_bytes(damaged)
        result = console.run("verify", made["path"])
        assert result.returncode == 1, file
        file.write_bytes(whole)
    file.write_bytes(damaged)
    refused = console.run("load", made["path"], "--into", address(new))
    assert refused.returncode in (1, 5), refused.stderr
    assert execute(new, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == (0,)


def killed_when(console: Console, condition: Any, *arguments: str) -> None:
    with subprocess.Popen(
        console.command(*arguments), env=console.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        wait_until(lambda: condition() or process.poll() is not None, what="the moment to kill")
        process.send_signal(signal.SIGKILL)


def test_killed_while_dumping_nothing_is_listed(console: Console, old: PostgresqlCluster, tmp_path: Path) -> None:
    target, before = tmp_path / "moved", console.json("list")
    partial = tmp_path / ".moved.partial" / DATABASE
    arguments = ("--from", address(old), "--database", DATABASE, "--to", str(target))
    killed_when(console, partial.exists, *arguments)
    assert not target.exists()
    assert console.run("verify", str(tmp_path)).returncode == 1
    assert console.json("list") == before
    assert console.dump(old, "--to", str(target))["path"] == str(target)
    assert not partial.parent.exists()
    taken = console.run(*arguments)
    assert (taken.returncode, f"{target} is not an empty folder" in taken.stderr) == (5, True)


def test_killed_while_loading_it_can_be_loaded_again(console: Console, made: Any, new: PostgresqlCluster) -> None:
    busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cmctl backup dump' AND state <> 'idle'"
    loading = f"{busy} AND datname = '{DATABASE}' AND query ~ '^COPY'"
    killed_when(console, lambda: execute(new, loading)[0], "load", made["id"], "--into", address(new))
    wait_until(lambda: execute(new, busy)[0] == 0, what="the end of the killed load")
    assert console.json("load", made["id"], "--into", address(new))["verified"] is True


def test_a_password_does_not_belong_on_the_command_line(console: Console) -> None:
    result = console.run("--from", "postgresql://postgres:secret@127.0.0.1/")
    assert (result.returncode, "secret" in result.stderr) == (2, False)
    assert "a password on a command line can be read by everybody" in result.stderr


def test_nobody_there_is_one_sentence(console: Console) -> None:
    result = console.run("--from", "host=127.0.0.1 port=1 user=postgres")
    assert result.returncode == 4
    assert "Traceback" not in result.stderr


def test_from_16_to_18_by_a_restore_and_pg_upgrade(console: Console, made: Any, old: PostgresqlCluster) -> None:
    restored, new = PostgresqlCluster(version=16), PostgresqlCluster(version=18)
    try:
        _restore_beside(console.stack, old, restored)
        os.environ["PGPASSWORD"] = restored.password
        _create_alike(new)
        upgrade = ["-b", str(restored.bin), "-B", str(new.bin), "-d", str(restored.data), "-D", str(new.data)]
        new._run("pg_upgrade", "-U", "postgres", *upgrade)
        new.password = restored.password
        new.start()
        both = Console(console.stack, old, new)
        assert both.json("compare", made["id"], "--with", address(new))["differences"] == []
    finally:
        os.environ.pop("PGPASSWORD", None)
        restored.remove()
        new.remove()


def _restore_beside(stack: EmbeddedStack, old: PostgresqlCluster, restored: PostgresqlCluster) -> None:
    """A set of PostgreSQL 16, which this stack of 18 restores with the programs of 16 and not with its own."""
    old.create_database("claude_memory_controlplane")
    set_id = maker(old, Catalogue(stack.data_dir / "backups")).make(True, Silent()).id
    beside = ("restore", set_id, "--only", "postgresql", "--to", str(stack.folder / "beside"))
    refused = stack.cmctl(*beside)
    assert (refused.returncode, f"error: set {set_id} is of PostgreSQL 16" in refused.stderr) == (5, True)
    here = stack.cmctl("restore", set_id, "--programs", str(old.bin), "--confirm", "data")
    assert (here.returncode, "error: --programs: " in here.stderr) == (2, True), here.stderr
    done = stack.cmctl(*beside, "--programs", str(old.bin))
    assert done.returncode == 0, done.stderr
    restored.password = stack.secret("postgresql_superuser_password")
    shutil.move(stack.folder / "beside" / "postgresql", restored.data)
    for path in (restored.data, *restored.data.rglob("*")):
        shutil.chown(path, server_account().pw_uid, server_account().pw_gid)


def _create_alike(cluster: PostgresqlCluster) -> None:
    """pg_upgrade wants the same checksums: PostgreSQL 18's initdb has them on, 16's off."""
    cluster._run("initdb", "-D", str(cluster.data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C",
                 "--no-data-checksums", "--no-sync")  # fmt: skip
