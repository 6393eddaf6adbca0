"""What the daemon remembers of an evaluation, and the metrics made of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from controlplane.daemon.slo_metrics import slo_metrics
from controlplane.domain.slo_status import objective_status, worst_first
from controlplane.errors import CmctlError
from controlplane.services.slo_board import Evaluation, SloBoard

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECORD = {
    "name": "up",
    "service": "api",
    "title": "t",
    "verdict": "missed",
    "sli": 0.5,
    "objective": 0.999,
    "coverage": 0.25,
    "error_budget_remaining": -499.0,
    "burn_rate": 500.0,
    "burn_rates": [{"window_seconds": 3600.0, "burn_rate": 500.0}, {"window_seconds": 21600.0, "burn_rate": None}],
    "trend": "steady",
    "time_to_exhaustion_seconds": None,
    "excluded_seconds": 60.0,
}


class Cmctl:
    """A stand-in for the child process."""

    def __init__(self) -> None:
        self.answer: Any = [RECORD]
        self.asked: list[Sequence[str]] = []

    async def __call__(self, arguments: Sequence[str]) -> Any:
        self.asked.append(arguments)
        if isinstance(self.answer, CmctlError):
            raise self.answer
        return self.answer


async def test_an_evaluation_is_remembered_with_its_moment_and_outlives_a_failure() -> None:
    cmctl = Cmctl()
    board = SloBoard(cmctl, lambda: NOW)
    assert board.latest == Evaluation()
    assert await board.evaluate() == "1 objectives"
    cmctl.answer = CmctlError("Prometheus does not answer")
    with pytest.raises(CmctlError):
        await board.evaluate()
    assert board.latest == Evaluation(NOW, [RECORD])
    cmctl.answer = {"written": 3, "kept": 1, "problems": []}
    assert await board.roll_up() == "3 days written, 1 kept"
    assert cmctl.asked[-1] == ["slo", "rollup", "-o", "json"]


def _exposed(latest: Evaluation) -> list[str]:
    class Only(Collector):
        def collect(self) -> Any:
            return slo_metrics(latest)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Only())
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_metrics_say_what_is_known_and_nothing_else() -> None:
    assert _exposed(Evaluation()) == []
    up = 'objective="up",service="api"'
    assert _exposed(Evaluation(NOW, [RECORD])) == [
        "cmctl_slo_evaluation_timestamp_seconds 1.7672256e+09",
        f"cmctl_slo_objective_ratio{{{up}}} 0.999",
        f"cmctl_slo_sli_ratio{{{up}}} 0.5",
        f"cmctl_slo_coverage_ratio{{{up}}} 0.25",
        f"cmctl_slo_error_budget_remaining_ratio{{{up}}} -499.0",
        f"cmctl_slo_excluded_seconds{{{up}}} 60.0",
        f'cmctl_slo_burn_rate{{{up},window_seconds="3600"}} 500.0',
        *(
            f'cmctl_slo_verdict{{{up},verdict="{verdict}"}} {float(verdict == "missed")}'
            for verdict in ("met", "at_risk", "missed", "not_enough_data")
        ),
    ]


def test_the_worst_come_first() -> None:
    lines = [
        objective_status({**RECORD, "name": name, "verdict": verdict, "error_budget_remaining": left}, NOW)
        for name, verdict, left in (
            ("fine", "met", 0.9),
            ("less", "met", 0.3),
            ("blind", "not_enough_data", None),
            ("worse", "missed", -3.0),
            ("bad", "missed", -1.0),
            ("close", "at_risk", 0.1),
        )
    ]
    assert [one.name for one in worst_first(lines)] == ["worse", "bad", "close", "blind", "less", "fine"]
