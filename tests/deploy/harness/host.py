"""One throw-away host: an overlay on a base tree, booted by systemd-nspawn on the session's bridge."""

import os
import signal
import socket
import subprocess
from pathlib import Path

from tests.deploy.harness.base import USER, base_tree, controller_key
from tests.deploy.harness.commands import run, succeeds, wait_until
from tests.deploy.harness.network import Bridge
from tests.deploy.harness.session import clear

REBOOT_CODE = 133  # systemd-nspawn's exit code with --keep-unit when the host asked for a reboot
BOOT_SECONDS = 120


class Host:
    """Owns the overlay and the process of one host."""

    def __init__(
        self, name: str, suite: str, number: int, bridge: Bridge, run_dir: Path, is_volatile: bool = True
    ) -> None:
        self.name = name
        self.suite = suite
        self.bridge = bridge
        self.address = bridge.address(number)
        self.machine = f"{bridge.name}-{number}"  # names the network interface too, so it is unique on the test machine
        self.directory = run_dir / name
        self.root = self.directory / "root"
        self.is_volatile = is_volatile
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Clone the base tree and give the clone its name and address.

        In a volatile one, nothing waits for this machine's disk: for tests, but not for measuring.
        """
        for part in ("upper", "work", "root"):
            (self.directory / part).mkdir(parents=True)
        layers = f"lowerdir={base_tree(self.suite)},upperdir={self.directory}/upper,workdir={self.directory}/work"
        layers += ",volatile" if self.is_volatile else ""
        run("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root))
        (self.root / "etc/hostname").write_text(self.name + "\n")
        (self.root / "etc/hosts").write_text(f"127.0.0.1 localhost\n{self.address} {self.name}\n")
        (self.root / "etc/systemd/network/10-host0.network").write_text(
            f"[Match]\nName=host0\n\n[Network]\nAddress={self.address}/24\nGateway={self.bridge.gateway}\n"
        )

    def start(self) -> None:
        """Boot and wait until systemd has settled and ssh answers."""
        with (self.directory / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                [
                    "systemd-nspawn", "-q", "-D", str(self.root), "-b", f"--machine={self.machine}", "--register=no",
                    "--keep-unit", "--console=pipe", f"--network-bridge={self.bridge.name}", "--resolv-conf=copy-host",
                ],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
            )  # fmt: skip
        wait_until(self._has_settled, f"boot of {self.name}", BOOT_SECONDS)

    def execute(self, *arguments: str, timeout_seconds: float = 60) -> str:
        """Run a command as root inside. Raises CommandFailed."""
        return run("nsenter", "-t", str(self._leader()), "-a", *arguments, timeout_seconds=timeout_seconds)

    def succeeds(self, *arguments: str) -> bool:
        """Say whether a command inside exits with zero."""
        return succeeds(["nsenter", "-t", str(self._leader()), "-a", *arguments])

    def files(self) -> str:
        """Names, sizes, modes and times of everything that refusals and check mode must leave alone.

        systemd and sudo keep books of their own.
        """
        kept = "-not -path '/var/lib/systemd/*' -not -path '/var/lib/sudo*' -not -path /etc/machine-id"
        find = f"find /etc /opt /usr/local /var/lib -xdev {kept} -printf '%p %s %m %u %T@\\n' | sort"
        return self.execute("sh", "-c", find)

    def reboot(self) -> None:
        """Reboot in earnest: every process inside ends and systemd boots anew."""
        process = self._running()
        self.execute("systemctl", "reboot")
        if process.wait(BOOT_SECONDS) != REBOOT_CODE:
            raise RuntimeError(f"{self.name} ended instead of rebooting; see {self.directory}/console.log")
        self.start()

    def destroy(self) -> None:
        """End every process of the host at once, then remove the overlay."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._leader(), signal.SIGKILL)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
        clear(self.directory)

    def inventory_variables(self) -> dict[str, object]:
        """Connection variables for Ansible and testinfra."""
        return {
            "ansible_host": self.address,
            "ansible_user": USER,
            "ansible_ssh_private_key_file": str(controller_key()),
            "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
        }

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{self.name} is not running; see {self.directory}/console.log")
        return self._process

    def _leader(self) -> int:
        pid = self._running().pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children:
            raise RuntimeError(f"{self.name} has no process yet")
        return int(children[0])

    def _has_settled(self) -> bool:
        self._running()
        try:
            leader = str(self._leader())
        except RuntimeError:
            return False
        state = subprocess.run(
            ["nsenter", "-t", leader, "-a", "systemctl", "is-system-running"],
            capture_output=True, text=True, timeout=30, check=False,
        ).stdout.strip()  # fmt: skip
        return state in {"running", "degraded"} and self._answers_ssh()

    def _answers_ssh(self) -> bool:
        try:
            socket.create_connection((self.address, 22), timeout=1).close()
        except OSError:
            return False
        return True
