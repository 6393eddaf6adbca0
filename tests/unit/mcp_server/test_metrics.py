"""The metrics."""

from mcp_server.metrics import Metrics, MovingAverage
from mcp_server.services.health import Component, Health

RUNBOOK_NAMES = {
    "claude_memory_uptime_seconds",
    "claude_memory_requests_total",
    "claude_memory_postgres_up",
    "claude_memory_qdrant_up",
    "claude_memory_avg_response_time_seconds",
}


class Watch:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Observed:
    def __init__(self, health: Health) -> None:
        self._health = health

    def uptime_seconds(self) -> float:
        return 12.5

    def latest_health(self) -> Health:
        return self._health


def values(health: Health) -> dict[str, float]:
    metrics = Metrics(Observed(health))
    metrics.tool_called("search", "ok", 0.25)
    lines = [line for line in metrics.render().decode().splitlines() if not line.startswith("#")]
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


def test_the_average_forgets_after_its_window() -> None:
    watch = Watch()
    average = MovingAverage(300, watch)
    assert average.mean() == 0
    average.add(1.0)
    watch.now += 200
    average.add(3.0)
    assert average.mean() == 2.0
    watch.now += 150
    assert average.mean() == 3.0
    watch.now += 300
    assert average.mean() == 0


def test_the_names_of_the_runbook_are_there() -> None:
    assert values(Health()).keys() >= RUNBOOK_NAMES


def test_what_the_probe_saw_is_told() -> None:
    up, down = Component(True, "answers"), Component(False, "refused")
    seen = values(Health(up, down, up, database_size_bytes=7, vector_count=None, pending_vectors=3))
    assert seen["claude_memory_postgres_up"] == 1
    assert seen["claude_memory_qdrant_up"] == 0
    assert seen["claude_memory_database_size_bytes"] == 7
    assert "claude_memory_vectors" not in seen, "unknown is not zero"
    assert seen["claude_memory_avg_response_time_seconds"] == 0.25
    assert seen['claude_memory_request_duration_seconds_count{outcome="ok",tool="search"}'] == 1
