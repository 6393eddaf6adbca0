"""Loading the configuration for a command."""

from typing import TYPE_CHECKING

from controlplane.cli.invocation import Invocation

if TYPE_CHECKING:
    from controlplane.config.schema import Settings


def load_settings(invocation: Invocation) -> "Settings":
    """The validated configuration of this call. Raises InvalidConfiguration."""
    from controlplane.config.load import load, locate

    return load(locate(invocation.config, invocation.data_dir))
