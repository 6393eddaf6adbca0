"""Prometheus metrics of the memory server."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from mcp_server.services.health import Health

CONTENT_TYPE = CONTENT_TYPE_LATEST
DURATION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 2.5, 5.0, 10.0, 30.0)
WINDOW_SECONDS = 300.0


class MovingAverage:
    """Mean of the values of the last ``window_seconds``, kept in thirty slots."""

    def __init__(self, window_seconds: float = WINDOW_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._slot_seconds = window_seconds / 30
        self._clock = clock
        self._slots: deque[tuple[int, int, float]] = deque(maxlen=31)

    def add(self, value: float) -> None:
        """Take a value in."""
        slot = self._current()
        count, total = 0, 0.0
        if self._slots and self._slots[-1][0] == slot:
            _, count, total = self._slots.pop()
        self._slots.append((slot, count + 1, total + value))

    def mean(self) -> float:
        """The mean; 0 without any value."""
        oldest = self._current() - 29
        kept = [(count, total) for slot, count, total in self._slots if slot >= oldest]
        count = sum(count for count, _ in kept)
        return sum(total for _, total in kept) / count if count else 0.0

    def _current(self) -> int:
        return int(self._clock() // self._slot_seconds)


class Observed(Protocol):
    """What is read when Prometheus asks."""

    def uptime_seconds(self) -> float:
        """Seconds since the start."""

    def latest_health(self) -> Health:
        """What the latest probe saw."""


class Metrics:
    """Counts tool calls and HTTP requests, and renders everything for Prometheus."""

    def __init__(self, observed: Observed) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._observed = observed
        self._average = MovingAverage()
        self._requests = Counter("claude_memory_requests", "Tool calls.", registry=self._registry)
        self._durations = Histogram(
            "claude_memory_request_duration_seconds",
            "Duration of tool calls.",
            ["tool", "outcome"],
            buckets=DURATION_BUCKETS,
            registry=self._registry,
        )
        self._http = Counter(
            "claude_memory_http_requests", "HTTP requests by status code.", ["code"], registry=self._registry
        )
        ProcessCollector(registry=self._registry)
        self._registry.register(self)

    def tool_called(self, tool: str, outcome: str, seconds: float) -> None:
        """Record a call; ``outcome`` is ``ok`` or the code of its error."""
        self._requests.inc()
        self._durations.labels(tool, outcome).observe(seconds)
        self._average.add(seconds)

    def http_answered(self, status: int) -> None:
        """Record an HTTP answer."""
        self._http.labels(str(status)).inc()

    def render(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Gauges that are read when Prometheus asks."""
        seen = self._observed.latest_health()
        yield _gauge("claude_memory_uptime_seconds", "Seconds since the start.", self._observed.uptime_seconds())
        yield _gauge("claude_memory_postgres_up", "1 when PostgreSQL answers.", float(seen.postgresql.is_up))
        yield _gauge("claude_memory_qdrant_up", "1 when the vector store answers.", float(seen.qdrant.is_up))
        yield _gauge("claude_memory_embeddings_up", "1 when meaning can be used.", float(seen.embeddings.is_up))
        yield _gauge(
            "claude_memory_avg_response_time_seconds",
            "Mean duration of the tool calls of the last five minutes.",
            self._average.mean(),
        )
        optional = (
            ("claude_memory_database_size_bytes", "Size of the database on disk.", seen.database_size_bytes),
            ("claude_memory_vectors", "Vectors stored.", seen.vector_count),
            ("claude_memory_pending_vectors", "Memories that wait for vector work.", seen.pending_vectors),
        )
        for name, text, value in optional:
            if value is not None:
                yield _gauge(name, text, float(value))


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
