"""Make a data directory out of a chain of sets, and let PostgreSQL replay WAL in it up to a target.

The recovering server listens on nothing but a socket in a private folder: nobody can connect before it is known to be
what was asked for, and the data directory in use is not touched.
"""

import os
import shlex
import shutil
import signal
import subprocess  # PostgreSQL's own programs, with arguments of ours
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from controlplane.adapters.backup.files import remove_tree, told
from controlplane.adapters.backup.wal_archive import WalLife
from controlplane.adapters.unprivileged import Runner
from controlplane.domain.backup.restoring import RecoveredServer
from controlplane.domain.backup.target import RecoveryTarget
from controlplane.errors import CmctlError

LOG = "recovery.log"
SOCKET_FOLDER = "socket-folder"  # beside the log: where the socket is
_SOCKET_PREFIX = "claude-memory-recovery-"
_POLL_SECONDS = 0.1
_STOP_SECONDS = 120
_PORT = 5432
_TOO_EARLY = "the database system is"  # what we are told when we ask whether recovery is over
_NOT_COPIED = 200  # more than 125
_SEGMENT_BYTES = 16 * 1024 * 1024
# The server that was backed up may have had more of them than the default allows; recovery would end at the first too
# many.
_CONFIGURATION = "max_prepared_transactions = 1000\n"
_UNREACHED = "recovery ended before configured recovery target was reached"


