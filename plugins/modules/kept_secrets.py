#!/usr/bin/python
"""Ansible module: a directory with exactly the secrets that were given."""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: kept_secrets
short_description: Keep given secrets in one file each, and remove what is not given any more
description:
  - The directory and its files belong to root and are closed to everyone else.
  - Shows no secret in a diff or a result. Call it with C(no_log), because the arguments carry the values.
options:
  directory:
    description: Directory of the files, which holds nothing else.
    type: path
    required: true
  secrets:
    description: Name to value.
    type: dict
    required: true
author: [claude-memory]
"""
RETURN = r"""
names:
  description: Names of the secrets that were, or in check mode would be, written or removed.
  type: list
  returned: always
"""


def main():
    """Write what differs, remove what is left over."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "secrets": {"type": "dict", "required": True, "no_log": True},
        },
        supports_check_mode=True,
    )
    directory, wanted = Path(module.params["directory"]), module.params["secrets"]
    present = {path.name: path for path in directory.iterdir()} if directory.is_dir() else {}
    names = {name for name, value in wanted.items() if differs(present.get(name), value)}
    left_over = set(present) - set(wanted)
    is_open = bool(wanted) and (not directory.is_dir() or directory.stat().st_mode & 0o777 != 0o700)
    if not module.check_mode:
        if is_open:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
        for name in names:
            write(directory / name, wanted[name])
        for name in left_over:
            present[name].unlink()
    module.exit_json(changed=bool(names or left_over or is_open), names=sorted(names | left_over))


def differs(path, value):
    """Whether the file has to be written."""
    return path is None or path.read_text() != value or path.stat().st_mode & 0o777 != 0o600


def write(path, value):
    """Put the secret in place in one step, closed from its first moment on."""
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(value)
    unfinished.replace(path)


if __name__ == "__main__":
    main()
