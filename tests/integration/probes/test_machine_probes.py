"""disk, memory, cpu, process, certificate, writable and service on this machine."""

import asyncio
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_server

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from controlplane.adapters.probes.certificate import CertificateProbe
from controlplane.adapters.probes.cpu import CpuProbe, CpuTimes, busy_percent
from controlplane.adapters.probes.disk import DiskProbe
from controlplane.adapters.probes.memory import MemoryProbe
from controlplane.adapters.probes.process import ProcessProbe
from controlplane.adapters.probes.service import ServiceProbe
from controlplane.adapters.probes.writable import WritableProbe
from controlplane.domain.check import CheckState, Limits
from controlplane.domain.component import ComponentState, ComponentStatus
from tests.support.peers import garbage, serving, silent

OK, WARNING, CRITICAL, UNKNOWN = CheckState.OK, CheckState.WARNING, CheckState.CRITICAL, CheckState.UNKNOWN


async def test_disk_agrees_with_psutil(tmp_path: Path) -> None:
    seen = await DiskProbe(str(tmp_path), Limits()).observe()
    assert seen.state == OK
    if seen.message.startswith("disk of"):
        assert seen.value == pytest.approx(psutil.disk_usage(str(tmp_path)).percent, abs=1)


async def test_disk_of_no_path(tmp_path: Path) -> None:
    seen = await DiskProbe(str(tmp_path / "nope"), Limits()).observe()
    assert (seen.state, seen.message) == (CRITICAL, f"{tmp_path}/nope: No such file or directory")


async def test_a_full_disk() -> None:
    assert (await DiskProbe("/", Limits(warning=0, critical=0)).observe()).state == CRITICAL


async def test_memory_agrees_with_psutil() -> None:
    seen = await MemoryProbe(Limits()).observe()
    assert seen.value == pytest.approx(psutil.virtual_memory().percent, abs=5)


async def test_memory_that_cannot_be_read(tmp_path: Path) -> None:
    source = tmp_path / "meminfo"
    source.write_text("nonsense\n", encoding="ascii")
    assert (await MemoryProbe(Limits(), source).observe()).state == UNKNOWN


async def test_cpu_measures_at_once_and_then_since_the_last_look() -> None:
    probe = CpuProbe(Limits(), shortest_look_seconds=0.05)
    for _ in range(2):
        seen = await probe.observe()
        assert seen.value is not None
        assert 0 <= seen.value <= 100


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param(CpuTimes(1, 10), CpuTimes(2, 12), 50, id="half busy"),
        pytest.param(CpuTimes(1, 10), CpuTimes(1, 10), 0, id="no time passed"),
        pytest.param(CpuTimes(5, 10), CpuTimes(1, 12), 0, id="counters ran back"),
    ],
)
def test_busy_percent(before: CpuTimes, now: CpuTimes, expected: float) -> None:
    assert busy_percent(before, now) == expected


