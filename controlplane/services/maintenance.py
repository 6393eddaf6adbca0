"""Maintenance: entering, ending and listing it. The silences follow in ``silences.py``."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from controlplane.domain.action import Action, ActionOutcome
from controlplane.domain.maintenance import Maintenance, applies_to
from controlplane.domain.maintenance_entry import Entry, accept, checked_text
from controlplane.domain.slo.objective import Objective
from controlplane.errors import Refused, UsageProblem
from controlplane.services.ports import Clock

KIND = "maintenance"


class MaintenanceStore(Protocol):
    """Keeps maintenance and, in the same transaction, what the action ledger says about it.

    Every method raises DependencyUnreachable while the store does not answer.
    """

    async def add(self, maintenance: Maintenance, actions: Sequence[Action]) -> Maintenance:
        """Store an entry and return it with its id; the entry of that key when there is one already."""
        ...

    async def end(self, maintenance: Maintenance, action: Action, ending: "WorkEnding") -> bool:
        """Store ``ended_at``, ``ended_by`` and ``withdrawn``; False when somebody ended it first.

        The work that opened it and still runs ends with it.
        """
        ...

    async def find(self, maintenance_id: int) -> Maintenance | None:
        """One entry."""
        ...

    async def all(self) -> list[Maintenance]:
        """Every entry, by start."""
        ...


@dataclass(frozen=True)
class WorkEnding:
    """How the work that opened a window ended; an empty ``detail`` leaves that of its beginning."""

    outcome: ActionOutcome = "succeeded"
    detail: str = ""


@dataclass(frozen=True)
class Listed:
    """An entry as it is shown: with its state and the objectives that it excludes."""

    maintenance: Maintenance
    state: str
    objectives: tuple[str, ...]


class MaintenanceService:
    """The use cases behind ``cmctl maintenance`` and /api/v1/maintenance."""

    def __init__(self, store: MaintenanceStore, clock: Clock, objectives: Sequence[Objective]) -> None:
        self._store = store
        self._clock = clock
        self._objectives = objectives

    async def add(self, entry: Entry) -> Listed:
        """Enter a maintenance, and the work that opens it in the ledger. Raises PayloadProblem, DependencyUnreachable.

        The same key twice enters it once.
        """
        now = self._clock()
        wanted = accept(entry, now)
        actions = [_action(wanted, wanted.author, "entered", now)]
        if entry.work is not None:
            actions.append(work_of(wanted, entry.work))
        stored = await self._store.add(wanted, actions)
        return self._listed(stored, now)

    async def end(
        self, maintenance_id: int, author: str, withdraw: bool = False, ending: WorkEnding | None = None
    ) -> Listed:
        """End a maintenance now, or withdraw it as though it had never been entered; so ends the work it is for.

        Raises UsageProblem for an unknown id, Refused when there is nothing left to end, PayloadProblem,
        DependencyUnreachable.
        """
        now, author = self._clock(), checked_text("author", author)
        known = await self._store.find(maintenance_id)
        if known is None:
            raise UsageProblem(f"there is no maintenance {maintenance_id}", hint="see cmctl maintenance list --all")
        if known.withdrawn:
            raise Refused(f"maintenance {maintenance_id} is withdrawn already")
        if not withdraw and (known.ended_at is not None or known.state(now) == "over"):
            raise Refused(
                f"maintenance {maintenance_id} is over", hint="if it should never have counted, use --withdraw"
            )
        ended = replace(known, ended_at=known.ended_at or now, ended_by=author, withdrawn=withdraw)
        action = _action(ended, author, "withdrawn" if withdraw else "ended", now)
        if not await self._store.end(ended, action, ending or WorkEnding()):
            raise Refused(f"somebody else has just ended maintenance {maintenance_id}")
        return self._listed(ended, now)

    async def entries(self) -> list[Listed]:
        """Every entry, newest start first. Raises DependencyUnreachable."""
        now = self._clock()
        return [self._listed(one, now) for one in reversed(await self._store.all())]

    def _listed(self, one: Maintenance, now: datetime) -> Listed:
        names = tuple(objective.name for objective in self._objectives if applies_to(one, objective))
        return Listed(one, one.state(now), names)


def _action(maintenance: Maintenance, actor: str, what: str, now: datetime) -> Action:
    subject = ", ".join(str(matcher) for matcher in maintenance.all_matchers)
    return Action(0, KIND, actor, subject, f"{what}: {maintenance.reason}", now, now, "succeeded")


def work_of(maintenance: Maintenance, kind: str) -> Action:
    """The action that opened a maintenance, as it begins."""
    scope = ", ".join(str(matcher) for matcher in maintenance.all_matchers)
    begun = maintenance.starts_at
    return Action(0, kind, maintenance.author, scope, maintenance.reason, begun, None, "running", maintenance.key)


def as_record(listed: Listed) -> dict[str, object]:
    """One flat mapping, as the API and ``cmctl maintenance list -o json`` give it."""
    one = listed.maintenance
    return {
        "id": one.id,
        "key": one.key,
        "state": listed.state,
        "author": one.author,
        "reason": one.reason,
        "services": list(one.services),
        "matchers": [str(matcher) for matcher in one.matchers],
        "objectives": list(listed.objectives),
        "starts_at": one.starts_at,
        "ends_at": one.ends_at,
        "recurrence": one.recurrence,
        "time_zone": one.time_zone,
        "entered_at": one.entered_at,
        "entered_after_the_fact": one.entered_at > one.starts_at,
        "ended_at": one.ended_at,
        "ended_by": one.ended_by,
    }
