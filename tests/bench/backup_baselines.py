"""What PostgreSQL's own programs need for a backup and a restore, by hand and without proof: the baselines."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import psycopg

from controlplane.adapters.backup.recovery import restore_command
from controlplane.adapters.toolchain import postgresql_bin
from controlplane.adapters.unprivileged import runner
from tests.bench.timing import seconds_of
from tests.support.stack import EmbeddedStack

_FORMATS = {
    "plain": ("--format=plain",),
    "compressed": ("--format=tar", "--gzip"),
    "fastest": ("--format=tar", "--compress=client-gzip:1"),
}


def bare_backup(stack: EmbeddedStack, form: str) -> float:
    """Seconds of pg_basebackup, durable at its end; ``form`` is one of _FORMATS, compressed is kept for a restore."""
    target = stack.folder / f"bare-{form}"
    shutil.rmtree(target, ignore_errors=True)
    command = [str(postgresql_bin() / "pg_basebackup"), f"--pgdata={target}", *_FORMATS[form]]
    login = ("-h", "127.0.0.1", "-p", str(stack.port("postgresql")), "-U", "claude_memory_backup")
    password = stack.secret("postgresql_backup_password")
    taken = seconds_of(
        [*command, "--wal-method=stream", "--checkpoint=fast", *login], {**stack.environment, "PGPASSWORD": password}
    )
    if form != "compressed":
        shutil.rmtree(target)
    return taken


def bare_restore(stack: EmbeddedStack) -> float:
    """Seconds of tar and of replaying the archive's WAL, until the server takes writes."""
    target = stack.folder / "bare-restored"
    target.mkdir(mode=0o700)
    who = runner(postgresql_bin(), stack.folder, lambda _: None)
    socket = Path("/tmp") / f"bare-{stack.port_offset}"
    socket.mkdir(mode=0o700, exist_ok=True)
    started = time.perf_counter()
    source = stack.folder / "bare-compressed"
    subprocess.run(["tar", "-xzf", str(source / "base.tar.gz"), "-C", str(target)], check=True)
    subprocess.run(["tar", "-xzf", str(source / "pg_wal.tar.gz"), "-C", str(target / "pg_wal")], check=True)
    (target / "recovery.signal").touch()
    (target / "pg_hba.conf").write_text("local all all trust\n", encoding="ascii")
    if who.owner is not None:
        for place, folders, files in os.walk(target):
            for name in (".", *folders, *files):
                os.chown(Path(place) / name, *who.owner)
        os.chown(socket, *who.owner)
    lives = [path for path in sorted((stack.data_dir / "backups" / "wal").iterdir()) if path.is_dir()]
    settings = {"port": "5432", "listen_addresses": "", "unix_socket_directories": str(socket)}
    settings |= {"restore_command": restore_command(lives), "hot_standby": "off"}
    command = [*who.prefix, str(who.programs / "postgres"), "-D", str(target)]
    for name, text in settings.items():
        command += ["-c", f"{name}={text}"]
    with subprocess.Popen(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(socket, server)
            return time.perf_counter() - started
        finally:
            server.terminate()
            server.wait()
            shutil.rmtree(target)
            shutil.rmtree(socket)


def _wait(socket: Path, server: "subprocess.Popen[bytes]") -> None:
    while server.poll() is None:
        try:
            with psycopg.connect(host=str(socket), port=5432, user="postgres", dbname="postgres") as connection:
                if connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,):
                    return
        except psycopg.OperationalError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the bare restore failed")
