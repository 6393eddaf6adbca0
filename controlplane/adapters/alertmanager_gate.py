"""Handing alerts to Alertmanager: POST /api/v2/alerts (prometheus/alertmanager api/v2/openapi.yaml)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from controlplane.adapters.http import Request, send
from controlplane.errors import CmctlError

_JSON = {"Content-Type": "application/json"}
_ALERTS_A_POST = 200


class AlertmanagerGate:
    """Implements AlertGate."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds

    async def post(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Hand alerts in. Raises DependencyUnreachable, CmctlError."""
        for first in range(0, len(alerts), _ALERTS_A_POST):
            body = json.dumps(alerts[first : first + _ALERTS_A_POST]).encode()
            response = await send(Request(f"{self._url}/api/v2/alerts", "POST", body, _JSON), self._timeout_seconds)
            if not response.is_success:
                text = response.body[:200].decode("utf-8", errors="replace")
                raise CmctlError(f"Alertmanager at {self._url} answers {response.status}: {text}")
