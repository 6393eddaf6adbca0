"""Composition root of the service manager; light, since every `cmctl status` needs it."""

from controlplane.config.default_checks import components_here
from controlplane.config.paths import DataLayout
from controlplane.config.schema import COMPONENTS, Settings
from controlplane.services.ports import ServiceManager


def service_manager(settings: Settings) -> ServiceManager:
    """The service manager of this system: systemd when it is deployed, else the stack's own supervisord."""
    if settings.mode == "deployed":
        from controlplane.adapters.service_managers.systemd import SystemdServiceManager

        return SystemdServiceManager(components_here(settings))
    from controlplane.adapters.service_managers.supervisor import SupervisorServiceManager

    return SupervisorServiceManager(DataLayout(settings.data_dir).supervisor_socket_record, COMPONENTS)
