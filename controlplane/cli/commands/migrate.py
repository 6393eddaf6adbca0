"""``cmctl migrate``."""

from pathlib import Path

import click

from controlplane.cli.invocation import Invocation


@click.command()
@click.option("--user", help="Role that owns the database; default: postgresql.controlplane_user.")
@click.option("--password-file", type=click.Path(path_type=Path, dir_okay=False), help="File that holds its password.")
@click.pass_obj
def migrate(invocation: Invocation, user: str | None, password_file: Path | None) -> None:
    """Create or update the control plane's tables; the daemon does it itself where its own role may.

    On a deployed host, the unit claude-memory-controlplane-schema runs this before the daemon starts.
    """
    from controlplane.cli.settings import load_settings
    from controlplane.wiring.store import bring_schema_up_to_date

    bring_schema_up_to_date(load_settings(invocation), user, password_file)
    click.echo("the schema is current", err=True)
