"""Turns settings into a running application: the only place that knows the adapters."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from mcp_server.adapters.store.connection import Database
from mcp_server.adapters.store.postgresql import PostgresqlStore
from mcp_server.application import Application
from mcp_server.config import Embeddings, Settings, Vectors
from mcp_server.errors import MemoryServerError
from mcp_server.metrics import Metrics
from mcp_server.server import MemoryMcpServer
from mcp_server.services.health import Health, HealthProbe
from mcp_server.services.indexer import Indexer
from mcp_server.services.memories import Memories
from mcp_server.services.ports import Embedder, VectorStore
from mcp_server.services.search import Search


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


def build_embedder(settings: Embeddings) -> Embedder:
    """The configured model. Raises EmbeddingsUnavailable."""
    if settings.provider == "fastembed":
        from mcp_server.adapters.embeddings.fastembed import FastembedEmbedder

        return FastembedEmbedder(settings)
    if settings.provider == "openai":
        from mcp_server.adapters.embeddings.openai import OpenAIEmbedder

        return OpenAIEmbedder(settings)
    from mcp_server.adapters.embeddings.wordllama import WordLlamaEmbedder

    return WordLlamaEmbedder()


def build_vectors(settings: Vectors) -> VectorStore:
    """The configured vector store; the Qdrant client is imported only when it is used."""
    if settings.kind == "server":
        from mcp_server.adapters.vectors.server import QdrantServerVectors

        return QdrantServerVectors(settings)
    from mcp_server.adapters.vectors.edge import EdgeVectors

    return EdgeVectors(Path(str(settings.path)))


@asynccontextmanager
async def parts(settings: Settings) -> AsyncIterator[Application]:
    """The application without its background work; everything is closed at the end."""
    store = PostgresqlStore(Database(settings.postgresql))
    embedder = build_embedder(settings.embeddings)
    vectors = build_vectors(settings.vectors)
    indexer = Indexer(store, vectors, embedder)
    application = Application(
        settings=settings,
        store=store,
        vectors=vectors,
        embedder=embedder,
        indexer=indexer,
        memories=Memories(store, indexer, utc_now),
        search=Search(store, vectors, embedder, indexer),
        probe=HealthProbe(store, vectors, embedder, indexer, settings.probe_interval_seconds),
        debug_delay_seconds=settings.debug_delay_seconds,
    )
    try:
        yield application
    finally:
        with suppress(MemoryServerError):
            await indexer.finish()
        await vectors.close()
        await embedder.close()
        await store.close()


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Application]:
    """The application with its background work: indexer and probe."""
    async with parts(settings) as application:
        with suppress(MemoryServerError):
            await application.indexer.step()
        await application.probe.probe()
        tasks = [asyncio.create_task(application.indexer.run()), asyncio.create_task(application.probe.run())]
        try:
            yield application
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class _Observed:
    """What the metrics read from the application."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def uptime_seconds(self) -> float:
        return self._application.uptime_seconds()

    def latest_health(self) -> Health:
        return self._application.probe.health


def build_server(application: Application) -> tuple[MemoryMcpServer, Metrics]:
    """The MCP server with its metrics."""
    metrics = Metrics(_Observed(application))
    return MemoryMcpServer(application, metrics), metrics
