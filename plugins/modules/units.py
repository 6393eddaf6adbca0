#!/usr/bin/python
"""Ansible module: the systemd units of one component, in one round trip."""

import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: units
short_description: Have units run now and at boot, restart or reload them
description:
  - Looks at all units at once and acts only where something is wrong.
  - A unit that failed too often before gets a second try; the failure then carries the end of its log.
options:
  names:
    description: The units.
    type: list
    elements: str
    required: true
  state:
    description:
      - C(started) also enables them at boot. C(reloaded) starts a unit that does not run.
      - C(stopped) also keeps them from starting at boot; a unit that is not there is no problem.
    type: str
    choices: [started, restarted, reloaded, stopped]
    default: started
  settles:
    description: What C(managed_files) wrote down as owed, and is done with this.
    type: list
    elements: str
    default: []
author: [claude-memory]
"""
RETURN = r"""
acted:
  description: What was, or in check mode would be, done.
  type: list
  returned: always
"""
ENABLED = {"enabled", "enabled-runtime", "static", "indirect", "alias", "generated", "linked"}
RUNNING = {"active", "reloading", "refreshing"}
STATES = ["started", "restarted", "reloaded", "stopped"]
OWED = Path("/run/claude-memory-owed")
REMOVABLE = {"enabled", "indirect", "linked"}
PROPERTIES = "Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload"


class Failed(Exception):
    """systemctl said no."""


def main():
    """Look, then act."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": STATES, "default": "started"},
            "settles": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    names, state = module.params["names"], module.params["state"]
    acted = []
    try:
        for command in needed(names, state):
            acted.append(" ".join(command))
            if not module.check_mode:
                act(command)
    except Failed as error:
        module.fail_json(msg=str(error), acted=acted)
    if not module.check_mode:
        for name in module.params["settles"]:
            (OWED / name).unlink(missing_ok=True)
    reported = [line for line in acted if line != "daemon-reload"]
    module.exit_json(changed=bool(reported), acted=reported)


def needed(names, state):
    """The systemctl commands that bring the units into the state, decided one by one as the units are by then."""
    if state == "stopped":
        yield from needed_to_stop(names)
        return
    # A unit file or alias was written before a restart; systemd does not notice every one of them by itself.
    if state == "restarted" or any(unit["NeedDaemonReload"] == "yes" for unit in look(names)):
        yield ["daemon-reload"]
    for name, unit in zip(names, look(names), strict=True):
        if state == "started" and unit["UnitFileState"] not in ENABLED:
            yield ["enable", name]
        if state == "restarted":
            yield ["restart", name]
        elif unit["ActiveState"] not in RUNNING:
            yield ["start", name]
        elif state == "reloaded":
            yield ["reload", name]


def needed_to_stop(names):
    """Those that end the units and keep them from starting at boot."""
    for name, unit in zip(names, look(names), strict=True):
        if unit["ActiveState"] != "inactive" and unit["LoadState"] == "loaded":
            yield ["stop", name]
        if unit["UnitFileState"] in REMOVABLE:
            yield ["disable", name]


def look(names):
    """The properties of every unit, in order."""
    shown = systemctl(["show", f"--property={PROPERTIES}", *names]).split("\n\n")
    return [dict(line.partition("=")[::2] for line in block.splitlines()) for block in shown if block.strip()]


def act(command):
    """Run one command; start and restart get a second try from a clean slate."""
    try:
        systemctl(command)
    except Failed:
        if command[0] not in ("start", "restart"):
            raise
        subprocess.run(["/usr/bin/systemctl", "reset-failed", command[1]], capture_output=True, check=False)
        try:
            systemctl(command)
        except Failed as error:
            raise Failed(f"{error}\n{end_of_log(command[1])}") from error


def systemctl(arguments):
    """Output of systemctl. Raises Failed."""
    command = ["systemctl", "--no-pager", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"systemctl {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def end_of_log(unit):
    """The last lines that the unit logged."""
    command = ["journalctl", "--no-pager", "--lines=20", "--output=cat", f"--unit={unit}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


if __name__ == "__main__":
    main()
