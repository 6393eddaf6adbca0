#!/usr/bin/python
"""Ansible module: the files, directories and links of one component, in one round trip."""

import difflib
import grp
import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: managed_files
short_description: Keep files, directories and links as they should be
description:
  - Directories are made first. Every changed file is written beside its place, checked with its own C(validate), and
    only when all of them pass are they put in place, each in one step.
  - A task for the whole component costs one round trip where one task a file costs one each.
options:
  files:
    description: What should be there, parents before their children.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      state:
        description: What it is; C(once) is a file whose content is only written when it is missing.
        type: str
        choices: [file, once, directory, link, absent]
        default: file
      content:
        description: Text of a file.
        type: str
        default: ""
      target:
        description: Where a link points.
        type: str
      owner:
        description: Name of the owner.
        type: str
        default: root
      group:
        description: Name of the group.
        type: str
        default: root
      mode:
        description: Permissions, four octal digits; not for links.
        type: str
      validate:
        description: Command that must accept a changed file; %s is its path. In check mode it may be missing yet.
        type: str
  absent:
    description: Further paths where nothing should be; a directory goes with all that is in it.
    type: list
    elements: path
    default: []
  owes:
    description:
      - What a change makes necessary, such as a restart; a name in lower case.
      - It is written down before the first change, and a run that finds it reports a change, until the C(units) module
        has done it. So a run that was cut off in between is made up for by the next one. Gone with a reboot.
    type: str
  sweep:
    description: Remove files of a directory that we wrote and that are not wanted any more.
    type: dict
    suboptions:
      directory:
        description: Where to look.
        type: path
        required: true
      pattern:
        description: Which names to look at.
        type: str
        required: true
      marker:
        description: What the first line of our files begins with.
        type: str
        required: true
author: [claude-memory]
"""
RETURN = r"""
changed_paths:
  description: What was, or in check mode would be, changed.
  type: list
  returned: always
"""
OWED = Path("/run/claude-memory-owed")
FILE_OPTIONS = {
    "path": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["file", "once", "directory", "link", "absent"], "default": "file"},
    "content": {"type": "str", "default": ""},
    "target": {"type": "str"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "mode": {"type": "str"},
    "validate": {"type": "str"},
}
SWEEP_OPTIONS = {name: {"type": kind, "required": True} for name, kind in
                 {"directory": "path", "pattern": "str", "marker": "str"}.items()}  # fmt: skip


class Refused(Exception):
    """A file that its checker does not accept."""


def main():
    """Write what differs."""
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "dict", "default": [], "options": FILE_OPTIONS},
            "absent": {"type": "list", "elements": "path", "default": []},
            "owes": {"type": "str"},
            "sweep": {"type": "dict", "options": SWEEP_OPTIONS},
        },
        supports_check_mode=True,
    )
    changed, diffs, prepared = set(), [], {}
    debt = OWED / module.params["owes"] if module.params["owes"] else None
    is_owed = debt is not None and debt.exists()
    if debt is not None and not module.check_mode:
        OWED.mkdir(mode=0o700, exist_ok=True)
        debt.touch()
    is_new = debt is not None and not is_owed and not module.check_mode
    try:
        keep(module, changed, diffs, prepared)
    except Refused as error:
        if is_new:  # nothing has been put in place
            debt.unlink()
        module.fail_json(msg=str(error))
    except (OSError, KeyError) as error:
        module.fail_json(msg=f"{type(error).__name__}: {error}")
    finally:
        for unfinished in prepared.values():
            Path(unfinished).unlink(missing_ok=True)
    if is_new and not changed:
        debt.unlink()
    module.exit_json(changed=bool(changed) or is_owed, changed_paths=sorted(changed), diff=diffs)


def keep(module, changed, diffs, prepared):
    """Directories, then the new texts and their checks, then everything into its place, then what is left over."""
    wanted, check_mode = module.params["files"], module.check_mode
    directories = [item for item in wanted if item["state"] == "directory"]
    others = [item for item in wanted if item["state"] != "directory"]
    changed.update(item["path"] for item in directories if put(item, prepared, check_mode))
    for item in others:
        if item["state"] in ("file", "once") and content_differs(item):
            diffs.append(text_diff(item["path"], read(item["path"]), item["content"]))
            changed.add(item["path"])
            prepare(item, prepared, check_mode)
    changed.update(item["path"] for item in others if put(item, prepared, check_mode))
    changed.update(path for path in module.params["absent"] if remove(Path(path), check_mode))
    for path in left_over(module.params["sweep"], {item["path"] for item in wanted}):
        diffs.append(text_diff(path, read(path), ""))
        changed.add(path)
        if not check_mode:
            Path(path).unlink()


def read(path):
    """Text of a file; empty when there is none."""
    try:
        return Path(path).read_text(errors="replace")
    except (FileNotFoundError, IsADirectoryError):
        return ""


def content_differs(item):
    """Whether the file has to be written."""
    path = Path(item["path"])
    if item["state"] == "once" or not path.is_file():
        return not path.is_file()
    return path.is_symlink() or path.read_bytes() != item["content"].encode()


def prepare(item, prepared, check_mode):
    """Write the new text beside its place, in check mode elsewhere, and have it checked."""
    path = Path(item["path"])
    directory = None if check_mode else path.parent
    descriptor, unfinished = tempfile.mkstemp(dir=directory, prefix=".claude-memory.", suffix=path.suffix)
    prepared[item["path"]] = unfinished
    with os.fdopen(descriptor, "w") as stored:
        stored.write(item["content"])
        stored.flush()
        os.fsync(stored.fileno())
    if item["validate"]:
        check(item, unfinished, check_mode)


def check(item, unfinished, check_mode):
    """Run the file's own checker. Raises Refused with what it said."""
    command = shlex.split(item["validate"].replace("%s", shlex.quote(unfinished)))
    if check_mode and not Path(command[0]).exists():
        return
    # The checker may run as another user; the final mode is set when the file is put in place.
    Path(unfinished).chmod(0o600)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip() + "\n" + done.stdout.strip()).strip().replace(unfinished, item["path"])
        raise Refused(f"{item['path']} was not written: {command[0]} says: {said}")