async def test_process_by_pid_file(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    pid_file = tmp_path / "x.pid"
    pid_file.write_text(f"{sleeper.pid}\n", encoding="ascii")
    seen = await ProcessProbe(str(pid_file), Limits()).observe()
    assert (seen.state, seen.unit, f"pid {sleeper.pid}" in seen.message) == (OK, "B", True)
    assert (await ProcessProbe(str(pid_file), Limits(critical=1)).observe()).state == CRITICAL
    sleeper.kill()
    sleeper.wait()
    assert (await ProcessProbe(str(pid_file), Limits()).observe()).state == CRITICAL


async def test_process_by_name(sleeper: subprocess.Popen[bytes]) -> None:
    assert (await ProcessProbe("sleep", Limits()).observe()).state == OK
    assert (await ProcessProbe("no-such-program", Limits()).observe()).state == CRITICAL


@pytest.mark.parametrize("content", ["", "x", "999999999"])
async def test_process_of_a_broken_pid_file(tmp_path: Path, content: str) -> None:
    pid_file = tmp_path / "x.pid"
    pid_file.write_text(content, encoding="ascii")
    assert (await ProcessProbe(str(pid_file), Limits()).observe()).state == CRITICAL


NOW = datetime(2026, 6, 1, tzinfo=UTC)


def write_certificate(folder: Path, begins: datetime, ends: datetime) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(begins).not_valid_after(ends)
    certificate = builder.sign(key, hashes.SHA256())
    path = folder / "certificate.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


@contextmanager
def tls_server(certificate: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = create_server(("127.0.0.1", 0))

    def serve_one() -> None:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)

    thread = threading.Thread(target=serve_one)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join()
        listener.close()


@pytest.mark.parametrize(
    ("begins_in_days", "ends_in_days", "state", "message"),
    [
        pytest.param(-1, 90, OK, "valid for 90 days, until 2026-08-30", id="valid"),
        pytest.param(-1, 20, WARNING, "valid for 20 days", id="renew it"),
        pytest.param(-1, 3, CRITICAL, "valid for 3 days", id="renew it now"),
        pytest.param(-9, -1, CRITICAL, "expired on 2026-05-31", id="expired"),
        pytest.param(1, 90, CRITICAL, "not valid before 2026-06-02", id="not yet valid"),
    ],
)
async def test_certificate_in_a_file(
    tmp_path: Path, begins_in_days: int, ends_in_days: int, state: CheckState, message: str
) -> None:
    path = write_certificate(tmp_path, NOW + timedelta(days=begins_in_days), NOW + timedelta(days=ends_in_days))
    seen = await CertificateProbe(str(path), 5, Limits(21, 7, lower_is_worse=True), lambda: NOW).observe()
    assert (seen.state, message in seen.message, seen.unit) == (state, True, "d"), seen


async def test_certificate_of_a_server_that_nobody_trusts(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    path = write_certificate(tmp_path, now - timedelta(days=1), now + timedelta(days=100))
    with tls_server(path) as port:
        seen = await CertificateProbe(f"127.0.0.1:{port}", 10, Limits(21, 7, lower_is_worse=True)).observe()
    assert seen.state == OK, seen


async def test_no_certificate(tmp_path: Path, refused_port: int) -> None:
    (tmp_path / "x.pem").write_text("nonsense", encoding="ascii")
    limits = Limits(21, 7, lower_is_worse=True)
    assert (await CertificateProbe(str(tmp_path / "x.pem"), 5, limits).observe()).state == CRITICAL
    assert (await CertificateProbe(str(tmp_path / "y.pem"), 5, limits).observe()).state == CRITICAL
    assert (await CertificateProbe(f"127.0.0.1:{refused_port}", 5, limits).observe()).state == CRITICAL
    with serving(garbage) as port:
        assert (await CertificateProbe(f"127.0.0.1:{port}", 5, limits).observe()).state == CRITICAL
    with serving(silent) as port:
        assert (await CertificateProbe(f"127.0.0.1:{port}", 0.2, limits).observe()).timed_out


async def test_writable(tmp_path: Path) -> None:
    path = tmp_path / "alerts.log"
    assert (await WritableProbe(str(path)).observe()).state == OK
    path.write_text("", encoding="ascii")
    assert (await WritableProbe(str(path)).observe()).state == OK
    gone = await WritableProbe(str(tmp_path / "nope" / "x")).observe()
    assert (gone.state, gone.message) == (CRITICAL, f"{tmp_path}/nope does not exist")


def test_not_writable(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    assert _state_as_ordinary_user(folder / "alerts.log") == CRITICAL


def _state_as_ordinary_user(path: Path) -> CheckState:
    """What the probe says to a user who is not root, for whom permissions mean nothing."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            code = int(asyncio.run(WritableProbe(str(path)).observe()).state)
        finally:
            os._exit(code)
    return CheckState(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


class OneService:
    """A service manager of one component in a given state."""

    def __init__(self, state: ComponentState) -> None:
        self._status = ComponentStatus("prometheus", state, 7, detail="exit status 1")

    def statuses(self) -> list[ComponentStatus]:
        return [self._status]

    def status(self, component: str) -> ComponentStatus:
        return self._status

    def start(self, component: str) -> None:
        raise AssertionError

    stop = restart = reload = start


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (ComponentState.RUNNING, OK),
        (ComponentState.STARTING, WARNING),
        (ComponentState.RETRYING, CRITICAL),
        (ComponentState.STOPPED, CRITICAL),
        (ComponentState.FAILED, CRITICAL),
        (ComponentState.UNKNOWN, UNKNOWN),
    ],
)
async def test_service(state: ComponentState, expected: CheckState) -> None:
    seen = await ServiceProbe("prometheus", OneService(state)).observe()
    assert (seen.state, seen.message) == (expected, f"prometheus is {state.value}: exit status 1")
