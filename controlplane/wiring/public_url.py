"""Where people reach the control plane, for links."""

from controlplane.config.default_checks import local_url
from controlplane.config.schema import Settings


def public_url(settings: Settings) -> str:
    """The control plane as people reach it."""
    return (settings.public_url or local_url(settings, "controlplane")).rstrip("/")
