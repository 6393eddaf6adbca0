"""The control plane's token: generated once, by whoever starts first, into a file that only its owner reads."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from controlplane.errors import CmctlError


def ensure_token(path: Path) -> str:
    """The token, generated when the file does not exist yet. Raises CmctlError that names the file."""
    try:
        if not path.exists():
            _create(path)
        return read_token(path)
    except OSError as error:
        raise CmctlError(
            f"{path}: {error.strerror or error}", hint="make the data directory writable for you"
        ) from error


def _create(path: Path) -> None:
    """Write aside, then link: nobody ever reads half a token, and the first one wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(partial)
    finally:
        Path(partial).unlink()


def read_token(path: Path) -> str:
    """The token. Raises CmctlError when the file cannot be read or is empty."""
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CmctlError(
            f"{path}: the token cannot be read: {error}", hint="run cmctl as the user that owns the stack"
        ) from error
    if not token:
        raise CmctlError(f"{path}: the token file is empty", hint="delete it and start the control plane again")
    return token
