"""The troubleshooting trees are well-formed, and steps are skipped when they make no sense."""

import pytest

from controlplane.domain.diagnosis import (
    TREES,
    Examination,
    Finding,
    Outcome,
    Step,
    Tree,
    conclusions,
    finding,
    reason_to_skip,
)

STEP = Step("page", "the page", "it is down", "restart it", needs=("process",))
EXPLAINING = Step("log", "the log", "an error", "read it", only_if=("process", "page"))


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_steps_depend_on_steps_of_their_own_tree(tree: Tree) -> None:
    keys = [step.key for step in tree.steps]
    assert len(set(keys)) == len(keys)
    for step in tree.steps:
        assert set(step.needs) | set(step.only_if) <= set(keys)
        assert all(keys.index(needed) < keys.index(step.key) for needed in step.needs)


@pytest.mark.parametrize(
    ("step", "seen", "is_skipped"),
    [
        pytest.param(STEP, {"process": Outcome.FINE}, False, id="what it needs is fine"),
        pytest.param(STEP, {"process": Outcome.FAULTY}, True, id="what it needs is faulty"),
        pytest.param(STEP, {"process": Outcome.SKIPPED}, True, id="what it needs was skipped"),
        pytest.param(EXPLAINING, {"process": Outcome.FINE, "page": Outcome.FINE}, True, id="nothing to explain"),
        pytest.param(EXPLAINING, {"process": Outcome.FINE, "page": Outcome.FAULTY}, False, id="something to explain"),
    ],
)
def test_reason_to_skip(step: Step, seen: dict[str, Outcome], is_skipped: bool) -> None:
    assert (reason_to_skip(step, seen) is not None) == is_skipped


def found(step: str, outcome: Outcome, tree: str = "mcp") -> Finding:
    is_faulty = outcome == Outcome.FAULTY
    return Finding(tree, step, "x", outcome, "d", f"{step} broke" if is_faulty else "", "mend it" if is_faulty else "")


def test_only_a_faulty_step_tells_cause_and_remedy() -> None:
    tree = Tree("t", "s", (STEP,))
    assert finding(tree, STEP, Examination(Outcome.FAULTY, "d")).remedy == "restart it"
    assert finding(tree, STEP, Examination(Outcome.FINE, "d")).remedy == ""


def test_each_cause_is_named_once() -> None:
    findings = [
        found("disk", Outcome.FAULTY),
        found("disk", Outcome.FAULTY, "qdrant"),
        found("a_process", Outcome.FINE),
    ]
    assert [item.cause for item in conclusions(findings)] == ["disk broke"]


def test_a_stopped_stack_is_the_one_cause() -> None:
    findings = [found(step, Outcome.FAULTY) for step in ("a_process", "b_process", "port")]
    assert [item.remedy for item in conclusions(findings)] == ["cmctl up"]
