"""Kind ``http``: a GET answers 2xx and, where asked for, a field of its JSON says the expected word."""

from collections.abc import Mapping
from typing import Any

from controlplane.adapters.http import Request, Response, send, split_url
from controlplane.adapters.probes.answers import failure
from controlplane.adapters.probes.context import ProbeContext
from controlplane.domain.check import CheckSpec, CheckState, Limits, Observation
from controlplane.errors import DependencyUnreachable

_DEGRADED = "degraded"


class HttpProbe:
    """``json_field`` is a dotted path; None looks at the HTTP status alone. Limits apply to the seconds taken."""

    def __init__(
        self, url: str, timeout_seconds: float, limits: Limits, json_field: str | None = None, expect: str = "ok"
    ) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._limits = limits
        self._json_field = json_field
        self._expect = expect

    async def observe(self) -> Observation:
        """CRITICAL when refused or not 2xx, WARNING when the field says degraded."""
        try:
            response = await send(Request(self._url), self._timeout_seconds)
        except DependencyUnreachable as error:
            return failure(error)
        observation = self._judge(response)
        took = f"{observation.message} in {response.seconds * 1000:.0f} ms"
        return Observation(observation.state, took, round(response.seconds, 6), "s")

    def _judge(self, response: Response) -> Observation:
        if self._json_field is not None:
            return self._judge_field(response)
        state = self._limits.judge(response.seconds) if response.is_success else CheckState.CRITICAL
        return Observation(state, f"{self._url}: HTTP status {response.status}")

    def _judge_field(self, response: Response) -> Observation:
        try:
            document = response.json()
        except ValueError:
            return Observation(CheckState.CRITICAL, f"{self._url}: HTTP status {response.status}, body is not JSON")
        said = field_of(document, self._json_field or "")
        if said == self._expect and response.is_success:
            return Observation(self._limits.judge(response.seconds), f"{self._url}: {self._json_field} is {said}")
        state = CheckState.WARNING if said == _DEGRADED else CheckState.CRITICAL
        return Observation(state, f"{self._url}: {self._json_field} is {said}{_blame(document)}")


def field_of(document: Any, path: str) -> Any:
    """The value at a dotted path; None where there is none."""
    for part in path.split("."):
        document = document.get(part) if isinstance(document, Mapping) else None
    return document


def _blame(document: Any) -> str:
    """Which components a health document calls unwell, for the message."""
    components = document.get("components") if isinstance(document, Mapping) else None
    if not isinstance(components, Mapping):
        return ""
    unwell = [name for name, part in components.items() if field_of(part, "status") not in ("ok", None)]
    return f" because of {', '.join(map(str, unwell))}" if unwell else ""


def build(spec: CheckSpec, context: ProbeContext) -> HttpProbe:
    """Options: ``json_field``, ``expect``. Raises UsageProblem for a target that is no URL."""
    split_url(spec.target)
    return HttpProbe(
        spec.target, spec.timeout_seconds, spec.limits, spec.options.get("json_field"), spec.options.get("expect", "ok")
    )
