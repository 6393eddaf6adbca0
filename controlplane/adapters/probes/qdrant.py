"""Kind ``qdrant``: the vector store answers, through the memory server (edge) or by itself (server)."""

from controlplane.adapters.http import Request, send, split_url
from controlplane.adapters.probes.answers import failure
from controlplane.adapters.probes.context import ProbeContext
from controlplane.adapters.probes.http_endpoint import HttpProbe, field_of
from controlplane.domain.check import CheckSpec, CheckState, Observation
from controlplane.errors import DependencyUnreachable
from controlplane.services.ports import Probe

_COMPONENT = "components.qdrant"


class EdgeProbe:
    """An edge shard lives in the memory server, whose health document speaks for it."""

    def __init__(self, health_url: str, timeout_seconds: float) -> None:
        self._health_url = health_url
        self._timeout_seconds = timeout_seconds

    async def observe(self) -> Observation:
        """UNKNOWN when the memory server cannot be asked: that it is down says nothing about the shard."""
        try:
            response = await send(Request(self._health_url), self._timeout_seconds)
            document = response.json()
        except DependencyUnreachable as error:
            silent = failure(error)
            return Observation(CheckState.UNKNOWN, f"the memory server cannot be asked: {silent.message}")
        except ValueError:
            return Observation(CheckState.UNKNOWN, f"{self._health_url}: the answer is not JSON")
        said = field_of(document, f"{_COMPONENT}.status")
        if said is None:
            return Observation(CheckState.UNKNOWN, f"{self._health_url}: says nothing about Qdrant")
        detail = field_of(document, f"{_COMPONENT}.detail")
        state = CheckState.OK if said == "ok" else CheckState.CRITICAL
        return Observation(state, f"Qdrant is {said}" + (f": {detail}" if detail else ""))


def build(spec: CheckSpec, context: ProbeContext) -> Probe:
    """Option ``vectors`` is ``edge`` (target: URL of a health document) or ``server`` (target: base URL).

    Raises UsageProblem for a target that is no URL.
    """
    split_url(spec.target)
    if spec.options.get("vectors") == "edge":
        return EdgeProbe(spec.target, spec.timeout_seconds)
    return HttpProbe(f"{spec.target.rstrip('/')}/readyz", spec.timeout_seconds, spec.limits)
