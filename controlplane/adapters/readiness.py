"""Whether a component serves: its own readiness page, a query for PostgreSQL, first scrapes for Prometheus."""

import http.client
import json
from collections.abc import Callable, Mapping

_TIMEOUT_SECONDS = 2
_NEVER = "0001-"  # Go's zero time: the target has not been scraped
_PATHS = {
    "mcp_server": "/health",
    "controlplane": "/ready",
    "prometheus": "/-/ready",
    "alertmanager": "/-/ready",
    "node_exporter": "/",
}


class Readiness:
    """Calling it with a component's name says why it does not serve yet, None when it does.

    With ``await_scrapes`` Prometheus counts as ready only once it has looked at
    every target, so that a status asked right after the start knows something.
    """

    def __init__(
        self,
        addresses: Mapping[str, tuple[str, int]],
        postgresql_problem: Callable[[], str | None],
        archive_problem: Callable[[], str | None],
        await_scrapes: bool = False,
    ) -> None:
        self._addresses = addresses
        self._postgresql_problem = postgresql_problem
        self._archive_problem = archive_problem
        self._await_scrapes = await_scrapes

    def __call__(self, component: str) -> str | None:
        if component == "postgresql":
            return self._postgresql_problem()
        if component == "wal_receiver":
            # With PostgreSQL down it waits, which is all it can do: somebody's choice.
            return None if self._postgresql_problem() else self._archive_problem()
        status, answer = self._get(component, _PATHS[component])
        if status == http.HTTPStatus.OK:
            return self._unscraped() if component == "prometheus" and self._await_scrapes else None
        needs_postgresql = component in ("mcp_server", "controlplane")
        if status == http.HTTPStatus.SERVICE_UNAVAILABLE and needs_postgresql and self._postgresql_problem():
            # It serves as well as it can: somebody starts it while PostgreSQL is down, which is their choice.
            return None
        return answer if status is None else f"{_PATHS[component]} answers {status}"

    def _unscraped(self) -> str | None:
        status, answer = self._get("prometheus", "/api/v1/targets?state=active")
        if status != http.HTTPStatus.OK:
            return answer if status is None else f"its targets cannot be listed: HTTP status {status}"
        targets = json.loads(answer)["data"]["activeTargets"]
        waiting = [target["scrapePool"] for target in targets if target["lastScrape"].startswith(_NEVER)]
        if not targets:
            return "has no targets yet"
        return f"has not looked at {', '.join(waiting)} yet" if waiting else None

    def _get(self, component: str, path: str) -> tuple[int | None, str]:
        """HTTP status and body, or None and what went wrong."""
        host, port = self._addresses[component]
        # http.client rather than urllib: a proxy from the environment must not stand between us and loopback.
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            return None, f"does not answer on port {port} ({type(error).__name__})"
        finally:
            connection.close()
