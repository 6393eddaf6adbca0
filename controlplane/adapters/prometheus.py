"""Read-only client of Prometheus' HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from controlplane.adapters.http import Request, send
from controlplane.errors import CmctlError


@dataclass(frozen=True)
class Sample:
    """The current value of one series; NaN is possible."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Target:
    """One scraped address. ``health`` is up, down or unknown (not scraped yet)."""

    job: str
    address: str
    health: str
    last_error: str


@dataclass(frozen=True)
class Rule:
    """One loaded alert rule; ``health`` is ok, err or unknown (not evaluated yet)."""

    name: str
    health: str
    last_error: str


class PrometheusClient:
    """Every method raises DependencyUnreachable, and CmctlError when Prometheus answers with an error."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds

    async def query(self, expression: str) -> list[Sample]:
        """Evaluate an expression now; one sample for each series, one without labels for a scalar."""
        data = await self._get("/api/v1/query", query=expression)
        kind, result = data.get("resultType"), data.get("result", [])
        if kind == "scalar":
            return [Sample({}, float(result[1]))]
        if kind != "vector":
            raise CmctlError(f"the query gives a {kind}; a check needs a vector or a scalar")
        return [Sample(item["metric"], float(item["value"][1])) for item in result]

    async def targets(self, job: str) -> list[Target]:
        """The active targets of a job."""
        data = await self._get("/api/v1/targets", state="active")
        return [
            Target(job, item.get("scrapeUrl", ""), item.get("health", "unknown"), item.get("lastError", ""))
            for item in data.get("activeTargets", [])
            if item.get("labels", {}).get("job") == job
        ]

    async def alert_rules(self) -> list[Rule]:
        """The alert rules that are loaded."""
        data = await self._get("/api/v1/rules", type="alert")
        rules = [rule for group in data.get("groups", []) for rule in group.get("rules", [])]
        return [Rule(rule["name"], rule.get("health", "unknown"), rule.get("lastError", "")) for rule in rules]

    async def alertmanagers(self) -> list[str]:
        """URLs of the Alertmanagers that alerts are sent to."""
        data = await self._get("/api/v1/alertmanagers")
        return [item["url"] for item in data.get("activeAlertmanagers", [])]

    async def _get(self, path: str, **parameters: str) -> dict[str, Any]:
        url = f"{self._url}{path}?{urlencode(parameters)}"
        response = await send(Request(url), self._timeout_seconds)
        try:
            answer = response.json()
            if answer["status"] == "success":
                return dict(answer["data"])
            problem = str(answer["error"])
        except (ValueError, KeyError, TypeError) as error:
            raise CmctlError(f"{self._url}: HTTP status {response.status}, not an answer of Prometheus") from error
        raise CmctlError(f"Prometheus says: {problem}")
