"""What remedies do, with real programs."""

import sys
from pathlib import Path

import psutil
import pytest

from controlplane.adapters.remedies import RestartComponent, RunProgram
from controlplane.errors import CmctlError


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_a_program_succeeds_or_says_why_not() -> None:
    assert (
        await RunProgram([sys.executable, "-c", "print('done')"]).do(30)
        == f"{Path(sys.executable).name} succeeded: done"
    )
    with pytest.raises(CmctlError, match=r"exit code 3: one \| two"):
        await RunProgram([sys.executable, "-c", "print('one\\ntwo'); raise SystemExit(3)"]).do(30)
    with pytest.raises(CmctlError, match="program is not there"):
        await RunProgram(["/nowhere/program"]).do(30)


async def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    child = "import os,subprocess,sys,time; p = subprocess.Popen(['sleep', '600']);" + (
        f" open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{p.pid}}'); time.sleep(600)"
    )
    with pytest.raises(CmctlError, match="took longer than 3 s and was ended"):
        await RunProgram([sys.executable, "-c", child]).do(3)
    own, grandchild = map(int, pids.read_text().split())
    assert not any(is_alive(pid) for pid in (own, grandchild))


async def test_a_restart_that_fails_says_why() -> None:
    def restart(component: str) -> None:
        raise CmctlError(f"{component} does not start")

    assert await RestartComponent("qdrant", lambda component: None).do(5) == "qdrant was restarted"
    with pytest.raises(CmctlError, match="qdrant does not start"):
        await RestartComponent("qdrant", restart).do(5)
