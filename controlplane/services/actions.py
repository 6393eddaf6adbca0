"""The action ledger: whoever changes something says so here, before and after."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from controlplane.domain.action import Action, ActionOutcome
from controlplane.errors import CmctlError
from controlplane.services.ports import Clock

MAX_DETAIL_CHARACTERS = 2000


@dataclass(frozen=True)
class ActionFilter:
    """Which entries are wanted; the newest ``limit`` of them."""

    kind: str | None = None
    since: datetime | None = None
    limit: int | None = None


class ActionLedger(Protocol):
    """Keeps actions. Every method raises DependencyUnreachable while the store does not answer."""

    async def record(self, action: Action) -> Action:
        """Store an entry and return it with its id."""
        ...

    async def finish(self, action: Action) -> None:
        """Store how an entry ended: its ``until``, ``outcome`` and ``detail``."""
        ...

    async def list_actions(self, wanted: ActionFilter) -> list[Action]:
        """Entries that began or ended in time, newest first."""
        ...


@dataclass
class Doing:
    """An action that runs; set ``detail`` to what its entry should say in the end."""

    action: Action
    detail: str


@asynccontextmanager
async def doing(
    ledger: ActionLedger, clock: Clock, kind: str, actor: str, subject: str, detail: str = ""
) -> AsyncIterator[Doing]:
    """Write an action to the ledger around a block: running, then succeeded, failed or interrupted."""
    at = clock()
    begun = await ledger.record(Action(0, kind, actor, subject, detail[:MAX_DETAIL_CHARACTERS], at, None, "running"))
    running = Doing(begun, begun.detail)
    try:
        yield running
    except Exception as error:
        running.detail = error.message if isinstance(error, CmctlError) else f"{type(error).__name__}: {error}"
        await _finish(ledger, clock, running, "failed")
        raise
    except BaseException:
        await _finish(ledger, clock, running, "interrupted")
        raise
    await _finish(ledger, clock, running, "succeeded")


async def _finish(ledger: ActionLedger, clock: Clock, running: Doing, outcome: ActionOutcome) -> None:
    detail = running.detail[:MAX_DETAIL_CHARACTERS]
    await ledger.finish(replace(running.action, until=clock(), outcome=outcome, detail=detail))
