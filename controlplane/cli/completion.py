"""What the shell completes for arguments that several commands share."""

import click

from controlplane.domain.component import STAGES


def complete_component(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of components that begin so."""
    return [name for stage in STAGES for name in stage if name.startswith(incomplete)]
