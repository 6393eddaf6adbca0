"""The embedded PostgreSQL: its data directory, its command, its roles and databases."""

import logging
import os
import shutil
import subprocess  # initdb, with arguments of our own
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg
from psycopg import sql

from controlplane.adapters.data_directory import write_atomically
from controlplane.adapters.processes import stack_environment
from controlplane.adapters.unprivileged import Runner
from controlplane.errors import CmctlError, DependencyUnreachable

logger = logging.getLogger(__name__)

SUPERUSER = "postgres"
BACKUP_ROLE = "claude_memory_backup"
_MAJOR_VERSION = "18"
_CONNECT_TIMEOUT_SECONDS = 3


@dataclass(frozen=True)
class Database:
    """A database and the role that owns it. ``owner_may_monitor`` lets it read statistics of the whole server."""

    name: str
    owner: str
    password: str
    owner_may_monitor: bool = False


class EmbeddedPostgresql:
    """PostgreSQL from the wheel, on 127.0.0.1 only. ``data`` is its data directory."""

    def __init__(self, data: Path, port: int, find_runner: Callable[[], Runner]) -> None:
        self._data = data
        self._port = port
        self._find_runner = find_runner

    @cached_property
    def _runner(self) -> Runner:
        return self._find_runner()

    def command(self) -> tuple[str, ...]:
        """Command line of the server."""
        return (
            *self._runner.prefix,
            str(self._runner.programs / "postgres"),
            "-D",
            str(self._data),
            "-p",
            str(self._port),
        )

    def prepare(self, password: str, files: Mapping[str, str], say: Callable[[str], None]) -> None:
        """Make the data directory unless it exists, and write its configuration ``files``.

        The server must not run. Raises CmctlError when initdb fails or the
        directory is of another version.
        """
        for leftover in self._data.parent.glob(f"{self._data.name}.initializing*"):
            shutil.rmtree(leftover)
        if not (self._data / "PG_VERSION").exists():
            say("initialising PostgreSQL's data directory")
            self._initialise(password)
        version = (self._data / "PG_VERSION").read_text(encoding="ascii").strip()
        if version != _MAJOR_VERSION:
            raise CmctlError(
                f"{self._data} is a data directory of PostgreSQL {version}, not {_MAJOR_VERSION}",
                hint="restore a backup into a new data directory with --data-dir",
            )
        # No process of this stack is alive, so a recorded process id belongs to someone else by now.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        self.configure(files)

    def configure(self, files: Mapping[str, str]) -> None:
        """Write configuration files into the data directory."""
        for name, text in files.items():
            write_atomically(self._data / name, text)
            self._runner.own(self._data / name)

    def _initialise(self, password: str) -> None:
        # Into a sibling first: a directory of this name is always complete, whenever we are killed.
        if self._data.exists() and any(self._data.iterdir()):
            raise CmctlError(
                f"{self._data} is not empty and not a PostgreSQL data directory",
                hint="move its content away, or choose another directory with --data-dir",
            )
        work = self._data.with_name(f"{self._data.name}.initializing.{os.getpid()}")
        work.mkdir(mode=0o700)
        password_file = work / "password"
        write_atomically(password_file, password + "\n")
        self._runner.own(password_file)
        self._runner.own(work)
        self._run_initdb(work / "data", password_file)
        (work / "data").replace(self._data)
        shutil.rmtree(work)

    def _run_initdb(self, target: Path, password_file: Path) -> None:
        command = [
            *self._runner.prefix,
            str(self._runner.programs / "initdb"),
            f"--pgdata={target}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--data-checksums",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
        environment = {**stack_environment(os.environ, self._data.parent), "LC_ALL": "C", "TZ": "UTC"}
        # The account must not start in a directory that it cannot read, such as /root.
        result = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise CmctlError(f"PostgreSQL's data directory could not be initialised: {_reason(result.stderr)}")

    def connection_problem(self, password: str) -> str | None:
        """Why the server does not take connections yet, None when it does and is this stack's own."""
        try:
            with self._connect(password) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.Error as error:
            return str(error).strip().splitlines()[-1]
        if row is None or Path(row[0]).resolve() != self._data.resolve():
            return f"another PostgreSQL answers on port {self._port}"
        return None

    def provision(self, password: str, databases: list[Database], backup_password: str) -> None:
        """Create the roles and databases that are missing and set the roles' passwords.

        ``backup_password`` is that of the role that makes backups, reads everything and owns nothing.

        Raises DependencyUnreachable when the server does not answer.
        """
        try:
            with self._connect(password) as connection:
                for database in databases:
                    self._provision(connection, database)
                self._provision_backup_role(connection, backup_password, databases)
        except psycopg.Error as error:
            raise DependencyUnreachable(f"PostgreSQL on port {self._port}: {error}") from error

    def _provision(self, connection: psycopg.Connection, database: Database) -> None:
        role, name = sql.Identifier(database.owner), sql.Identifier(database.name)
        _ensure_role(connection, database.owner, database.password)
        if database.owner_may_monitor:
            connection.execute(sql.SQL("GRANT pg_monitor TO {}").format(role))
        if not _exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s", database.name):
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, role))
            connection.execute(sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(name))
            logger.info("database created", extra={"action": "database_create", "database": database.name})

    def _provision_backup_role(self, connection: psycopg.Connection, password: str, databases: list[Database]) -> None:
        role = sql.Identifier(BACKUP_ROLE)
        _ensure_role(connection, BACKUP_ROLE, password)
        connection.execute(sql.SQL("ALTER ROLE {} REPLICATION").format(role))
        connection.execute(sql.SQL("GRANT pg_monitor, pg_read_all_data, pg_checkpoint TO {}").format(role))
        for database in databases:
            name = sql.Identifier(database.name)
            connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, role))

    def _connect(self, password: str) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=self._port,
            dbname="postgres",
            user=SUPERUSER,
            password=password,
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            autocommit=True,
            application_name="cmctl up",
        )


def _ensure_role(connection: psycopg.Connection, name: str, password: str) -> None:
    role = sql.Identifier(name)
    # Hashed here, so that the password itself appears in no server log.
    encrypted = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    if not _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", name):
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(encrypted)))


def _exists(connection: psycopg.Connection, query: str, name: str) -> bool:
    return connection.execute(query, (name,)).fetchone() is not None


def _reason(output: str) -> str:
    lines = output.strip().splitlines() or ["initdb gives no reason"]
    telling = [line for line in lines if "FATAL:" in line or "error:" in line]
    return (telling or lines)[0]
