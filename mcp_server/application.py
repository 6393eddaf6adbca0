"""The running server's parts in one place, and its health as callers see it."""

import importlib.metadata
import time
from dataclasses import dataclass, field

from mcp_server.config import Settings
from mcp_server.results import ComponentView, HealthResult
from mcp_server.services.health import COMPONENTS, HealthProbe
from mcp_server.services.indexer import Indexer
from mcp_server.services.memories import Memories
from mcp_server.services.ports import Embedder, MemoryStore, VectorStore
from mcp_server.services.search import Search


def version() -> str:
    """Version of the installed package."""
    return importlib.metadata.version("claude-memory-controlplane")


@dataclass
class Application:
    """Everything that tools and HTTP routes need."""

    settings: Settings
    store: MemoryStore
    vectors: VectorStore
    embedder: Embedder
    indexer: Indexer
    memories: Memories
    search: Search
    probe: HealthProbe
    debug_delay_seconds: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def uptime_seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def health(self) -> HealthResult:
        """What the latest probe saw."""
        seen = self.probe.health
        components = {name: getattr(seen, name) for name in COMPONENTS}
        return HealthResult(
            status="ok" if seen.is_ok else "degraded",
            components={
                name: ComponentView(status="ok" if component.is_up else "down", detail=component.detail)
                for name, component in components.items()
            },
            version=version(),
            uptime_seconds=round(self.uptime_seconds(), 3),
        )
