"""The ends of a test alert's way: Alertmanager's API or our webhook, and the daemon that should show it."""

import json
from typing import Any

from controlplane.adapters.daemon_api import DaemonApi
from controlplane.adapters.http import Request, send
from controlplane.errors import CmctlError
from controlplane.services.alert_test import TEST_LABEL


class ThroughAlertmanager:
    """Implements AlertSender with POST /api/v2/alerts (prometheus/alertmanager api/v2/openapi.yaml)."""

    hop = "alertmanager"

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds

    async def send(self, alert: dict[str, Any]) -> None:
        """Hand an alert in. Raises DependencyUnreachable, CmctlError."""
        fields = {name: value for name, value in alert.items() if name != "status"}
        headers = {"Content-Type": "application/json"}
        request = Request(f"{self._url}/api/v2/alerts", "POST", json.dumps([fields]).encode(), headers)
        response = await send(request, self._timeout_seconds)
        if not response.is_success:
            text = response.body[:200].decode("utf-8", errors="replace")
            raise CmctlError(f"Alertmanager at {self._url} answers {response.status}: {text}")


class StraightToWebhook:
    """Implements AlertSender with a post to the webhook, as Alertmanager would make it."""

    hop = "webhook post"

    def __init__(self, api: DaemonApi) -> None:
        self._api = api

    async def send(self, alert: dict[str, Any]) -> None:
        """Hand an alert in. Raises DependencyUnreachable, CmctlError."""
        end = {"endsAt": alert["endsAt"] if alert["status"] == "resolved" else "0001-01-01T00:00:00Z"}
        await self._api.post_webhook({"version": "4", "receiver": "cmctl", "alerts": [{**alert, **end}]})


class DaemonWatcher:
    """Implements AlertWatcher through the daemon's API."""

    def __init__(self, api: DaemonApi) -> None:
        self._api = api

    async def find(self, test_id: str) -> str | None:
        """The source that knows the alert, or None. Raises DependencyUnreachable, CmctlError."""
        query = [("label", f"{TEST_LABEL}={test_id}"), ("limit", "1")]
        alerts, headers = await self._api.get("/api/v1/alerts", query)
        return headers.get("x-cmctl-source", "unknown") if alerts else None