def put(item, prepared, check_mode):
    """Bring one path into its state; say whether that was, or would be, a change."""
    path, state = Path(item["path"]), item["state"]
    if state == "absent":
        return remove(path, check_mode)
    if state == "link":
        return link(item, path, check_mode)
    made = item["path"] in prepared or (state == "directory" and not path.is_dir())
    if check_mode:
        return made or (path.exists() and bool(wrong_attributes(path, item, True)))
    if state == "directory":
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif made:
        unfinished = Path(prepared.pop(item["path"]))
        correct(unfinished, item)
        unfinished.replace(path)
    return correct(path, item) or made


def remove(path, check_mode):
    """Remove a file, a link or a directory."""
    if not path.is_symlink() and not path.exists():
        return False
    if check_mode:
        return True
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    return True


def link(item, path, check_mode):
    """Point a link at its target, in one step."""
    if path.is_symlink() and str(path.readlink()) == item["target"]:
        return False
    if not check_mode:
        unfinished = path.with_name(f".claude-memory.{path.name}")
        unfinished.unlink(missing_ok=True)
        unfinished.symlink_to(item["target"])
        unfinished.replace(path)
    return True


def correct(path, item):
    """Set owner, group and mode where they are wrong."""
    wrong = wrong_attributes(path, item, False)
    if "owner" in wrong:
        os.chown(path, *wrong["owner"])
    if wrong:
        path.chmod(int(item["mode"] or "0644", 8))
    return bool(wrong)


def wrong_attributes(path, item, check_mode):
    """Which of owner and mode differ; in check mode an account may be one that the run would make."""
    status = path.stat()
    wrong = {}
    try:
        wanted = (pwd.getpwnam(item["owner"]).pw_uid, grp.getgrnam(item["group"]).gr_gid)
    except KeyError:
        if not check_mode:
            raise
        return {"owner": None}
    if (status.st_uid, status.st_gid) != wanted:
        wrong["owner"] = wanted
    if item["mode"] and status.st_mode & 0o7777 != int(item["mode"], 8):
        wrong["mode"] = item["mode"]
    return wrong


def left_over(sweep, wanted):
    """Files that we once wrote and that nothing wants any more."""
    if sweep is None or not Path(sweep["directory"]).is_dir():
        return []
    paths = sorted(str(path) for path in Path(sweep["directory"]).glob(sweep["pattern"]))
    return [path for path in paths if path not in wanted and read(path).startswith(sweep["marker"])]


def text_diff(path, before, after):
    """What --diff shows; a note instead of the text when nothing differs but the kind of the file."""
    same = not list(difflib.unified_diff(before.splitlines(), after.splitlines()))
    return {
        "before": "" if same else before,
        "after": "(empty, or a link before)\n" if same else after,
        "before_header": path,
        "after_header": path,
    }


if __name__ == "__main__":
    main()
