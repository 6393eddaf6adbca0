"""Real servers that copies are brought to: OpenSSH's sshd on loopback, and moto's S3 server."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3

from controlplane.adapters.debian_packages import DebianPackages, distribution_release
from tests.support.postgresql import _identity, free_port, server_account
from tests.support.stack import wait_until

# Debian 13's sshd also notes logins in a database.
LIBRARIES = ("libwrap0",) if "debian-12" in distribution_release() else ("libwrap0", "libwtmpdb0", "libsqlite3-0")
BUCKET = "recovery-sets"
# Without PAM, sshd refuses accounts whose password is locked, as that of nobody is.
_PAM = "UsePAM yes" if os.geteuid() == 0 else "UsePAM no"
KEY_ID, SECRET = "local-test-key", "local-test-secret"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _unpack_sshd(folder: Path) -> tuple[Path, dict[str, str], str]:
    """sshd out of the distribution's packages in a folder that everybody may enter: program, environment, settings."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    packages = DebianPackages(Path(base) / "claude-memory" / "tools", distribution_release())
    packages.fetch(("openssh-server", *LIBRARIES), lambda _: None)
    for package in LIBRARIES:
        for library in packages.folder(package).rglob("lib*.so.*"):
            shutil.copy(library, folder / library.name)
    parts = packages.folder("openssh-server")
    shutil.copy(parts / "usr/sbin/sshd", folder / "sshd")
    settings = ""
    for name, setting in (("sshd-session", "SshdSessionPath"), ("sshd-auth", "SshdAuthPath")):  # from 9.8 on
        if (helper := parts / "usr/lib/openssh" / name).exists():
            shutil.copy(helper, folder / name)
            settings += f"{setting} {folder / name}\n"
    return folder / "sshd", {**os.environ, "LD_LIBRARY_PATH": str(folder)}, settings


class SshServer:
    """sshd as an ordinary user, who may do nothing but sftp; ``config_file`` is for the client."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="claude-memory-sshd-", dir="/tmp"))
        self.port = free_port()
        self.path = self.folder / "copies"
        self.config_file = self.folder / "client.conf"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make keys, start, and wait until it listens."""
        for name in ("host", "client"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)]
            subprocess.run(command, check=True)
        self.path.mkdir()
        shutil.copy(self.folder / "client.pub", self.folder / "authorized_keys")
        host_key = (self.folder / "host.pub").read_text(encoding="ascii")
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {host_key}", encoding="ascii")
        self.config_file.write_text(
            f"Host copies\n HostName 127.0.0.1\n Port {self.port}\n User {server_account().pw_name}\n"
            f" IdentityFile {self.folder / 'client'}\n IdentitiesOnly yes\n"
            f" UserKnownHostsFile {self.folder / 'known_hosts'}\n StrictHostKeyChecking yes\n",
            encoding="ascii",
        )
        program, environment, more = _unpack_sshd(self.folder)
        settings = self.folder / "sshd.conf"
        settings.write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {self.folder / 'host'}\nPidFile none\n{_PAM}\n"
            f"AuthorizedKeysFile {self.folder / 'authorized_keys'}\nStrictModes no\nPasswordAuthentication no\n"
            f"Subsystem sftp internal-sftp\nForceCommand internal-sftp\n{more}",
            encoding="ascii",
        )
        if os.geteuid() == 0:  # sshd then runs as nobody; the client's key stays ours
            account = server_account()
            self.folder.chmod(0o711)
            for path in (self.folder / "host", self.path, self.folder / "authorized_keys"):
                os.chown(path, account.pw_uid, account.pw_gid)
        command = [str(program), "-D", "-e", "-f", str(settings)]
        with (self.folder / "sshd.log").open("wb") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd="/", **_identity())
        wait_until(lambda: _listens(self.port) or self._process.poll() is not None, what="sshd")  # type: ignore[union-attr]
        assert self._process.poll() is None, (self.folder / "sshd.log").read_text(encoding="utf-8")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def remove(self) -> None:
        """End it and delete everything."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class S3Server:
    """moto's server with one bucket. It is no S3: it holds everything in memory and checks no signature."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and make the bucket."""
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: _listens(self.port), what="the S3 server")
        self.client().create_bucket(Bucket=BUCKET)

    def client(self) -> "boto3.session.Session":
        """A client for looking behind the scenes."""
        keys = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET}
        return boto3.client("s3", endpoint_url=self.url, region_name="us-east-1", **keys)

    def remove(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
