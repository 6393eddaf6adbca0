"""Both programs tell systemd when they are ready, when they live and when they stop."""

import asyncio
import os
import socket
from pathlib import Path
from types import ModuleType

import pytest

import controlplane.daemon.readiness
import mcp_server.readiness

MODULES = [controlplane.daemon.readiness, mcp_server.readiness]


@pytest.mark.parametrize("module", MODULES)
async def test_messages_reach_the_service_manager(module: ModuleType, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000", "WATCHDOG_PID": ""}
        async with module.announced(environment):
            received = {await asyncio.get_running_loop().sock_recv(manager, 100) for _ in range(3)}
        assert received == {b"READY=1", b"WATCHDOG=1"}
        while (message := await asyncio.get_running_loop().sock_recv(manager, 100)) == b"WATCHDOG=1":
            pass
        assert message == b"STOPPING=1"


@pytest.mark.parametrize("module", MODULES)
async def test_nothing_happens_without_a_service_manager(module: ModuleType) -> None:
    async with module.announced({}):
        pass


@pytest.mark.parametrize("module", MODULES)
def test_the_watchdog_of_another_process_is_not_ours(module: ModuleType) -> None:
    assert module.watchdog_seconds({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid() + 1)}) is None
    assert module.watchdog_seconds({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid())}) == 1.0
