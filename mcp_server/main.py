"""Entry point of ``claude-memory-mcp``. Heavy modules are imported by the command that needs them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mcp_server.errors import InvalidConfiguration, MemoryServerError

if TYPE_CHECKING:
    from mcp_server.config import Settings

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="CLAUDE_MEMORY_MCP_CONFIG",
    show_envvar=True,
    help="mcp.yml; default: /etc/claude-memory/mcp.yml, else that of the embedded stack.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="claude-memory-controlplane", prog_name="claude-memory-mcp")
def cli() -> None:
    """Memory server for the Claude CLI: sessions and memories, found by keyword and meaning."""


@cli.command()
@config_option
def serve(config: Path | None) -> None:
    """Serve MCP over HTTP at /mcp, beside /health and /metrics."""
    import asyncio

    path, settings = _settings(config)
    from mcp_server.http.serve import serve as run

    asyncio.run(run(settings, path))


@cli.command()
@config_option
def stdio(config: Path | None) -> None:
    """Speak MCP on standard input and output, through the running server when there is one."""
    import asyncio

    _, settings = _settings(config)
    from mcp_server.stdio import run

    asyncio.run(run(settings))


@cli.command()
@click.option("--user", help="Role that owns the database; default: the one of mcp.yml.")
@click.option("--password-file", type=click.Path(path_type=Path, dir_okay=False), help="File that holds its password.")
@config_option
def migrate(user: str | None, password_file: Path | None, config: Path | None) -> None:
    """Create or update the tables. The server does it itself where its own role may."""
    import asyncio

    _, settings = _settings(config)
    from mcp_server.migrate import run

    asyncio.run(run(settings, user, password_file))
    click.echo("the schema is current", err=True)


@cli.command()
@config_option
def reindex(config: Path | None) -> None:
    """Make all vectors anew from PostgreSQL, as after a change of the embedding model."""
    import asyncio

    _, settings = _settings(config)
    from mcp_server.reindex import run

    count = asyncio.run(run(settings))
    click.echo(f"{count} memories indexed", err=True)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--unless", metavar="REVISION", help="Write nothing when the vectors are still those of this revision.")
@config_option
def snapshot(file: Path, unless: str | None, config: Path | None) -> None:
    """Copy the vectors into FILE, a tar archive; print what they are as JSON."""
    import asyncio
    import json

    _, settings = _settings(config)
    from mcp_server.snapshot import run

    click.echo(json.dumps(asyncio.run(run(settings, file, unless))))


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def inspect(file: Path) -> None:
    """Open the vectors in FILE, a snapshot, and print what they are as JSON. Nothing else is touched."""
    import asyncio
    import json

    from mcp_server.snapshot import inspect as run

    click.echo(json.dumps(asyncio.run(run(file))))


@cli.command()
@config_option
def reconcile(config: Path | None) -> None:
    """Have the running server compare the vectors with PostgreSQL and repair them; print what it found as JSON."""
    import asyncio
    import json

    _, settings = _settings(config)
    from mcp_server.snapshot import reconcile as run

    click.echo(json.dumps(asyncio.run(run(settings))))


@cli.command()
@config_option
def validate(config: Path | None) -> None:
    """Check mcp.yml; every problem is reported with its path."""
    path, _ = _settings(config)
    click.echo(f"{path} is valid", err=True)


@cli.command()
def schema() -> None:
    """Print the JSON schema of mcp.yml."""
    import json

    from mcp_server.config import Settings

    click.echo(json.dumps(Settings.model_json_schema(), indent=2))


def _settings(config: Path | None) -> "tuple[Path, Settings]":
    from mcp_server.logs import configure
    from mcp_server.settings_file import load, locate

    path = locate(config)
    settings = load(path)
    configure(settings.log)
    return path, settings


def main() -> None:
    """Run the command line and exit with its code. The only place that turns errors into exit codes."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except MemoryServerError as error:
        _report(error)
        sys.exit(error.exit_code)


def _report(error: MemoryServerError) -> None:
    click.echo(f"error: {error.message}", err=True)
    if isinstance(error, InvalidConfiguration):
        for problem in error.problems:
            click.echo(f"  {problem}", err=True)
    if error.hint:
        click.echo(f"  hint: {error.hint}", err=True)


if __name__ == "__main__":
    main()
