#!/usr/bin/python
"""Ansible module: whether a host reaches what it will install from, in one round trip."""

import re
import subprocess
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import fetch_url

DOCUMENTATION = r"""
module: package_sources
short_description: Ask package repositories and a Python index whether they answer
description:
  - Runs on the host, as the installers do. Debian repositories are asked through apt, with its proxies and credentials.
  - Keeps nothing of what it fetches, so it does the same in check mode.
options:
  is_apt_needed:
    description: Whether Debian packages will be installed.
    type: bool
    default: false
  mirror:
    description: Debian mirror to use instead of the host's own sources.
    type: str
    default: ""
  mirror_login:
    description: Line of apt's auth.conf for that mirror.
    type: str
    default: ""
  codename:
    description: The Debian release of the host.
    type: str
    required: true
  index:
    description: Python package index to be asked; empty asks none.
    type: str
    default: ""
  index_login:
    description: Entry of a netrc for that index.
    type: str
    default: ""
  timeout_seconds:
    description: How long to wait for each answer.
    type: int
    default: 10
author: [claude-memory]
"""
RETURN = r"""
problems:
  description: A sentence for every source that does not answer, with what to set.
  type: list
  returned: always
"""
APT = "/usr/bin/apt-get"
HELPER = "/usr/lib/apt/apt-helper"
ADVICE = "set claude_memory_apt_mirror to a mirror that the host reaches"


def main():
    """Ask all of them, and report all of them."""
    module = AnsibleModule(
        argument_spec={
            "is_apt_needed": {"type": "bool", "default": False},
            "mirror": {"type": "str", "default": ""},
            "mirror_login": {"type": "str", "default": "", "no_log": True},
            "codename": {"type": "str", "required": True},
            "index": {"type": "str", "default": ""},
            "index_login": {"type": "str", "default": "", "no_log": True},
            "timeout_seconds": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    problems = []
    if module.params["is_apt_needed"]:
        problems += apt_problems(module)
    if module.params["index"]:
        problems += index_problems(module)
    module.exit_json(changed=False, problems=problems)


def apt_problems(module):
    """What keeps Debian packages from being installed."""
    mirror = module.params["mirror"].rstrip("/")
    if mirror:
        address = f"{mirror}/dists/{module.params['codename']}/InRelease"
        reason = unfetched(module, address)
        return [f"claude_memory_apt_mirror ({public(mirror)}) does not answer: {reason}; {ADVICE}"] if reason else []
    addresses = release_files()
    if not addresses:
        return [f"apt has no source of packages; {ADVICE}"]
    reasons = {address: unfetched(module, address) for address in addresses}
    return [
        f"the package source {public(address)} does not answer: {reason}; mend it in /etc/apt, or {ADVICE}"
        for address, reason in reasons.items()
        if reason
    ]


def release_files():
    """Addresses of the release files of the host's own sources, as far as they are asked over a network."""
    listing = subprocess.run([APT, "--print-uris", "update"], capture_output=True, text=True, check=False).stdout
    return sorted(set(re.findall(r"^'(https?://[^']+/InRelease)'", listing, re.MULTILINE)))


def unfetched(module, address):
    """Why apt cannot fetch a file; empty when it can."""
    seconds = module.params["timeout_seconds"]
    options = [f"-oAcquire::{scheme}::Timeout={seconds}" for scheme in ("http", "https")]
    with tempfile.TemporaryDirectory() as folder:
        # apt fetches as a user of its own.
        Path(folder).chmod(0o755)
        target = str(Path(folder) / "file")
        if module.params["mirror_login"]:
            login = Path(folder) / "login"
            login.touch(mode=0o600)
            login.write_text(module.params["mirror_login"] + "\n")
            options.append(f"-oDir::Etc::netrc={login}")
        command = [HELPER, "-oAcquire::Retries=0", *options, "download-file", address, target]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    errors = re.findall(r"^E: (?:Failed to fetch \S+ +)?(.+)$", done.stderr, re.MULTILINE)
    return errors[0].strip() if errors else f"apt-helper ended with {done.returncode}"


def index_problems(module):
    """What keeps Python packages from being installed."""
    index = module.params["index"].rstrip("/")
    if login := module.params["index_login"].split():
        module.params |= {"url_username": login[3], "url_password": login[5], "force_basic_auth": True}
    _, answer = fetch_url(module, f"{index}/uv/", method="HEAD", timeout=module.params["timeout_seconds"])
    if answer["status"] == 200:
        return []
    return [
        f"the package index {public(index)} does not answer: {answer.get('msg', '')};"
        " set claude_memory_pip_index_url to an index that the host reaches, or claude_memory_wheelhouse"
    ]


def public(address):
    """An address without the name and the password in it."""
    return re.sub(r"//[^/@]*@", "//", address)


if __name__ == "__main__":
    main()
