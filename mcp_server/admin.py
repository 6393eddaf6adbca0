"""How commands reach the running server; light, so that they start quickly."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from mcp_server.config import Settings
from mcp_server.settings_file import resolve


@asynccontextmanager
async def admin_client(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the running server's /admin."""
    token = settings.listen.token
    headers = {"Authorization": f"Bearer {resolve(token)}"} if token else {}
    async with httpx2.AsyncClient(base_url=server_url(settings), headers=headers, timeout=5, trust_env=False) as client:
        yield client


def server_url(settings: Settings) -> str:
    """URL of the server that this configuration describes, as reached from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.listen.host, settings.listen.host)  # noqa: S104
    return f"http://[{host}]:{settings.listen.port}" if ":" in host else f"http://{host}:{settings.listen.port}"
