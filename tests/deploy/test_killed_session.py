"""A session that is killed without warning leaves no host, no network and no files."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.deploy.harness.commands import wait_until
from tests.deploy.harness.session import CHECKOUT, RUN_DIR, processes_of

BOOT_AND_WAIT = """
import os, sys, time
from tests.deploy.harness.host import Host
from tests.deploy.harness.network import make_bridge
from tests.deploy.harness.session import session
with session(sys.argv[1]) as run_dir:
    bridge = make_bridge()
    (run_dir / "bridge").write_text(bridge.name)
    host = Host("orphan", "trixie", 10, bridge, run_dir)
    host.create()
    host.start()
    print(bridge.name, flush=True)
    time.sleep(600)
"""


def test_a_killed_session_leaves_nothing(run_dir: Path) -> None:
    directory = RUN_DIR / f"killed-{run_dir.name}"
    command = [sys.executable, "-c", BOOT_AND_WAIT, directory.name]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdout is not None
        bridge = session.stdout.readline().strip()
        assert len(processes_of(directory)) > 3
        session.send_signal(signal.SIGKILL)
    wait_until(lambda: not directory.exists(), "the directory to go", 180)
    assert processes_of(directory) == []
    assert not Path(f"/sys/class/net/{bridge}").exists()
