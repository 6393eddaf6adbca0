"""Kind ``prometheus_target``: Prometheus scrapes every target of a job."""

from controlplane.adapters.probes.context import ProbeContext
from controlplane.adapters.prometheus import PrometheusClient
from controlplane.domain.check import CheckSpec, CheckState, Observation


class PrometheusTargetProbe:
    """Reads the targets' health, which is what ``up`` is made from, with the reason beside it."""

    def __init__(self, client: PrometheusClient, job: str) -> None:
        self._client = client
        self._job = job

    async def observe(self) -> Observation:
        """CRITICAL when a target is down; UNKNOWN for a job without targets, or when Prometheus cannot be asked."""
        targets = await self._client.targets(self._job)
        if not targets:
            return Observation(CheckState.UNKNOWN, f"Prometheus has no target in job {self._job}")
        down = [target for target in targets if target.health == "down"]
        up = float(sum(target.health == "up" for target in targets))
        message = f"{up:.0f} of {len(targets)} targets of job {self._job} are up"
        if down:
            return Observation(CheckState.CRITICAL, f"{message}: {down[0].address}: {down[0].last_error}", up)
        if up < len(targets):
            return Observation(CheckState.UNKNOWN, f"{message}, the rest were not scraped yet", up)
        return Observation(CheckState.OK, message, up)


def build(spec: CheckSpec, context: ProbeContext) -> PrometheusTargetProbe:
    """The target is the name of a scrape job."""
    return PrometheusTargetProbe(PrometheusClient(context.prometheus_url, spec.timeout_seconds), spec.target)
