"""Walk troubleshooting trees: really look at each step, and name cause and remedy of what is faulty."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from controlplane.domain.diagnosis import (
    TREES,
    Examination,
    Finding,
    Outcome,
    Step,
    Tree,
    finding,
    reason_to_skip,
)
from controlplane.errors import CmctlError, UsageProblem

logger = logging.getLogger(__name__)

Examiner = Callable[[], Awaitable[Examination]]


class Diagnosis:
    """``examiners`` has one for the key of every step. What several trees look at is looked at once."""

    def __init__(self, examiners: Mapping[str, Examiner], timeout_seconds: float) -> None:
        self._examiners = examiners
        self._timeout_seconds = timeout_seconds
        self._running: dict[str, asyncio.Task[Examination]] = {}

    async def walk(self, names: Iterable[str]) -> list[Finding]:
        """Findings of the named trees, in the order of their steps. Raises UsageProblem for an unknown tree."""
        trees = [_tree(name) for name in names]
        walked = await asyncio.gather(*(self._walk(tree) for tree in trees))
        return [item for findings in walked for item in findings]

    async def _walk(self, tree: Tree) -> list[Finding]:
        seen: dict[str, Outcome] = {}
        findings = []
        # Steps that explain others come before some of them in the reading order, but are looked at last.
        for step in sorted(tree.steps, key=lambda step: bool(step.only_if)):
            examination = await self._examine(step, seen)
            seen[step.key] = examination.outcome
            findings.append(finding(tree, step, examination))
        order = {step.key: position for position, step in enumerate(tree.steps)}
        return sorted(findings, key=lambda item: order[item.step])

    async def _examine(self, step: Step, seen: Mapping[str, Outcome]) -> Examination:
        if reason := reason_to_skip(step, seen):
            return Examination(Outcome.SKIPPED, reason)
        if step.key not in self._running:
            self._running[step.key] = asyncio.create_task(self._look(step.key))
        return await self._running[step.key]

    async def _look(self, key: str) -> Examination:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._examiners[key]()
        except TimeoutError:
            return Examination(Outcome.UNKNOWN, f"no answer within {self._timeout_seconds:g} s")
        except CmctlError as error:
            return Examination(Outcome.FAULTY, error.message)
        except Exception as error:
            logger.exception("examination failed", extra={"action": "diagnose", "step": key})
            return Examination(Outcome.UNKNOWN, f"could not be looked at: {type(error).__name__}: {error}")


def _tree(name: str) -> Tree:
    if name not in TREES:
        raise UsageProblem(f"no such troubleshooting tree: {name}", hint=f"one of {', '.join(TREES)}, all")
    return TREES[name]
