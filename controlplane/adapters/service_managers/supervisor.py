"""ServiceManager on the embedded stack's supervisord, over XML-RPC on its unix socket."""

import http.client
import logging
import socket
import time
import xmlrpc.client
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controlplane.domain.component import ComponentState, ComponentStatus
from controlplane.errors import CmctlError, DependencyUnreachable, UsageProblem

logger = logging.getLogger(__name__)

# http://supervisord.org/subprocess.html#process-states
_STATES = {
    "STOPPED": ComponentState.STOPPED,
    "STARTING": ComponentState.STARTING,
    "RUNNING": ComponentState.RUNNING,
    "BACKOFF": ComponentState.RETRYING,
    "STOPPING": ComponentState.STOPPING,
    "EXITED": ComponentState.STOPPED,
    "FATAL": ComponentState.FAILED,
    "UNKNOWN": ComponentState.UNKNOWN,
}
# http://supervisord.org/api.html#xmlrpc-api-documentation, supervisor.xmlrpc.Faults
_BAD_NAME, _FAILED_START, _NOT_RUNNING, _ALREADY_STARTED = 10, 50, 70, 60
_POLL_SECONDS = 0.05


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, socket_path: str, timeout_seconds: float) -> None:
        super().__init__("localhost", timeout=timeout_seconds)
        self._socket_path = socket_path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._socket_path)


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, socket_path: str, timeout_seconds: float) -> None:
        super().__init__()
        self._socket_path = socket_path
        self._timeout_seconds = timeout_seconds

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _UnixConnection(self._socket_path, self._timeout_seconds)
        self._connection = host, connection  # which closing this transport closes
        return connection


class SupervisorServiceManager:
    """Drives the supervisord whose socket is recorded in ``socket_record``.

    ``components`` fixes the order of ``statuses``. Timeouts are seconds.
    """

    def __init__(
        self,
        socket_record: Path,
        components: Sequence[str],
        call_timeout_seconds: float = 10,
        stop_timeout_seconds: float = 90,
    ) -> None:
        self._socket_record = socket_record
        self._components = tuple(components)
        self._call_timeout_seconds = call_timeout_seconds
        self._stop_timeout_seconds = stop_timeout_seconds

    def is_running(self) -> bool:
        """Whether supervisord answers."""
        try:
            self._call("getState")
        except DependencyUnreachable:
            return False
        return True

    def pid(self) -> int:
        """Process id of supervisord. Raises DependencyUnreachable."""
        return int(self._call("getPID"))

    def statuses(self) -> list[ComponentStatus]:
        """State of every component; all STOPPED when supervisord is not running."""
        try:
            known = {str(info["name"]): info for info in self._call("getAllProcessInfo")}
        except DependencyUnreachable:
            known = {}
        return [_status(component, known.get(component)) for component in self._components]

    def status(self, component: str) -> ComponentStatus:
        """State of one component."""
        self._check_name(component)
        return next(status for status in self.statuses() if status.component == component)

    def start(self, component: str) -> None:
        """Start a component and return at once; nothing happens when it already runs."""
        self._check_name(component)
        try:
            self._call("startProcess", component, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != _ALREADY_STARTED:
                raise _translated(fault, f"{component} could not be started") from fault
        logger.info("component started", extra={"action": "component_start", "component": component})

    def stop(self, component: str) -> None:
        """Stop a component and wait until its process is gone."""
        self.request_stop(component)
        self.wait_until_stopped(component)

    def request_stop(self, component: str) -> None:
        """Ask a component to stop and return at once."""
        self._check_name(component)
        try:
            self._call("stopProcess", component, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode not in (_NOT_RUNNING, _BAD_NAME):
                raise _translated(fault, f"{component} could not be stopped") from fault
        except DependencyUnreachable:
            return
        logger.info("component stopped", extra={"action": "component_stop", "component": component})

    def wait_until_stopped(self, component: str) -> None:
        """Wait until a component's process is gone. Raises CmctlError when it takes too long."""
        deadline = time.monotonic() + self._stop_timeout_seconds
        while any(status.component == component and status.state.is_alive for status in self.statuses()):
            if time.monotonic() > deadline:
                raise CmctlError(f"{component} did not stop within {self._stop_timeout_seconds:g} seconds")
            time.sleep(_POLL_SECONDS)

    def restart(self, component: str) -> None:
        """Stop, then start a component."""
        self.stop(component)
        self.start(component)

    def reload(self, component: str) -> None:
        """Send SIGHUP."""
        self._check_name(component)
        try:
            self._call("signalProcess", component, "HUP")
        except xmlrpc.client.Fault as fault:
            raise _translated(fault, f"{component} could not be reloaded") from fault

    def update(self) -> list[str]:
        """Read the configuration file again; changed components are stopped and get their new definition.

        Returns the components that were changed or added; the caller starts them.
        """
        try:
            [[added, changed, removed]] = self._call("reloadConfig")
        except xmlrpc.client.Fault as fault:
            raise _translated(fault, "supervisord could not read its new configuration") from fault
        for name in [*changed, *removed]:
            self.request_stop(name)
        for name in [*changed, *removed]:
            self.wait_until_stopped(name)
            self._call("removeProcessGroup", name)
        for name in [*changed, *added]:
            self._call("addProcessGroup", name)
        return [*changed, *added]

    def shutdown(self) -> None:
        """Stop every component, then supervisord itself; returns at once."""
        self._call("shutdown")

    def _check_name(self, component: str) -> None:
        if component not in self._components:
            raise UsageProblem(f"no such component: {component}", hint=f"one of {', '.join(self._components)}")

    def _call(self, method: str, *arguments: str | bool) -> Any:
        hint = "start the stack with: cmctl up"
        try:
            socket_path = self._socket_record.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise DependencyUnreachable("the stack's supervisord is not running", hint=hint) from error
        transport = _UnixTransport(socket_path, self._call_timeout_seconds)
        try:
            with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as server:
                return getattr(server.supervisor, method)(*arguments)
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise DependencyUnreachable(
                f"the stack's supervisord does not answer at {socket_path}", hint=hint
            ) from error


def _status(component: str, info: dict[str, Any] | None) -> ComponentStatus:
    if info is None:
        return ComponentStatus(component, ComponentState.STOPPED)
    state = _STATES.get(str(info["statename"]), ComponentState.UNKNOWN)
    changed = int(info["start"] if state.is_alive else info["stop"])
    return ComponentStatus(
        component=component,
        state=state,
        pid=int(info["pid"]) or None,
        since=datetime.fromtimestamp(changed, UTC) if changed else None,
        detail=str(info.get("spawnerr") or ""),
    )


def _translated(fault: xmlrpc.client.Fault, problem: str) -> CmctlError:
    return CmctlError(f"{problem}: supervisord says {fault.faultString}")
