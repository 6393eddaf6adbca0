"""The configuration files of the Claude CLI."""

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from controlplane.errors import CmctlError

BACKUP_SUFFIX = ".before-claude-memory"


def user_config(environment: Mapping[str, str]) -> Path:
    """File of the user scope: ``~/.claude.json``, or in CLAUDE_CONFIG_DIR."""
    folder = environment.get("CLAUDE_CONFIG_DIR")
    return (Path(folder) if folder else Path(environment.get("HOME", "~"))).expanduser() / ".claude.json"


def project_config(folder: Path) -> Path:
    """File of the project scope."""
    return folder / ".mcp.json"


class ClaudeConfigFile:
    """Implements ClientConfig. A symbolic link is followed, so that it stays one."""

    def __init__(self, path: Path, new_mode: int) -> None:
        """``new_mode`` is the mode of a file that does not exist yet."""
        self.path = path
        self._target = Path(os.path.realpath(path))
        self._new_mode = new_mode

    def read(self) -> str | None:
        """Its text, exactly; None when there is no file."""
        try:
            return self._target.read_bytes().decode("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise CmctlError(f"{self.path}: cannot be read: {error}") from error

    def replace(self, before: str | None, after: str) -> Path | None:
        """Write it as a whole beside the old file, then swap."""
        try:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            backup = self._backup() if before is not None else None
            partial = self._write_beside(after)
        except OSError as error:
            raise CmctlError(f"{self.path}: cannot be written: {error.strerror}") from error
        # The Claude CLI writes this file too: look once more, at the last moment.
        if self.read() != before:
            partial.unlink()
            raise CmctlError(f"{self.path}: changed while it was being edited", hint="run this again")
        partial.replace(self._target)
        return backup

    def _backup(self) -> Path:
        backup = self._target.with_name(self._target.name + BACKUP_SUFFIX)
        shutil.copy2(self._target, backup)
        return backup

    def _write_beside(self, text: str) -> Path:
        with tempfile.NamedTemporaryFile(
            "wb", dir=self._target.parent, prefix=f".{self._target.name}.", delete=False
        ) as handle:
            handle.write(text.encode())
            handle.flush()
            os.fsync(handle.fileno())
        partial = Path(handle.name)
        if self._target.exists():
            old = self._target.stat()
            partial.chmod(stat.S_IMODE(old.st_mode))
            if os.geteuid() == 0:
                os.chown(partial, old.st_uid, old.st_gid)
        else:
            partial.chmod(self._new_mode)
        return partial
