"""Examiners of an embedded Qdrant shard: who may write it, who has it open."""

import os
import stat
from pathlib import Path

import psutil

from controlplane.adapters.diagnosis import faulty, fine, unknown
from controlplane.adapters.processes import describe
from controlplane.adapters.threads import in_thread
from controlplane.domain.diagnosis import Examination
from controlplane.services.ports import ServiceManager


async def folder(manager: ServiceManager, path: Path) -> Examination:
    """Whether the user that the memory server runs as may write the shard's folder."""
    return await in_thread(lambda: _folder(_user_of(manager), path), "shard folder")


def _folder(owner: int, path: Path) -> Examination:
    try:
        found = path.stat()
    except FileNotFoundError:
        return fine(f"{path} does not exist yet; the memory server creates it")
    except OSError as error:
        return unknown(f"{path}: {error.strerror}")
    if owner not in (0, found.st_uid):
        return faulty(f"{path} belongs to user id {found.st_uid}, the memory server runs as {owner}")
    if not found.st_mode & stat.S_IWUSR and owner != 0:
        return faulty(f"{path} has mode {stat.S_IMODE(found.st_mode):04o}")
    return fine(f"{path} belongs to user id {found.st_uid}, mode {stat.S_IMODE(found.st_mode):04o}")


async def lock(manager: ServiceManager, lock_file: Path, locks: Path = Path("/proc/locks")) -> Examination:
    """Whether the memory server, and nobody else, has the shard open."""
    server = (await in_thread(lambda: manager.status("mcp_server"), "component status")).pid
    holder = await in_thread(lambda: lock_holder(lock_file, locks), "lock holder")
    if holder is None:
        return fine("nobody has it open")
    try:
        process = psutil.Process(holder)
        lineage = {holder, *(parent.pid for parent in process.parents())}
        who = describe(process)
    except psutil.Error:
        return fine("nobody has it open")
    return fine(f"the memory server has it open (pid {holder})") if server in lineage else faulty(f"{who} has it open")


def lock_holder(path: Path, locks: Path) -> int | None:
    """Process that holds a lock on a file, from the kernel's list; taking the lock to see would disturb its owner."""
    try:
        found = path.stat()
        lines = locks.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    wanted = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    for line in lines:
        # 1: FLOCK  ADVISORY  WRITE 713 00:2c:1234 0 EOF
        fields = line.split()
        if wanted in fields and "->" not in fields:
            return int(fields[fields.index(wanted) - 1])
    return None


def _user_of(manager: ServiceManager) -> int:
    pid = manager.status("mcp_server").pid
    try:
        return int(psutil.Process(pid).uids().effective) if pid else os.geteuid()
    except psutil.Error:
        return os.geteuid()
