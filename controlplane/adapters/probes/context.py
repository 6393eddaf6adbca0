"""What probes need to know of the system they look at."""

from collections.abc import Callable
from dataclasses import dataclass

from controlplane.adapters.postgresql_client import Connect
from controlplane.services.ports import ServiceManager


@dataclass(frozen=True)
class ProbeContext:
    """Peers of the probes. ``connect`` maps a database's name to how one connects to it."""

    service_manager: ServiceManager | None
    connect: Callable[[str], Connect]
    prometheus_url: str
