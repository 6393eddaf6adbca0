"""The directory of one test session, and a watcher that clears up after a session that was killed.

A host outlives the systemd-nspawn that booted it. So each session has a watcher, which learns from a closed pipe that
the session is over, however it ended; and each session begins with what dead sessions left all the same.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.deploy.harness.commands import succeeds, wait_until

RUN_DIR = Path("/var/tmp/claude-memory-testbed")
CHECKOUT = Path(__file__).resolve().parents[3]
_END_SECONDS = 180  # deleting a large host on a busy machine takes a while


@contextlib.contextmanager
def session(name: str) -> Iterator[Path]:
    """A new directory for a session's hosts, which go with it."""
    RUN_DIR.mkdir(parents=True, exist_ok=True)
    sweep()
    directory = RUN_DIR / name
    with contextlib.ExitStack() as stack:
        with _alone():
            directory.mkdir()
            lock = stack.enter_context((directory / "lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        watcher = subprocess.Popen(
            [sys.executable, "-m", "tests.deploy.harness.session"],
            cwd=CHECKOUT, stdin=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            yield directory
        finally:
            clear(directory)
            if watcher.stdin is not None:
                watcher.stdin.close()
            watcher.wait(_END_SECONDS)


def sweep() -> None:
    """Clear what sessions left that live no more."""
    with _alone():
        for directory in RUN_DIR.glob("*/"):
            with contextlib.suppress(FileNotFoundError, BlockingIOError), (directory / "lock").open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                clear(directory)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One process at a time makes or clears sessions: nobody takes one in the making for a dead one."""
    with (RUN_DIR / "sessions.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def clear(directory: Path) -> None:
    """End the hosts and the playbooks of a session, or one host; remove network and files."""
    for pid in processes_of(directory):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not processes_of(directory), f"end of the processes of {directory}", _END_SECONDS)
    for root in (*directory.glob("root"), *directory.glob("*/root")):
        succeeds(["umount", "--lazy", str(root)])
    with contextlib.suppress(FileNotFoundError):
        bridge = (directory / "bridge").read_text()
        succeeds(["nft", "delete", "table", "ip", bridge])
        succeeds(["ip", "link", "delete", bridge])
    shutil.rmtree(directory, ignore_errors=True)


def processes_of(directory: Path) -> list[int]:
    """Processes inside hosts of this session, and those started with a path of it; without this one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_inside = any(_is_root_of(line, directory) for line in (entry / "mountinfo").read_text().splitlines())
            command = (entry / "cmdline").read_bytes()
            if (is_inside or f"{directory}/".encode() in command) and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def _is_root_of(line: str, directory: Path) -> bool:
    return line.split()[4] == "/" and f"upperdir={directory}/" in line


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.read()
    sweep()
