"""The daemon's HTTP API as the command line uses it: alerts and jobs."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from controlplane.adapters.http import Request, Response, send
from controlplane.domain.alert import Alert, AlertFilter, StateChange
from controlplane.errors import CmctlError, DependencyUnreachable, Refused, UsageProblem
from controlplane.services.ingest import decode_alert_fields

PAGE = 1000
RUN_SECONDS = 24 * 3600.0


class DaemonApi:
    """``token`` is asked for each time; None sends none, which is enough for reading on loopback."""

    def __init__(self, url: str, timeout_seconds: float, token: Callable[[], str | None]) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._token = token

    async def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> tuple[Any, Mapping[str, str]]:
        """A JSON answer and the headers that say where it comes from. Raises as ``send`` does, and for errors."""
        response = await self._send("GET", f"{path}?{urlencode(query)}" if query else path, self._timeout_seconds)
        return response.json(), response.headers

    async def run_job(self, name: str) -> Any:
        """Run a task and return its ledger entry."""
        path = f"/api/v1/jobs/{quote(name, safe='')}/run"
        return (await self._send("POST", path, RUN_SECONDS)).json()

    async def post(self, path: str, payload: Any = None) -> Any:
        """Change something; the JSON answer. Raises as ``send`` does, and for errors."""
        body = json.dumps(payload).encode() if payload is not None else b""
        return (await self._send("POST", path, self._timeout_seconds, body)).json()

    async def post_webhook(self, payload: Any) -> Any:
        """Post to the webhook as Alertmanager does."""
        return (await self._send("POST", "/webhook", self._timeout_seconds, json.dumps(payload).encode())).json()

    async def _send(self, method: str, path: str, timeout_seconds: float, body: bytes | None = None) -> Response:
        token = self._token()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = await send(Request(f"{self._url}{path}", method, body, headers), timeout_seconds)
        if not response.is_success:
            raise _error_of(response, self._url)
        return response


def _error_of(response: Response, url: str) -> CmctlError:
    try:
        answer = response.json()
        message, hint = str(answer["error"]), answer.get("hint")
    except (ValueError, KeyError, TypeError):
        return CmctlError(f"{url}: HTTP status {response.status}")
    if response.status == 503:
        return DependencyUnreachable(message, hint)
    if response.status in (401, 403, 409):
        return Refused(message, hint)
    if response.status in (400, 404):
        return UsageProblem(message, hint)
    return CmctlError(message, hint)


class DaemonAlerts:
    """Implements AlertSource by asking the daemon. ``warn`` is told when its answer is second best."""

    name = "daemon"

    def __init__(self, api: DaemonApi, warn: Callable[[str], None]) -> None:
        self._api = api
        self._warn = warn

    async def list_alerts(self, wanted: AlertFilter) -> list[Alert]:
        """The wanted alerts, page by page."""
        found: dict[tuple[str, datetime], Alert] = {}
        query = _query_of(wanted)
        after: list[tuple[str, str]] = []
        while True:
            size = PAGE if wanted.limit is None else min(PAGE, wanted.limit - len(found))
            answer, headers = await self._api.get("/api/v1/alerts", [*query, *after, ("limit", str(size))])
            page = [decode_alert_fields(item) for item in answer]
            for alert in page:
                found.setdefault((alert.fingerprint, alert.starts_at), alert)
            if not after:
                self._pass_on(headers)
            if len(page) < size or len(found) == wanted.limit:
                return list(found.values())
            last = page[-1]
            after = [("after", f"{last.state},{last.starts_at.isoformat()},{last.fingerprint}")]

    async def history(self, fingerprint: str) -> list[StateChange]:
        """Changes of state of a fingerprint, oldest first."""
        answer, headers = await self._api.get(f"/api/v1/alerts/{quote(fingerprint, safe='')}")
        self._pass_on(headers)
        return [
            StateChange(
                starts_at=datetime.fromisoformat(item["starts_at"]),
                state=item["state"],
                at=datetime.fromisoformat(item["at"]),
                received_at=datetime.fromisoformat(item["received_at"]),
            )
            for item in answer["history"]
        ]

    def _pass_on(self, headers: Mapping[str, str]) -> None:
        if warning := headers.get("x-cmctl-warning"):
            self._warn(f"the daemon answers from {headers.get('x-cmctl-source', 'elsewhere')}: {warning}")


def _query_of(wanted: AlertFilter) -> list[tuple[str, str]]:
    query = [("label", f"{name}={value}") for name, value in wanted.labels.items()]
    if wanted.state:
        query.append(("state", wanted.state))
    if wanted.severity:
        query.append(("severity", wanted.severity))
    if wanted.since:
        query.append(("since", wanted.since.isoformat()))
    if wanted.fingerprint:
        query.append(("fingerprint", wanted.fingerprint))
    return query