@dataclass(frozen=True)
class Recovery:
    """``runner`` says as whom PostgreSQL runs, ``settings`` what it is started with besides.

    The recovered server gets ``superuser_password`` unless that is None.
    """

    runner: Runner
    programs: Path
    environment: Mapping[str, str]
    superuser: str
    superuser_password: str | None
    settings: Sequence[str] = ()

    def combine(self, chain: Sequence[Path], target: Path) -> None:
        """Write a whole data directory into ``target`` from a full backup and those built on it.

        Raises CmctlError; ``target`` is then to be deleted.
        """
        with told("written"):
            if len(chain) == 1:
                shutil.copytree(chain[0], target, symlinks=True)
            else:
                self._combine(chain, target)
            target.chmod(0o700)
            (target / "recovery.signal").touch(mode=0o600)
            for name in ("postmaster.pid", "standby.signal"):
                (target / name).unlink(missing_ok=True)
            self._configure(target / "postgresql.conf")
            for place, folders, names in os.walk(target):
                for name in (*folders, *names):
                    self.runner.own(Path(place) / name)
            self.runner.own(target)

    def _configure(self, file: Path) -> None:
        """Debian keeps it elsewhere, and PostgreSQL starts with none of its own only when it is told where that is."""
        if not file.exists() and not any(setting.startswith("config_file=") for setting in self.settings):
            file.write_text(_CONFIGURATION, encoding="ascii")
            file.chmod(0o600)

    def _combine(self, chain: Sequence[Path], target: Path) -> None:
        command = [str(self.programs / "pg_combinebackup"), *map(str, chain), f"--output={target}", "--no-manifest"]
        done = subprocess.run(
            command, cwd="/", env={**self.environment, "LC_ALL": "C"}, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or [f"pg_combinebackup ended with {done.returncode}"]
            raise CmctlError(f"the sets could not be put together: {lines[-1].removeprefix('pg_combinebackup: ')}")

    def recover(
        self,
        data: Path,
        target: RecoveryTarget,
        timeline: str,
        lives: Sequence[WalLife],
        tables: Mapping[str, Sequence[str]],
        log: Path,
    ) -> RecoveredServer:
        """Start PostgreSQL on ``data``, replay, promote, look at it, stop it.

        ``tables`` maps databases to the tables whose rows are counted. Raises CmctlError that says how far it came.
        """
        with self.recovered(data, target, timeline, lives, log) as folder:
            return self.look(folder, tables)

    @contextmanager
    def recovered(
        self, data: Path, target: RecoveryTarget, timeline: str, lives: Sequence[WalLife], log: Path
    ) -> Iterator[Path]:
        """Start PostgreSQL on ``data``, replay and promote; stopped on leaving. Gives the folder of its socket."""
        with self._private_folder(log.with_name(SOCKET_FOLDER)) as folder:
            process = self._start(data, folder, [*self.settings, *_settings(target, timeline, lives)], log)
            try:
                self._wait(process, folder, log)
                yield folder
            finally:
                _stop(process)

    @contextmanager
    def _private_folder(self, note: Path) -> Iterator[Path]:
        # Below /tmp: a socket's path must be short.
        folder = Path(tempfile.mkdtemp(prefix=_SOCKET_PREFIX, dir="/tmp"))
        try:
            note.write_text(str(folder), encoding="utf-8")
            (folder / "pg_hba.conf").write_text("local all all trust\n", encoding="ascii")
            self.runner.own(folder / "pg_hba.conf")
            self.runner.own(folder)
            yield folder
        finally:
            remove_tree(folder)
            note.unlink(missing_ok=True)

    def _start(self, data: Path, folder: Path, settings: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
        command = [
            *self.runner.prefix,
            str(self.runner.programs / "postgres"),
            "-D",
            str(data),
            *(
                part
                for setting in (
                    f"data_directory={data}",  # a configuration elsewhere may name the one in use
                    f"port={_PORT}",
                    "listen_addresses=",
                    f"unix_socket_directories={folder}",
                    "unix_socket_permissions=0700",
                    f"hba_file={folder / 'pg_hba.conf'}",
                    "hot_standby=off",
                    "logging_collector=off",
                    "log_destination=stderr",
                    *settings,
                )
                for part in ("-c", setting)
            ),
        ]
        with log.open("ab") as output:
            return subprocess.Popen(
                command, cwd="/", env=dict(self.environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def _wait(self, process: "subprocess.Popen[bytes]", folder: Path, log: Path) -> None:
        while process.poll() is None:
            try:
                with self.connected(folder) as connection:
                    row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
                if row == (False,):
                    return
            except psycopg.OperationalError:
                pass
            time.sleep(_POLL_SECONDS)
        told, free = log.read_text(encoding="utf-8", errors="replace"), shutil.disk_usage(log.parent).free
        raise CmctlError(f"recovery failed: {reason(told, free)}", hint=f"PostgreSQL's messages are in {log}")

    def look(self, folder: Path, tables: Mapping[str, Sequence[str]]) -> RecoveredServer:
        """Where recovery ended, and rows counted. Raises CmctlError."""
        try:
            with self.connected(folder) as connection:
                row = connection.execute(
                    "SELECT (SELECT timeline_id FROM pg_control_checkpoint()), pg_last_wal_replay_lsn()::text,"
                    " pg_last_xact_replay_timestamp()"
                ).fetchone()
                self._set_password(connection)
            counts: dict[str, int | None] = {}
            for database, names in tables.items():
                counts |= self._count(folder, database, names)
        except psycopg.Error as error:
            raise CmctlError(f"the recovered PostgreSQL cannot be read: {str(error).strip()}") from error
        if row is None:
            raise CmctlError("the recovered PostgreSQL does not say where it stopped")
        return RecoveredServer(row[0], str(row[1]), row[2], counts)

    def _set_password(self, connection: psycopg.Connection[Any]) -> None:
        if self.superuser_password is None:
            return
        secret = connection.pgconn.encrypt_password(
            self.superuser_password.encode(), self.superuser.encode(), b"scram-sha-256"
        ).decode()
        role = sql.Identifier(self.superuser)
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(secret)))

    def _count(self, folder: Path, database: str, tables: Sequence[str]) -> Iterator[tuple[str, int | None]]:
        with self.connected(folder, database) as connection:
            for table in tables:
                exists = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone() == (True,)
                query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
                row = connection.execute(query).fetchone() if exists else None
                yield table, row[0] if row else None

    def connected(self, folder: Path, database: str = "postgres") -> psycopg.Connection[Any]:
        """A connection to the server whose socket is in ``folder``; every statement commits."""
        return psycopg.connect(
            host=str(folder), port=_PORT, dbname=database, user=self.superuser, connect_timeout=5, autocommit=True
        )


def _settings(target: RecoveryTarget, timeline: str, lives: Sequence[WalLife]) -> Iterator[str]:
    yield f"restore_command={restore_command([life.folder for life in lives])}"
    yield "recovery_target_action=promote"
    yield f"recovery_target_timeline={timeline}"
    yield f"recovery_target_inclusive={'on' if target.is_inclusive else 'off'}"
    if target.time is not None:
        yield f"recovery_target_time={target.time.isoformat()}"
    if target.lsn is not None:
        yield f"recovery_target_lsn={target.lsn}"
    if target.name is not None:
        yield f"recovery_target_name={target.name}"


def remove_left_socket(place: Path) -> None:
    """Delete the socket's folder that a killed recovery with its data in ``place`` left. Raises CmctlError."""
    note = place / SOCKET_FOLDER
    if note.exists():
        folder = Path(note.read_text(encoding="utf-8"))
        if folder.name.startswith(_SOCKET_PREFIX):
            remove_tree(folder)
        note.unlink()


def restore_command(folders: Sequence[Path]) -> str:
    """Shell command that gives PostgreSQL one file of the archive: whole ones first, else the one that was growing.

    A file that is there and cannot be copied, as on a full disk, ends recovery in an error: by a lower exit code
    PostgreSQL would take it for the end of the archive, and go on without what follows.
    """
    places = [shlex.quote(str(folder)).replace("%", "%%") for folder in reversed(folders)]
    whole = "".join(_given(f"{place}/%f") for place in places)
    growing = "".join(_given(f"{place}/%f.partial") for place in places)
    return f"{whole}{growing}{whole}exit 1"  # again: one that was growing may be whole by now


def _given(file: str) -> str:
    return f"if test -f {file}; then cp {file} %p && exit 0; test -f {file} && exit {_NOT_COPIED}; fi; "


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def reason(told: str, free_bytes: int) -> str:
    """Why PostgreSQL ended, from what it logged, which on a full disk may be nothing."""
    lines = told.splitlines()
    fatal = [line.split("FATAL:", 1)[1].strip() for line in lines if "FATAL:" in line and _TOO_EARLY not in line]
    if any(_UNREACHED in line for line in fatal):
        return "the WAL archive ends before the target"
    if (
        fatal
        and "could not restore file" in fatal[-1]
        and (copying := [line for line in lines if line.startswith("cp: ")])
    ):
        return f"WAL cannot be taken from the archive: {copying[-1].removeprefix('cp: ')}"
    if not fatal and free_bytes < _SEGMENT_BYTES:
        return "there is no space left on the disk"
    return (fatal or lines or ["no reason given"])[-1]
