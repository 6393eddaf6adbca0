"""The data directory on disk: made, locked, written atomically, read."""

import fcntl
import os
import secrets
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from controlplane.config.paths import DataLayout
from controlplane.errors import CmctlError, Refused

SECRETS = (
    "controlplane_token",
    "mcp_token",
    "postgresql_superuser_password",
    "postgresql_memory_password",
    "postgresql_controlplane_password",
    "postgresql_backup_password",
)
# Less than this and PostgreSQL or Prometheus soon fails in the middle of a write.
MINIMUM_FREE_BYTES = 500_000_000
_FORBIDDEN = set(";#'\"\\\n\r")
_POLL_SECONDS = 0.2


class DataDirectory:
    """One stack's directory. Everything in it belongs to one user."""

    def __init__(self, layout: DataLayout) -> None:
        self.layout = layout

    def create(self) -> None:
        """Make the directory and its folders, readable by the owner only.

        Raises CmctlError when that is impossible, Refused when it belongs to someone else.
        """
        data_dir = self.layout.data_dir
        if unfit := sorted(_FORBIDDEN & set(str(data_dir))):
            raise CmctlError(
                f"data directory {str(data_dir)!r}: the character {unfit[0]!r} cannot be in its name",
                hint="choose another with --data-dir",
            )
        try:
            data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._check_owner()
            # PostgreSQL's own user must pass through when we are root.
            data_dir.chmod(0o711 if os.getuid() == 0 else 0o700)
            for folder in self._folders():
                folder.mkdir(exist_ok=True, mode=0o700)
                folder.chmod(0o700)
        except OSError as error:
            raise _unusable(data_dir, error) from error
        free = shutil.disk_usage(data_dir).free
        if free < MINIMUM_FREE_BYTES:
            raise CmctlError(
                f"data directory {data_dir}: {free // 1_000_000} MB free, {MINIMUM_FREE_BYTES // 1_000_000} MB needed",
                hint="free some space, or choose another with --data-dir",
            )

    def _check_owner(self) -> None:
        owner = self.layout.data_dir.stat().st_uid
        if owner != os.getuid():
            raise Refused(
                f"data directory {self.layout.data_dir} belongs to user id {owner}, not to you (user id {os.getuid()})",
                hint="run cmctl as that user, or choose another with --data-dir",
            )

    def _folders(self) -> list[Path]:
        layout = self.layout
        return [
            layout.etc,
            layout.secrets,
            layout.logs,
            layout.run,
            layout.journal,
            layout.vectors,
            layout.prometheus,
            layout.alertmanager,
        ]

    @contextmanager
    def locked(self, timeout_seconds: float, say: Callable[[str], None]) -> Iterator[None]:
        """Hold the directory for one ``up`` or ``down`` at a time.

        Waits for another one to finish; raises Refused after ``timeout_seconds``.
        """
        path = self.layout.run / "stack.lock"
        try:
            path.touch(mode=0o600)
            handle = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise _unusable(path, error) from error
        with handle:
            self._take(handle.fileno(), timeout_seconds, say)
            yield

    def _take(self, descriptor: int, timeout_seconds: float, say: Callable[[str], None]) -> None:
        deadline = time.monotonic() + timeout_seconds
        told = False
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise Refused(
                        f"another cmctl up or down is working on {self.layout.data_dir}", hint="try again later"
                    ) from error
            if not told:
                say(f"waiting for another cmctl that is working on {self.layout.data_dir}")
                told = True
            time.sleep(_POLL_SECONDS)

    def ensure_secrets(self) -> None:
        """Generate the secrets that do not exist yet."""
        for name in SECRETS:
            path = self.layout.secret(name)
            if not path.exists() or not path.read_text(encoding="utf-8").strip():
                write_atomically(path, secrets.token_urlsafe(32) + "\n")

    def read_secret(self, name: str) -> str:
        """Value of one secret. Raises CmctlError that names the file."""
        try:
            return self.layout.secret(name).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise _unusable(self.layout.secret(name), error) from error

    def last_log_lines(self, component: str, count: int) -> list[str]:
        """The newest lines of a component's log, oldest first."""
        try:
            with (self.layout.logs / f"{component}.log").open(encoding="utf-8", errors="replace") as lines:
                return [line.rstrip() for line in deque(lines, maxlen=count)]
        except OSError:
            return []


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file as a whole; a crash leaves the old or the new one. A symbolic link stays one.

    Raises CmctlError when that is impossible, or when ``path`` is a device or folder.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise CmctlError(f"{path}: not a regular file, so it is left alone")
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8"
        ) as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        Path(handle.name).chmod(mode)
        Path(handle.name).replace(path)
    except OSError as error:
        raise _unusable(path, error) from error


def replace_files(folder: Path, files: Mapping[str, str], check: Callable[[Path], None]) -> list[str]:
    """Write files (path inside ``folder`` -> text) after ``check`` has accepted them all.

    ``check`` gets a private copy of the whole set and raises when it is wrong;
    then nothing has changed. Other ``.yml`` files in the folder, such as the
    rules of a former profile, are removed. Returns the paths that changed.
    """
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".checking-") as staging:
            for name, text in files.items():
                (Path(staging) / name).parent.mkdir(parents=True, exist_ok=True)
                (Path(staging) / name).write_text(text, encoding="utf-8")
            check(Path(staging))
        changed = [name for name, text in files.items() if _read(folder / name) != text]
        for name in changed:
            (folder / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomically(folder / name, files[name])
        present = [str(path.relative_to(folder)) for path in folder.rglob("*.yml")]
        stale = [name for name in present if name not in files]
        for name in stale:
            (folder / name).unlink()
    except OSError as error:
        raise _unusable(folder, error) from error
    return changed + stale


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _unusable(path: Path, error: OSError) -> CmctlError:
    return CmctlError(
        f"{error.filename or path}: {error.strerror or error}",
        hint="make it writable for you, or choose another directory with --data-dir",
    )
