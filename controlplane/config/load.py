"""Find, read and validate ``cmctl.yml``.

Stages: locate the data directory and the file, read YAML, apply command line
overrides, validate against the schema. All problems are reported at once.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from controlplane.config.schema import Settings
from controlplane.errors import InvalidConfiguration

DEPLOYED_CONFIG = Path("/etc/claude-memory/cmctl.yml")


@dataclass(frozen=True)
class Locations:
    """Where the configuration and the state of this invocation live."""

    config_file: Path
    data_dir: Path


def default_data_dir(environment: Mapping[str, str], user_id: int) -> Path:
    """Data directory of the embedded stack when nobody names one.

    Root gets a directory of its own outside its home, because the embedded
    PostgreSQL never runs as root and could not enter the home.
    """
    if user_id == 0:
        return Path("/var/lib/claude-memory-embedded")
    base = environment.get("XDG_DATA_HOME") or str(Path(environment.get("HOME", "~")).expanduser() / ".local/share")
    return Path(base) / "claude-memory"


def locate(
    config_option: Path | None,
    data_dir_option: Path | None,
    environment: Mapping[str, str] = os.environ,
    deployed_config: Path = DEPLOYED_CONFIG,
    user_id: int | None = None,
) -> Locations:
    """Decide which configuration file and data directory are meant.

    Order: the options (which carry CMCTL_CONFIG and CMCTL_DATA_DIR), then a
    deployed system's file in /etc, then the embedded stack of this user.
    """
    if config_option is None and data_dir_option is None and deployed_config.exists():
        config_option = deployed_config
    if data_dir_option is None:
        configured = read_yaml(config_option).get("data_dir") if config_option and config_option.exists() else None
        user_id = os.getuid() if user_id is None else user_id
        data_dir_option = Path(configured) if configured else default_data_dir(environment, user_id)
    data_dir = data_dir_option.expanduser().absolute()
    config_file = (config_option or data_dir / "etc" / "cmctl.yml").expanduser().absolute()
    return Locations(config_file=config_file, data_dir=data_dir)


def load(locations: Locations, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read and validate the configuration.

    A missing file in an embedded data directory means the defaults.
    Raises InvalidConfiguration with every problem and its path.
    """
    raw: dict[str, Any] = {}
    if locations.config_file.exists():
        raw = read_yaml(locations.config_file)
    elif locations.config_file != locations.data_dir / "etc" / "cmctl.yml":
        raise InvalidConfiguration(
            f"{locations.config_file}: no such file", hint="name an existing file with --config or CMCTL_CONFIG"
        )
    raw = {**raw, "data_dir": str(locations.data_dir), **(overrides or {})}
    return parse(raw, str(locations.config_file))


def parse(raw: Mapping[str, Any], source: str) -> Settings:
    """Validate a mapping. Raises InvalidConfiguration; ``source`` names it in the message."""
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        problems = [_describe(item) for item in error.errors(include_url=False, include_input=False)]
        raise InvalidConfiguration(f"{source}: {len(problems)} invalid setting(s)", problems) from error


def _describe(item: Any) -> str:
    path = ".".join(str(part) for part in item["loc"]) or "(whole file)"
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{path}: {message}"


def read_yaml(path: Path) -> dict[str, Any]:
    """The settings that a file itself holds, not validated. Raises InvalidConfiguration when it is no mapping."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidConfiguration(f"{path}: not valid YAML: {error}") from error
    except OSError as error:
        raise InvalidConfiguration(f"{path}: cannot be read: {error.strerror}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InvalidConfiguration(f"{path}: the top level must be a mapping, not {type(content).__name__}")
    return content
