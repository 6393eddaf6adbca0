"""Kind ``response_time``: the memory server's average response time, or how long a GET takes."""

import math

from controlplane.adapters.http import Request, send, split_url
from controlplane.adapters.probes.answers import failure
from controlplane.adapters.probes.context import ProbeContext
from controlplane.domain.check import CheckSpec, CheckState, Limits, Observation
from controlplane.errors import DependencyUnreachable

METRIC = "claude_memory_avg_response_time_seconds"


class ResponseTimeProbe:
    """Reads the metric where the URL has it, else takes the time of the GET itself."""

    def __init__(self, url: str, timeout_seconds: float, limits: Limits) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._limits = limits

    async def observe(self) -> Observation:
        """UNKNOWN when the server cannot be reached: that it is down is the business of kind ``http``."""
        try:
            response = await send(Request(self._url), self._timeout_seconds)
        except DependencyUnreachable as error:
            return Observation(CheckState.UNKNOWN, error.message, timed_out=failure(error).timed_out)
        if not response.is_success:
            return Observation(CheckState.UNKNOWN, f"{self._url}: HTTP status {response.status}")
        average = metric_value(response.body.decode("utf-8", errors="replace"), METRIC)
        seconds = response.seconds if average is None else average
        what = "a GET took" if average is None else "requests take on average"
        message = f"{what} {seconds * 1000:.0f} ms"
        return Observation(self._limits.judge(seconds), message, round(seconds, 6), "s")


def metric_value(exposition: str, name: str) -> float | None:
    """Value of a metric without labels in Prometheus' text format; None without one, or for NaN."""
    for line in exposition.splitlines():
        key, _, rest = line.partition(" ")
        if key == name:
            try:
                value = float(rest.split()[0])
            except (ValueError, IndexError):
                return None
            return value if math.isfinite(value) else None
    return None


def build(spec: CheckSpec, context: ProbeContext) -> ResponseTimeProbe:
    """The target is a URL, best that of the memory server's metrics. Raises UsageProblem for another target."""
    split_url(spec.target)
    return ResponseTimeProbe(spec.target, spec.timeout_seconds, spec.limits)
