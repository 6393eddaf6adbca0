"""Find, read and validate ``mcp.yml``; resolve the secrets it refers to."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from mcp_server.config import Secret, Settings
from mcp_server.errors import InvalidConfiguration

DEPLOYED_CONFIG = Path("/etc/claude-memory/mcp.yml")
CONFIG_VARIABLE = "CLAUDE_MEMORY_MCP_CONFIG"


def embedded_data_dir(environment: Mapping[str, str], user_id: int) -> Path:
    """Data directory of this user's embedded stack; the same rule as cmctl's."""
    if chosen := environment.get("CMCTL_DATA_DIR"):
        return Path(chosen).expanduser().absolute()
    if user_id == 0:
        return Path("/var/lib/claude-memory-embedded")
    base = environment.get("XDG_DATA_HOME") or str(Path(environment.get("HOME", "~")).expanduser() / ".local/share")
    return Path(base) / "claude-memory"


def locate(
    option: Path | None,
    environment: Mapping[str, str] = os.environ,
    deployed_config: Path = DEPLOYED_CONFIG,
    user_id: int | None = None,
) -> Path:
    """Path of the configuration: the option, the environment, the deployed file, the embedded stack's."""
    if option is not None:
        return option
    if named := environment.get(CONFIG_VARIABLE):
        return Path(named)
    if "CMCTL_DATA_DIR" not in environment and deployed_config.exists():
        return deployed_config
    return embedded_data_dir(environment, os.getuid() if user_id is None else user_id) / "etc" / "mcp.yml"


def load(path: Path) -> Settings:
    """Read and validate. Raises InvalidConfiguration with every problem and its path."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InvalidConfiguration(
            f"{path}: no such file",
            hint=f"start the stack with `cmctl up`, or name a file with --config or {CONFIG_VARIABLE}",
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidConfiguration(f"{path}: not valid YAML: {error}") from error
    except OSError as error:
        raise InvalidConfiguration(f"{path}: cannot be read: {error.strerror}") from error
    if not isinstance(raw, dict):
        raise InvalidConfiguration(f"{path}: the top level must be a mapping")
    return parse(raw, str(path))


# Secrets of a deployed host, which systemd hands to the services as credentials.
HOST_SECRETS = Path("/etc/claude-memory/secrets")


def parse(raw: Mapping[str, Any], source: str) -> Settings:
    """Validate a mapping. Raises InvalidConfiguration; ``source`` names it in the message."""
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        problems = [_describe(item) for item in error.errors(include_url=False, include_input=False)]
        raise InvalidConfiguration(f"{source}: {len(problems)} invalid setting(s)", problems) from error


def _describe(item: Any) -> str:
    path = ".".join(str(part) for part in item["loc"]) or "(whole file)"
    return f"{path}: {str(item['msg']).removeprefix('Value error, ')}"


def resolve(secret: Secret, environment: Mapping[str, str] = os.environ) -> str:
    """Value of a secret. Raises InvalidConfiguration that names where it was looked for, never its content."""
    if secret.environment is not None:
        value = environment.get(secret.environment)
        if not value:
            raise InvalidConfiguration(f"environment variable {secret.environment} is not set")
        return value
    path = secret.file or _credential_path(str(secret.credential), environment)
    try:
        value = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfiguration(f"secret {path}: cannot be read: {error}") from error
    if not value:
        raise InvalidConfiguration(f"secret {path}: the file is empty")
    return value


def _credential_path(name: str, environment: Mapping[str, str]) -> Path:
    """Where systemd has put it; outside of a unit, where site.yml keeps it, which only root reads."""
    return Path(environment.get("CREDENTIALS_DIRECTORY") or HOST_SECRETS) / name
