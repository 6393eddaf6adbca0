"""Composition root of ``cmctl mcp``."""

import os
import sys
from pathlib import Path
from typing import Literal

from controlplane.config.default_checks import local_url
from controlplane.config.load import Locations
from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings
from controlplane.services.mcp_check import McpTransport
from controlplane.services.mcp_install import ClientConfig

Transport = Literal["http", "stdio"]
Scope = Literal["user", "project"]

CHECK_TIMEOUT_SECONDS = 20.0


def server_command() -> Path:
    """The ``claude-memory-mcp`` that belongs to this installation."""
    return Path(sys.executable).parent / "claude-memory-mcp"


def server_config(settings: Settings, locations: Locations) -> Path:
    """The memory server's configuration."""
    folder = locations.config_file.parent if settings.mode == "deployed" else DataLayout(settings.data_dir).etc
    return folder / "mcp.yml"


def server_url(settings: Settings) -> str:
    """Where the memory server speaks MCP."""
    return f"{local_url(settings, 'mcp_server')}/mcp"


def client_config(scope: Scope, chosen: Path | None) -> ClientConfig:
    """The Claude CLI's configuration file of a scope, or the chosen one."""
    from controlplane.adapters.claude_cli import ClaudeConfigFile, project_config, user_config

    path = chosen or (user_config(os.environ) if scope == "user" else project_config(Path.cwd()))
    return ClaudeConfigFile(path, new_mode=0o600 if scope == "user" else 0o644)


def transport(name: Transport, settings: Settings, locations: Locations) -> McpTransport:
    """A way to reach the memory server."""
    from controlplane.adapters.mcp_client import HttpTransport, StdioTransport

    if name == "http":
        return HttpTransport(server_url(settings), CHECK_TIMEOUT_SECONDS)
    return StdioTransport(server_command(), server_config(settings, locations), CHECK_TIMEOUT_SECONDS)
