"""Logical dumps with pg_dump and pg_restore, and the fingerprints of tables."""

import os
import re
import subprocess  # PostgreSQL's own programs, with arguments of ours
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from controlplane.domain.backup.dump import DatabaseDump, TablePrint
from controlplane.errors import CmctlError, DependencyUnreachable, UsageProblem
from controlplane.services.backup.ports import Advance

_CONNECT_SECONDS = 5
_STOP_SECONDS = 10
_AT_TABLE = re.compile(r'(?:dumping contents of|processing data for) table "(.+)"')
_TABLES = (
    "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), n.nspname || '.' || c.relname,"
    " pg_table_size(c.oid) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
    " ORDER BY 2"
)
_SEQUENCES = "SELECT schemaname || '.' || sequencename, last_value FROM pg_sequences ORDER BY 1"
# What rows look like as text must not depend on whom one asks.
_SETTINGS = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}


@dataclass(frozen=True)
class LogicalServer:
    """One PostgreSQL server, by libpq's ``parameters`` without a password; ``password`` is read when connecting.

    None leaves the password to libpq: PGPASSFILE, ``~/.pgpass``, PGPASSWORD.
    """

    parameters: Mapping[str, str]
    password: Callable[[], str | None]
    programs: Path
    environment: Mapping[str, str]

    def version(self) -> int:
        """Its version number."""
        with self._connected("postgres") as connection:
            return connection.info.server_version

    def table_count(self, database: str) -> int | None:
        """How many tables a database has, None when there is no such database."""
        with self._connected("postgres") as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
                return None
        with self._connected(database) as connection:
            return len(connection.execute(_TABLES.encode()).fetchall())

    def dump(self, database: str, target: Path, advance: Advance) -> DatabaseDump:
        """Dump one database into the new folder ``target``; rows are counted in the same snapshot."""
        with self._connected(database) as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            snapshot = str(_one(connection, "SELECT pg_export_snapshot()"))
            tables = connection.execute(_TABLES.encode()).fetchall()
            sequences = _sequences(connection)
            arguments = (f"--file={target}", "--format=directory", f"--jobs={_jobs()}", f"--snapshot={snapshot}")
            sizes = {str(name): int(size) for _, name, size in tables}
            self._run("pg_dump", database, [*arguments, "--no-password", "--verbose"], sizes, advance)
            return DatabaseDump(database, _fingerprints(connection, advance), sequences)

    def load(self, source: Path, database: DatabaseDump, advance: Advance) -> None:
        """Load a dump in one transaction; everything belongs to the owner of the database afterwards."""
        with self._connected(database.name) as connection:
            query = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
            owner = str(_one(connection, query))
        arguments = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", f"--role={owner}")
        sizes = {table.name: table.size_bytes for table in database.tables}
        self._run("pg_restore", database.name, [*arguments, "--no-password", "--verbose", str(source)], sizes, advance)
        with self._connected(database.name) as connection:
            connection.execute("ANALYZE")

    def fingerprint(self, database: str, advance: Advance) -> DatabaseDump:
        """Rows, hashes and sequences of a database, all of one moment."""
        with self._connected(database) as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return DatabaseDump(database, _fingerprints(connection, advance), _sequences(connection))

    @contextmanager
    def _connected(self, database: str) -> Iterator[psycopg.Connection[Any]]:
        try:
            with psycopg.connect(
                make_conninfo(**self.parameters, dbname=database),
                password=self.password(),
                connect_timeout=_CONNECT_SECONDS,
                application_name="cmctl backup dump",
                options=" ".join(f"-c {name}={text.replace(' ', chr(92) + ' ')}" for name, text in _SETTINGS.items()),
                autocommit=True,
            ) as connection:
                yield connection
        except psycopg.OperationalError as error:
            raise DependencyUnreachable(
                f"PostgreSQL ({make_conninfo(**self.parameters)}), database {database}: {_first(str(error))}",
                hint="start it, and check the address; a password belongs into ~/.pgpass or PGPASSFILE",
            ) from error
        except psycopg.Error as error:
            raise CmctlError(f"PostgreSQL, database {database}: {_first(str(error))}") from error

    def _run(
        self, program: str, database: str, arguments: Sequence[str], sizes: Mapping[str, int], advance: Advance
    ) -> None:
        password = self.password()
        environment = {
            **self.environment,
            **({"PGPASSWORD": password} if password is not None else {}),
            "PGCONNECT_TIMEOUT": str(_CONNECT_SECONDS),
            "PGAPPNAME": "cmctl backup dump",
            "LC_ALL": "C",
        }
        address = make_conninfo(**self.parameters, dbname=database)
        command = [str(self.programs / program), f"--dbname={address}", *arguments]
        problem, total, done, at = "", sum(sizes.values()), 0, ""
        with subprocess.Popen(
            command, cwd="/", env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                for line in process.stderr or ():
                    if match := _AT_TABLE.search(line):
                        done, at = done + sizes.get(at, 0), match[1]
                        advance(done, total)
                    elif "error:" in line and not problem:
                        problem = line.split("error:", 1)[1].strip()
            except BaseException:
                _end(process)
                raise
        if process.returncode != 0:
            raise CmctlError(f"{program} of {database} failed: {problem or f'exit code {process.returncode}'}")


def parse_address(text: str) -> dict[str, str]:
    """libpq's parameters of a connection string or URL. Raises UsageProblem for a wrong one, or one with a password."""
    try:
        found = {name: str(value) for name, value in conninfo_to_dict(text).items() if value is not None}
    except psycopg.ProgrammingError as error:
        raise UsageProblem(
            f"this is no address of a PostgreSQL server: {_first(str(error))}",
            hint="such as: host=old.example user=postgres",
        ) from error
    if "password" in found:
        raise UsageProblem(
            "a password on a command line can be read by everybody on this machine",
            hint="put it into ~/.pgpass, or a file that PGPASSFILE names",
        )
    found.pop("dbname", None)
    return found


def _sequences(connection: psycopg.Connection[Any]) -> dict[str, int | None]:
    return {str(name): value for name, value in connection.execute(_SEQUENCES.encode()).fetchall()}


def _fingerprints(connection: psycopg.Connection[Any], advance: Advance) -> tuple[TablePrint, ...]:
    rows = connection.execute(_TABLES.encode()).fetchall()
    total, done = sum(int(size) for _, _, size in rows), 0
    tables = []
    for quoted, name, size in rows:
        # Two sums of 60 bits each of every row's SHA-256: the order of the rows does not matter, their content does.
        query = sql.SQL(
            "SELECT count(*), coalesce(sum(('x' || left(h, 15))::bit(60)::bigint), 0),"
            " coalesce(sum(('x' || right(h, 15))::bit(60)::bigint), 0)"
            " FROM (SELECT encode(sha256(convert_to(t::text, 'UTF8')), 'hex') AS h FROM ONLY {} AS t) AS hashes"
        ).format(sql.SQL(quoted))
        found = connection.execute(query).fetchone()
        count, first, second = found if found is not None else (0, 0, 0)
        tables.append(TablePrint(str(name), int(count), f"{int(first):x}-{int(second):x}", int(size)))
        done += int(size)
        advance(done, total)
    return tuple(tables)


def program_major(programs: Path) -> int:
    """Major version of the programs in a folder. Raises CmctlError."""
    done = subprocess.run([str(programs / "pg_dump"), "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"(\d+)\.", done.stdout)
    if done.returncode != 0 or match is None:
        raise CmctlError(f"{programs / 'pg_dump'} does not say its version")
    return int(match[1])


def _jobs() -> int:
    return min(4, os.cpu_count() or 1)


def _one(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def _first(text: str) -> str:
    lines = text.strip().splitlines() or ["no reason given"]
    return lines[-1] if lines[0].startswith("connection") else lines[0]


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
