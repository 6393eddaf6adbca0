"""When we are root: the ordinary account PostgreSQL runs as, since it refuses to run as root."""

import logging
import os
import pwd
import shutil
import subprocess  # useradd and setpriv, with fixed arguments
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from controlplane.errors import CmctlError

logger = logging.getLogger(__name__)

ACCOUNT = "claude-memory-pg"
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
# Copies of programs that the account could not reach where they are installed, typically below /root.
_PROGRAM_CACHE = Path("/var/cache/claude-memory")
# Reading and passing through directories, and nothing else: for data below a directory such as /root.
_READ_ANYWHERE = ("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search")


@dataclass(frozen=True)
class Runner:
    """How PostgreSQL's programs are started: their folder, a command prefix, who owns their files (None: we do)."""

    programs: Path
    prefix: tuple[str, ...]
    owner: tuple[int, int] | None

    def own(self, path: Path) -> None:
        """Give a file or folder to the account."""
        if self.owner is not None:
            os.chown(path, *self.owner)


def runner(programs: Path, data_dir: Path, say: Callable[[str], None], name: str = ACCOUNT) -> Runner:
    """How to run the programs in ``programs`` (a ``bin`` folder of the wheel) with files below ``data_dir``.

    An ordinary user runs them directly. Root runs them as ``name``, by default
    ``claude-memory-pg``, which is created when missing. Raises CmctlError when that cannot work.
    """
    if os.getuid() != 0:
        return Runner(programs, (), None)
    account = _account(name, say)
    owner = (account.pw_uid, account.pw_gid)
    base = (_require("setpriv"), f"--reuid={owner[0]}", f"--regid={owner[1]}", "--clear-groups", "--no-new-privs")
    confined = (*base, "--bounding-set=-all")
    if not _can_enter(confined, programs):
        programs = _reachable_copy(programs, say)
    for prefix in (confined, (*base, "--bounding-set=-all,+dac_read_search", *_READ_ANYWHERE)):
        if _can_enter(prefix, data_dir):
            return Runner(programs, prefix, owner)
    blocked = _blocked_directory(data_dir)
    raise CmctlError(
        f"{blocked}: the user {name}, which runs PostgreSQL because it refuses to run as root,"
        " cannot enter this directory",
        hint=f"chmod o+x {blocked}, or choose another data directory with --data-dir",
    )


def _reachable_copy(programs: Path, say: Callable[[str], None]) -> Path:
    # PostgreSQL looks for its parts with access(2), so passing a capability on would not do here.
    installation, packages = programs.parent, programs.parents[2]
    stamp = (programs / "postgres").stat()
    target = _PROGRAM_CACHE / f"postgresql-{stamp.st_size:x}-{stamp.st_mtime_ns:x}"
    inside = programs.relative_to(packages)
    if not target.exists():
        say(f"copying PostgreSQL's programs to {target}: {ACCOUNT} cannot enter {_blocked_directory(programs)}")
        try:
            _copy_programs(packages, installation.relative_to(packages), target)
        except OSError as error:
            raise CmctlError(
                f"{target}: PostgreSQL's programs cannot be copied there: {error.strerror}",
                hint=f"chmod o+x {_blocked_directory(programs)}, or install the project outside of it",
            ) from error
    return target / inside


def _copy_programs(packages: Path, installation: Path, target: Path) -> None:
    _PROGRAM_CACHE.mkdir(parents=True, exist_ok=True, mode=0o755)
    with tempfile.TemporaryDirectory(dir=_PROGRAM_CACHE, prefix=".copying-") as temporary:
        work = Path(temporary) / "programs"
        for part in ("bin", "lib", "share"):
            shutil.copytree(packages / installation / part, work / installation / part, symlinks=True)
        # The wheel keeps the shared libraries it brings in a folder beside the package.
        libraries = f"{installation.parts[0]}.libs"
        shutil.copytree(packages / libraries, work / libraries, symlinks=True)
        for folder in (work, work / installation.parent, work / installation):
            folder.chmod(0o755)
        if not target.exists():
            work.rename(target)


def _account(name: str, say: Callable[[str], None]) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        say(f"creating the system user {name}: PostgreSQL refuses to run as root")
    useradd = _require("useradd")
    command = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    result = subprocess.run(
        [*command, "--shell", "/usr/sbin/nologin", name], capture_output=True, text=True, check=False
    )
    try:
        return pwd.getpwnam(name)
    except KeyError as error:
        raise CmctlError(
            f"the system user {name} could not be created: {result.stderr.strip() or 'useradd failed'}",
            hint="create it, or run cmctl as an ordinary user",
        ) from error


def _can_enter(prefix: Sequence[str], folder: Path) -> bool:
    # Asked by another program: setpriv itself still has root's capabilities when it executes one, and
    # `test -x` would not do either, since access(2) ignores ambient capabilities.
    stat = shutil.which("stat") or "/usr/bin/stat"
    result = subprocess.run([*prefix, stat, str(folder / ".")], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        logger.debug(
            "postgresql's user cannot enter a directory",
            extra={"action": "unprivileged_probe", "path": str(folder), "reason": result.stderr.strip()},
        )
    return result.returncode == 0


def _blocked_directory(path: Path) -> Path:
    closed = [parent for parent in reversed(path.parents) if not parent.stat().st_mode & 0o001]
    return closed[0] if closed else path


def _require(program: str) -> str:
    found = shutil.which(program) or shutil.which(program, path=_SBIN)
    if found is None:
        raise CmctlError(
            f"{program} is not installed, and PostgreSQL refuses to run as root",
            hint=f"install {program}, or run cmctl as an ordinary user",
        )
    return found
