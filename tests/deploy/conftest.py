"""Hosts of the deployment's tests. Needs root; see docs/deployment.md."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy.harness.host import Host
from tests.deploy.harness.network import Bridge, make_bridge
from tests.deploy.harness.playbooks import copy_checkout, previous_checkout
from tests.deploy.harness.session import session

# However the session is stopped, its hosts go with it.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, lambda *_: pytest.exit("told to end", returncode=1))


@pytest.fixture(scope="session")
def run_dir() -> Iterator[Path]:
    """Directory of this session's hosts, on a disk that can carry overlays."""
    if os.getuid() != 0:
        pytest.exit("the deployment's tests boot hosts of their own and need root: sudo make deploy-test", returncode=5)
    with session(str(os.getpid())) as directory:
        yield directory


@pytest.fixture(scope="session")
def bridge(run_dir: Path) -> Bridge:
    """The session's network."""
    bridge = make_bridge()
    (run_dir / "bridge").write_text(bridge.name)
    return bridge


@pytest.fixture(scope="module")
def make_host(bridge: Bridge, run_dir: Path) -> Iterator[Callable[[str, str], Host]]:
    """Boot a blank host: ``make_host(name, suite)``. All are removed with the module."""
    hosts: list[Host] = []

    def make(name: str, suite: str) -> Host:
        host = Host(name, suite, 10 + len(hosts), bridge, run_dir)
        hosts.append(host)
        host.create()
        host.start()
        return host

    yield make
    for host in hosts:
        host.destroy()


@pytest.fixture(scope="module")
def checkout_before(run_dir: Path) -> Path:
    """What was deployed before the newest change of what is deployed."""
    return previous_checkout(run_dir / "checkout" / "before")


@pytest.fixture(scope="module")
def checkout(run_dir: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of the checkout for this module alone."""
    return copy_checkout(run_dir / "checkout" / request.module.__name__.rpartition(".")[2])
