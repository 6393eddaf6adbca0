#!/usr/bin/python
"""Ansible module: what the roles must know about a host before they change it, in one round trip."""

import grp
import os
import platform
import pwd
import re
import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: survey
short_description: Look at a host before anything is changed
description:
  - Reads distribution, memory, cores, free disk, listening TCP ports, installed packages, and what earlier runs left.
  - Changes nothing, so it does the same in check mode.
options:
  claims_dir:
    description: Directory in which each role that manages this host has left a file.
    type: path
    required: true
  packages:
    description: Package names (glob patterns) to look for.
    type: list
    elements: str
    default: []
  accounts:
    description: User names to look for.
    type: list
    elements: str
    default: []
  releases_dir:
    description: Directory of our releases.
    type: path
    required: true
  mirror_file:
    description: File that names a package mirror of ours to apt.
    type: path
    required: true
author: [claude-memory]
"""
RETURN = r"""
survey:
  description: The facts, each a plain value.
  type: dict
  returned: always
"""


def main():
    """Collect and return the facts."""
    module = AnsibleModule(
        argument_spec={
            "claims_dir": {"type": "path", "required": True},
            "packages": {"type": "list", "elements": "str", "default": []},
            "accounts": {"type": "list", "elements": "str", "default": []},
            "releases_dir": {"type": "path", "required": True},
            "mirror_file": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    release = os_release()
    claims_dir, releases_dir = Path(module.params["claims_dir"]), Path(module.params["releases_dir"])
    survey = {
        "distribution": release.get("ID", ""),
        "release": release.get("VERSION_ID", ""),
        "codename": release.get("VERSION_CODENAME", ""),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1048576,
        "free_mb": free_mb("/var"),
        "has_mirror": Path(module.params["mirror_file"]).exists(),
        "has_systemd": Path("/run/systemd/system").is_dir(),
        "listening": listening_ports(),
        "packages": installed(module.params["packages"]),
        "claims": sorted(claim.name for claim in claims_dir.glob("*")),
        "accounts": accounts(module.params["accounts"]),
        "releases": sorted(done.parent.name for done in releases_dir.glob("*/.complete")),
        "running_release": release_of(releases_dir / "current"),
        "proven_release": release_of(releases_dir / "proven"),
        "clusters": sorted(str(found.parent) for found in Path("/etc/postgresql").glob("*/*/postgresql.conf")),
    }
    module.exit_json(changed=False, survey=survey)


def release_of(link):
    """Name of the release that a link of ours leads to; empty when there is none."""
    release = link.resolve()
    return release.name if link.is_symlink() and release.is_dir() else ""


def os_release():
    """The keys of /etc/os-release."""
    with Path("/etc/os-release").open() as lines:
        return {key: value.strip().strip('"') for key, _, value in (line.partition("=") for line in lines)}


def free_mb(path):
    """Megabytes an ordinary user can still write below this path."""
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize // 1048576


def listening_ports():
    """TCP ports that something listens on, from /proc (state 0A)."""
    ports = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if Path(table).exists():
            with Path(table).open() as lines:
                rows = [line.split() for line in lines][1:]
            ports.update(int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A")
    return sorted(ports)


def accounts(names):
    """``user:group:shell`` of every user that exists."""
    found = []
    for name in names:
        try:
            user = pwd.getpwnam(name)
            found.append(f"{name}:{grp.getgrgid(user.pw_gid).gr_name}:{user.pw_shell}")
        except KeyError:
            continue
    return found


def installed(patterns):
    """Names of installed packages that match."""
    if not patterns:
        return []
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Abbrev} ${Package}\n", *patterns]
    lines = subprocess.run(query, capture_output=True, text=True, check=False).stdout.splitlines()
    return sorted(re.sub(r"^ii +", "", line) for line in lines if line.startswith("ii"))


if __name__ == "__main__":
    main()
