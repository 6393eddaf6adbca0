"""Kind ``prometheus_query``: the value of an expression against limits."""

from controlplane.adapters.probes.context import ProbeContext
from controlplane.adapters.prometheus import PrometheusClient, Sample
from controlplane.domain.check import CheckSpec, CheckState, Limits, Observation


class PrometheusQueryProbe:
    """Evaluates the expression of the configuration as it stands; nothing is ever put into it."""

    def __init__(self, client: PrometheusClient, expression: str, limits: Limits) -> None:
        self._client = client
        self._expression = expression
        self._limits = limits

    async def observe(self) -> Observation:
        """The worst of several series; UNKNOWN without any, for NaN, or when Prometheus cannot be asked."""
        samples = await self._client.query(self._expression)
        if not samples:
            return Observation(CheckState.UNKNOWN, f"no series for {self._expression}")
        return max((self._judge(sample) for sample in samples), key=lambda seen: seen.state.badness)

    def _judge(self, sample: Sample) -> Observation:
        state = self._limits.judge(sample.value)
        labels = ", ".join(f"{name}={value}" for name, value in sample.labels.items() if name != "__name__")
        where = f" ({labels})" if labels else ""
        if state == CheckState.UNKNOWN:
            return Observation(state, f"not a number{where}")
        return Observation(state, f"value {sample.value:g}{where}", sample.value)


def build(spec: CheckSpec, context: ProbeContext) -> PrometheusQueryProbe:
    """The target is a PromQL expression."""
    client = PrometheusClient(context.prometheus_url, spec.timeout_seconds)
    return PrometheusQueryProbe(client, spec.target, spec.limits)
