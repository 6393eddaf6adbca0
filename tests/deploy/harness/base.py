"""Cached base trees, one a Debian release, made with debootstrap."""

import fcntl
import os
import shutil
from pathlib import Path

from tests.deploy.harness.commands import run

CACHE = Path(os.environ.get("CMCTL_DEPLOY_CACHE", "/var/cache/claude-memory-testbed"))
# What an image of a cloud provider has.
PACKAGES = "systemd,systemd-sysv,dbus,python3,iproute2,ca-certificates,sudo,procps,openssh-server,curl"
LOCAL_CERTIFICATES = Path("/usr/local/share/ca-certificates")
USER = "deployer"
RECIPE = 1  # count up when what a tree holds changes


def mirror() -> str:
    """The package mirror: CMCTL_DEPLOY_MIRROR, else the first Debian mirror that this machine itself uses."""
    if named := os.environ.get("CMCTL_DEPLOY_MIRROR"):
        return named
    uris = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Created-By: Packages").split()
    main = [uri for uri in uris if not uri.rstrip("/").endswith("security")]
    if not main:
        raise RuntimeError("no Debian mirror in this machine's apt sources; set CMCTL_DEPLOY_MIRROR")
    return main[0]


def controller_key() -> Path:
    """The ssh key of the controller side of the tests, made once."""
    key = CACHE / "controller_key"
    if not key.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "claude-memory-testbed", "-f", str(key))
    return key


def base_tree(suite: str) -> Path:
    """The base tree of a release, made on first use. A changed recipe makes a new tree."""
    tree = CACHE / f"{suite}-{RECIPE}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.exists():
            unfinished = tree.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            _make(suite, unfinished)
            unfinished.rename(tree)
    return tree


def _make(suite: str, tree: Path) -> None:
    run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, str(tree), mirror(), timeout_seconds=900)
    _trust_local_certificates(tree)
    run("chroot", str(tree), "useradd", "--create-home", "--shell", "/bin/bash", USER)
    (tree / "etc/sudoers.d/deployer").write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
    authorized = tree / f"home/{USER}/.ssh/authorized_keys"
    authorized.parent.mkdir(mode=0o700)
    authorized.write_text(controller_key().with_suffix(".pub").read_text())
    run("chroot", str(tree), "chown", "-R", f"{USER}:", f"/home/{USER}/.ssh")
    run("chroot", str(tree), "systemctl", "enable", "systemd-networkd")
    (tree / "etc/machine-id").write_text("")
    (tree / "etc/hostname").unlink(missing_ok=True)


def _trust_local_certificates(tree: Path) -> None:
    """Give the tree the certificate authorities that this machine trusts beside Debian's."""
    for certificate in LOCAL_CERTIFICATES.glob("*.crt"):
        shutil.copy(certificate, tree / "usr/local/share/ca-certificates" / certificate.name)
    run("chroot", str(tree), "update-ca-certificates")
