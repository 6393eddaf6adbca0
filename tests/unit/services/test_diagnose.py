"""Walking the trees: each step once, those that explain others last, and only when there is something to explain."""

from collections import Counter

import pytest

from controlplane.domain.diagnosis import TREES, Examination, Outcome
from controlplane.errors import CmctlError, UsageProblem
from controlplane.services.diagnose import Diagnosis, Examiner

KEYS = sorted({step.key for tree in TREES.values() for step in tree.steps})


def diagnosis(looked_at: Counter[str], faults: dict[str, Examination | Exception]) -> Diagnosis:
    def examiner(key: str) -> Examiner:
        async def look() -> Examination:
            looked_at[key] += 1
            seen = faults.get(key, Examination(Outcome.FINE, "fine"))
            if isinstance(seen, Exception):
                raise seen
            return seen

        return look

    return Diagnosis({key: examiner(key) for key in KEYS}, timeout_seconds=30)


async def test_a_healthy_system() -> None:
    looked_at: Counter[str] = Counter()
    findings = await diagnosis(looked_at, {}).walk(TREES)
    assert {finding.outcome for finding in findings} == {Outcome.FINE, Outcome.SKIPPED}
    assert set(looked_at.values()) == {1}
    explaining = {step.key for tree in TREES.values() for step in tree.steps if step.only_if}
    assert looked_at.keys() == set(KEYS) - explaining


async def test_a_process_that_does_not_run_is_explained() -> None:
    faults = {"mcp_server_process": Examination(Outcome.FAULTY, "stopped")}
    findings = await diagnosis(Counter(), faults).walk(["mcp"])
    outcomes = {finding.step: finding.outcome for finding in findings}
    assert outcomes["mcp_server_process"] == Outcome.FAULTY
    assert outcomes["mcp_server_port"] == outcomes["mcp_server_log"] == Outcome.FINE
    assert outcomes["mcp_server_health"] == Outcome.SKIPPED
    assert [finding.step for finding in findings] == [step.key for step in TREES["mcp"].steps]


@pytest.mark.parametrize(
    ("error", "outcome", "detail"),
    [
        pytest.param(CmctlError("it refuses"), Outcome.FAULTY, "it refuses", id="the peer is at fault"),
        pytest.param(ValueError("x"), Outcome.UNKNOWN, "could not be looked at: ValueError: x", id="we are"),
    ],
)
async def test_an_examination_that_fails(error: Exception, outcome: Outcome, detail: str) -> None:
    findings = await diagnosis(Counter(), {"prometheus_rules": error}).walk(["alerting"])
    found = next(finding for finding in findings if finding.step == "prometheus_rules")
    assert (found.outcome, found.detail) == (outcome, detail)


async def test_an_unknown_tree() -> None:
    with pytest.raises(UsageProblem, match="no such troubleshooting tree: nope"):
        await diagnosis(Counter(), {}).walk(["nope"])
