"""``cmctl config``: the settings in use, whether a file is valid, and what settings there are."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controlplane.cli.invocation import Invocation
from controlplane.cli.output import emit, format_table

if TYPE_CHECKING:
    from controlplane.config.flatten import Setting


@click.group()
def config() -> None:
    """Show and validate the configuration."""


@config.command()
@click.option(
    "-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True, help="Output format."
)
@click.option("--sources", is_flag=True, help="A line for each setting: its value, and where that comes from.")
@click.pass_obj
def show(invocation: Invocation, output: str, sources: bool) -> None:
    """Show the settings in use, defaults included. There are no secrets among them, only paths of their files."""
    from controlplane.config.flatten import with_sources
    from controlplane.config.load import load, locate, read_yaml

    locations = locate(invocation.config, invocation.data_dir)
    settings = load(locations).model_dump(mode="json")
    if not sources:
        emit(settings, output, str)
        return
    from_file = read_yaml(locations.config_file) if locations.config_file.exists() else {}
    found = with_sources(settings, from_file)
    is_default_format = click.get_current_context().get_parameter_source("output") == click.core.ParameterSource.DEFAULT
    emit(found, "table" if is_default_format else output, lambda: _source_table(found))


@config.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.pass_obj
def validate(invocation: Invocation, file: Path | None) -> None:
    """Check a configuration file: all problems at once, each with the path of its setting.

    Without FILE the configuration in use is checked. Exit code 3 when it is invalid.
    """
    from controlplane.config.load import load, locate
    from controlplane.config.paths import DataLayout
    from controlplane.errors import InvalidConfiguration
    from controlplane.wiring.checks import build_engine

    locations = locate(file or invocation.config, invocation.data_dir)
    if not locations.config_file.exists():
        raise InvalidConfiguration(
            f"{locations.config_file}: no such file", hint="name an existing file, or create this one with: cmctl up"
        )
    settings = load(locations)
    build_engine(settings, DataLayout(settings.data_dir))
    click.echo(f"{locations.config_file} is valid")


@config.command()
def schema() -> None:
    """Print the JSON schema of the configuration, for editors and other tools."""
    from controlplane.config import reference

    emit(reference.schema(), "json", str)


@config.command("reference")
def print_reference() -> None:
    """Print the reference page of every setting, as Markdown."""
    from controlplane.config import reference

    click.echo(reference.reference_page(), nl=False)


@config.command()
def sample() -> None:
    """Print a configuration file with every default and its description."""
    from controlplane.config import reference

    click.echo(reference.sample_file(), nl=False)


def _source_table(settings: "list[Setting]") -> str:
    return format_table(["SETTING", "VALUE", "SOURCE"], [[s.path, _value_text(s.value), s.source] for s in settings])


def _value_text(value: Any) -> str:
    import json

    return "-" if value is None else json.dumps(value, ensure_ascii=False)
