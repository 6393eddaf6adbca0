#!/usr/bin/python
"""Ansible module: write down which components of a host this deployment manages."""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: claim
short_description: Claim components of a host
description:
  - Leaves one file a component, so that a run that was cut off is told from a service of someone else.
options:
  directory:
    description: Directory of the claims; made when it is missing.
    type: path
    required: true
  components:
    description: Components to claim.
    type: list
    elements: str
    required: true
author: [claude-memory]
"""
RETURN = r"""
claimed:
  description: Components that were not claimed before.
  type: list
  returned: always
"""


def main():
    """Write the missing files."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "components": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    directory = Path(module.params["directory"])
    missing = [name for name in module.params["components"] if not (directory / name).exists()]
    if missing and not module.check_mode:
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name in missing:
            (directory / name).write_text(f"{name} is managed by this deployment.\n")
            (directory / f"{name}.removed").unlink(missing_ok=True)
    module.exit_json(changed=bool(missing), claimed=missing)


if __name__ == "__main__":
    main()
