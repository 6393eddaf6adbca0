"""Processes on this machine: which are left over from a stack, who holds a port, ending them."""

import os
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

STACK_VARIABLE = "CLAUDE_MEMORY_STACK"
_LISTEN = "LISTEN"


def stack_environment(environment: Mapping[str, str], data_dir: Path) -> dict[str, str]:
    """Environment of every component: the caller's without what would redirect them, and the stack's mark."""
    kept = {name: value for name, value in environment.items() if not name.startswith(("CMCTL_", "PG", "SUPERVISOR_"))}
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(part for part in (kept.get(name), "127.0.0.1", "localhost", "::1") if part)
    return {**kept, STACK_VARIABLE: str(data_dir), "PYTHONUNBUFFERED": "1"}


def stack_processes(data_dir: Path, postgresql_data: Path) -> list[psutil.Process]:
    """Processes of the stack in ``data_dir``, by the mark in their environment.

    A process id says nothing after a reboot, when it may belong to anyone; the
    mark cannot be inherited by accident. PostgreSQL's backends overwrite their
    environment, but always work inside their data directory.
    """
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [
        process
        for process in psutil.process_iter()
        if process.pid not in own and _belongs(process, str(data_dir), str(postgresql_data))
    ]


def _belongs(process: psutil.Process, data_dir: str, postgresql_data: str) -> bool:
    try:
        if process.environ().get(STACK_VARIABLE) == data_dir:
            return process.status() != psutil.STATUS_ZOMBIE
        return process.name() == "postgres" and process.cwd() == postgresql_data
    except (psutil.Error, OSError):
        return False


def end_processes(processes: Sequence[psutil.Process], timeout_seconds: float) -> None:
    """Stop processes and wait until they are gone: first politely, then with SIGKILL.

    supervisord comes first, or it would start its children again; PostgreSQL
    gets SIGINT, its fast shutdown.
    """
    supervisors = [process for process in processes if _is_supervisord(process)]
    for group in (supervisors, [process for process in processes if process not in supervisors]):
        for process in group:
            _signal(process, signal.SIGINT if _name(process) == "postgres" else signal.SIGTERM)
        _, alive = psutil.wait_procs(group, timeout=timeout_seconds)
        for process in alive:
            _signal(process, signal.SIGKILL)
        psutil.wait_procs(alive, timeout=timeout_seconds)


def _is_supervisord(process: psutil.Process) -> bool:
    try:
        return "supervisor.supervisord" in process.cmdline()
    except psutil.Error:
        return False


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return "unknown"


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def bind_problem(host: str, port: int) -> str | None:
    """Why a TCP server cannot listen on ``host:port``, None when it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error.strerror or str(error)
    return None


def port_holder(port: int) -> psutil.Process | None:
    """The process that listens on a port, None when it is not visible to this user."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return None
    for connection in connections:
        if connection.status == _LISTEN and connection.laddr and connection.laddr.port == port and connection.pid:
            try:
                return psutil.Process(connection.pid)
            except psutil.NoSuchProcess:
                return None
    return None


def describe(process: psutil.Process) -> str:
    """``name (pid 123, user alice)``."""
    try:
        return f"{process.name()} (pid {process.pid}, user {process.username()})"
    except psutil.Error:
        return f"a process (pid {process.pid})"
