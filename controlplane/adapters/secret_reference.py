"""Reading the secrets that the configuration refers to, at the moment they are needed."""

import os
from collections.abc import Mapping
from pathlib import Path

from controlplane.config.notifications import SecretReference
from controlplane.errors import CmctlError


def resolve(reference: SecretReference, environment: Mapping[str, str] = os.environ) -> str:
    """The secret, without the final newline. Raises CmctlError that names the place and never the content."""
    if reference.environment is not None:
        value = environment.get(reference.environment, "")
        return _not_empty(value, f"environment variable {reference.environment}")
    if reference.credential is not None:
        folder = environment.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise CmctlError(
                f"credential {reference.credential}: systemd handed none over",
                hint="add LoadCredential= to the unit, or name a file",
            )
        return _read(Path(folder) / reference.credential)
    return _read(reference.file or Path())


def _read(path: Path) -> str:
    try:
        return _not_empty(path.read_text(encoding="utf-8").strip(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise CmctlError(
            f"{path}: the secret cannot be read: {reason}",
            hint="make the file readable for the user who runs the control plane",
        ) from error


def _not_empty(value: str, place: str) -> str:
    if not value:
        raise CmctlError(f"{place}: the secret is empty", hint="put the channel's URL there")
    return value
