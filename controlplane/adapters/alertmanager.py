"""Read-only client of Alertmanager's HTTP API (prometheus/alertmanager api/v2/openapi.yaml)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from controlplane.adapters.http import get_json
from controlplane.domain.alert import Alert, priority_of
from controlplane.errors import CmctlError

_KNOWN = "/api/v2/alerts?active=true&unprocessed=true&silenced=true&inhibited=true"
_FIRING = "/api/v2/alerts?active=true&unprocessed=true&silenced=false&inhibited=false"


class AlertmanagerClient:
    """Every method raises DependencyUnreachable, and CmctlError when the answer makes no sense."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds

    async def firing_alerts(self) -> list[Alert]:
        """The alerts that fire now and are neither silenced nor inhibited, oldest first."""
        answer = await get_json(f"{self._url}{_FIRING}", self._timeout_seconds)
        now = datetime.now(UTC)
        if not isinstance(answer, list):
            raise CmctlError(f"{self._url}: not an answer of Alertmanager")
        try:
            alerts = [_alert(item, now) for item in answer]
        except (KeyError, TypeError, ValueError) as error:
            raise CmctlError(f"{self._url}: not an answer of Alertmanager") from error
        return sorted(alerts, key=lambda alert: alert.starts_at)

    async def known_fingerprints(self) -> frozenset[str]:
        """Fingerprints of all alerts it has, silenced and inhibited ones too."""
        answer = await get_json(f"{self._url}{_KNOWN}", self._timeout_seconds)
        try:
            return frozenset([str(item["fingerprint"]) for item in answer])
        except (KeyError, TypeError) as error:
            raise CmctlError(f"{self._url}: not an answer of Alertmanager") from error

    async def configuration(self) -> str:
        """The configuration in use, as YAML; Alertmanager hides its secrets."""
        answer = await get_json(f"{self._url}/api/v2/status", self._timeout_seconds)
        try:
            return str(answer["config"]["original"])
        except (KeyError, TypeError) as error:
            raise CmctlError(f"{self._url}: not an answer of Alertmanager") from error


def _alert(item: Mapping[str, Any], now: datetime) -> Alert:
    labels = {str(name): str(value) for name, value in item["labels"].items()}
    return Alert(
        fingerprint=str(item["fingerprint"]),
        name=labels.get("alertname", ""),
        state="firing",
        severity=labels.get("severity", ""),
        priority=priority_of(labels),
        starts_at=datetime.fromisoformat(item["startsAt"]).astimezone(UTC),
        ends_at=None,
        received_at=now,
        labels=labels,
        annotations={str(name): str(value) for name, value in item.get("annotations", {}).items()},
        generator_url=str(item.get("generatorURL", "")),
        receiver=", ".join(receiver["name"] for receiver in item.get("receivers", [])),
    )
