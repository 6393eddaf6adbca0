"""Kind ``service``: the service manager says that a component runs."""

from controlplane.adapters.probes.context import ProbeContext
from controlplane.adapters.threads import ThreadSlot
from controlplane.domain.check import CheckSpec, CheckState, Observation
from controlplane.domain.component import ComponentState
from controlplane.errors import CmctlError
from controlplane.services.ports import ServiceManager

_STATES = {
    ComponentState.RUNNING: CheckState.OK,
    ComponentState.STARTING: CheckState.WARNING,
    ComponentState.STOPPING: CheckState.WARNING,
    ComponentState.UNKNOWN: CheckState.UNKNOWN,
}


class ServiceProbe:
    """Asks the service manager."""

    def __init__(self, component: str, manager: ServiceManager) -> None:
        self._component = component
        self._manager = manager
        self._slot = ThreadSlot(f"the service check of {component}")

    async def observe(self) -> Observation:
        """OK while the component runs, WARNING while it starts or stops, else CRITICAL."""
        status = await self._slot.call(lambda: self._manager.status(self._component))
        state = _STATES.get(status.state, CheckState.CRITICAL)
        detail = f": {status.detail}" if status.detail else ""
        return Observation(state, f"{self._component} is {status.state.value}{detail}")


def build(spec: CheckSpec, context: ProbeContext) -> ServiceProbe:
    """Raises CmctlError without a service manager."""
    if context.service_manager is None:
        raise CmctlError(f"check {spec.name}: there is no service manager to ask")
    return ServiceProbe(spec.target, context.service_manager)
