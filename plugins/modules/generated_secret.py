#!/usr/bin/python
"""Ansible module: secrets that are made on the host at first run and kept there."""

import os
import secrets
import subprocess
from datetime import datetime
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: generated_secret
short_description: Keep secrets in one file each
description:
  - Makes a random secret for every name without a file, keeps what is there otherwise.
  - A name in C(given) gets that value, for example one from ansible-vault.
  - Shows no secret in a diff. Call it with C(no_log), because the result carries the values.
options:
  directory:
    description: Directory of the files; made with mode 0700 when it is missing.
    type: path
    required: true
  names:
    description: Names of the secrets, which are the names of the files.
    type: list
    elements: str
    required: true
  given:
    description: Values for some of the names; empty ones do not count.
    type: dict
    default: {}
  replace:
    description: Make new secrets although there are some.
    type: bool
    default: false
  units:
    description:
      - systemd units that get secrets of this directory when they start.
      - The task is changed, too, where one of them runs with a secret that has been written since.
    type: list
    elements: str
    default: []
  reads:
    description: Further secrets that those units get, beside C(names); with a path, where they are elsewhere.
    type: list
    elements: str
    default: []
author: [claude-memory]
"""
RETURN = r"""
secrets:
  description: Name to value. In check mode a missing secret has a value that is thrown away.
  type: dict
  returned: always
"""
BYTES_OF_RANDOMNESS = 32


def main():
    """Read, make or replace the secrets."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "names": {"type": "list", "elements": "str", "required": True, "no_log": False},
            # Marked as secret, its values would be blotted out of the result, which is there to hand them on.
            "given": {"type": "dict", "default": {}, "no_log": False},
            "replace": {"type": "bool", "default": False},
            "units": {"type": "list", "elements": "str", "default": []},
            "reads": {"type": "list", "elements": "str", "default": [], "no_log": False},
        },
        supports_check_mode=True,
    )
    directory = Path(module.params["directory"])
    changed = keep_directory(module, directory)
    values = {}
    for name in module.params["names"]:
        path = directory / name
        values[name], written = keep_secret(module, path, module.params["given"].get(name))
        changed = written or changed
    given_to_units = [directory / name for name in module.params["names"] + module.params["reads"]]
    changed = changed or any(runs_with_older(unit, given_to_units) for unit in module.params["units"])
    module.exit_json(changed=changed, secrets=values)


def keep_directory(module, directory):
    """Make the directory, closed to everyone but root; say whether something was wrong."""
    missing = not directory.is_dir()
    if missing and not module.check_mode:
        directory.mkdir(mode=0o700, parents=True)
    return mend(module, directory, 0o700) or missing


def keep_secret(module, path, given):
    """Value of one secret, and whether its file had to change."""
    present = read(path)
    wanted = given or (None if module.params["replace"] else present) or secrets.token_urlsafe(BYTES_OF_RANDOMNESS)
    changed = wanted != present
    if changed and not module.check_mode:
        write(path, wanted)
    return wanted, mend(module, path, 0o600) or changed


def runs_with_older(unit, paths):
    """Whether a unit runs since before one of the files was written. A run that was cut off may have left that."""
    command = ["systemctl", "show", "--timestamp=us+utc", "--property=MainPID,ExecMainStartTimestamp", unit]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    properties = dict(line.partition("=")[::2] for line in shown.splitlines())
    if properties.get("MainPID", "0") == "0" or not properties.get("ExecMainStartTimestamp"):
        return False
    started = properties["ExecMainStartTimestamp"].replace("UTC", "+0000")
    moment = datetime.strptime(started, "%a %Y-%m-%d %H:%M:%S.%f %z").timestamp()
    return any(path.exists() and path.stat().st_mtime > moment for path in paths)


def read(path):
    """The stored secret; None when there is none."""
    try:
        return path.read_text().strip() or None
    except FileNotFoundError:
        return None


def write(path, value):
    """Put the secret in place in one step."""
    unfinished = path.with_name(path.name + ".new")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stored:
        stored.write(value + "\n")
        stored.flush()
        os.fsync(stored.fileno())
    unfinished.replace(path)


def mend(module, path, mode):
    """Give the path back to root with this mode; say whether either was wrong."""
    if not path.exists():
        return False
    status = path.stat()
    if (status.st_mode & 0o777, status.st_uid) == (mode, 0):
        return False
    if not module.check_mode:
        path.chmod(mode)
        os.chown(path, 0, 0)
    return True


if __name__ == "__main__":
    main()
