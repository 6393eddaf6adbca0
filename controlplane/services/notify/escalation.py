"""Going a step further when nobody takes an alert on, and proving that no step was missed."""

import asyncio
import dataclasses
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from controlplane.domain.alert import Alert, Priority
from controlplane.domain.flapping import Flapping
from controlplane.domain.notification.delivery import Change, NewDelivery, Telling
from controlplane.domain.notification.escalation import (
    Chain,
    History,
    Missed,
    due_at,
    missed_steps,
    next_step,
)
from controlplane.domain.notification.oncall import OnCall, Override, Rotation, on_call
from controlplane.domain.payload_text import PayloadProblem
from controlplane.errors import CmctlError
from controlplane.services.acknowledge import checked_author
from controlplane.services.notify.messages import Messages
from controlplane.services.ports import Clock

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
BATCH = 500
AUDITED = 10_000
GRACE = timedelta(minutes=2)
LONGEST_OVERRIDE = timedelta(days=90)


@dataclass(frozen=True)
class WaitingAlert:
    """A firing alert that nobody has, since when, and the last step that was made since then.

    One that flaps waits on while it is over for a moment; ``flapping`` is since when and how often.
    """

    alert_id: int
    alert: Alert
    waiting_since: datetime
    last_step: int
    flapping: Flapping | None = None


@dataclass(frozen=True)
class Step:
    """One escalation of one alert."""

    alert_id: int
    waiting_since: datetime
    step: int
    due_at: datetime
    made_at: datetime
    people: Sequence[str]


class OnCallStore(Protocol):
    """Escalations and overrides. Every method raises DependencyUnreachable while the store does not answer."""

    async def waiting(self, priorities: Sequence[str], now: datetime, limit: int) -> list[WaitingAlert]:
        """Firing alerts that nobody has, the most urgent first."""
        ...

    async def make(self, step: Step, deliveries: Sequence[NewDelivery]) -> bool:
        """Record a step and its messages in one transaction; False when it was made already."""
        ...

    async def histories(self, priorities: Sequence[str], since: datetime, limit: int) -> list[History]:
        """What happened to the alerts heard of since a moment, the newest first."""
        ...

    async def overrides(self, since: datetime) -> list[Override]:
        """Overrides that end after a moment, in the order they were entered."""
        ...

    async def add_override(self, override: Override) -> Override:
        """Enter an override, with its entry in the action ledger."""
        ...


class Escalation:
    """Looks at the alerts that wait. ``on_new`` is called with receivers of new messages."""

    def __init__(
        self,
        store: OnCallStore,
        messages: Messages,
        chains: Sequence[Chain],
        rotations: Sequence[Rotation],
        people: frozenset[str],
        response_seconds: Mapping[str, float],
        now: Clock = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._messages = messages
        self._chain_of: dict[Priority, Chain] = {}
        for chain in chains:
            for priority in chain.priorities:
                self._chain_of.setdefault(priority, chain)
        self._rotations = {rotation.name: rotation for rotation in rotations}
        self._people = people
        self._response = {priority: timedelta(seconds=value) for priority, value in response_seconds.items()}
        self.on_new: Callable[[frozenset[str]], None] = lambda receivers: None
        self._now = now
        self._monotonic = monotonic
        self._ahead: dict[tuple[int, datetime], float] = {}
        self.made = 0

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.look()
            except CmctlError as error:
                logger.debug("Escalation waits for the store", extra={"action": "escalate", "problem": error.message})
            except Exception:
                logger.exception("Escalation failed in a way nobody foresaw", extra={"action": "escalate"})
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> int:
        """Make every step that is due now; returns how many."""
        if not self._chain_of:
            return 0
        now = self._now()
        overrides = await self._store.overrides(now)
        made = 0
        found = await self._store.waiting(sorted(self._chain_of), now, BATCH)
        self._note_ahead(found, now)
        for waiting in found:
            priority = waiting.alert.priority
            chain, response = self._chain_of[priority], self._response[priority]
            waited_until = self._waited_until(waiting, now)
            number = next_step(waiting.waiting_since, waiting.last_step, len(chain.steps), response, waited_until)
            if number is not None:
                made += await self._make(waiting, chain, number, response, overrides, now)
        self.made += made
        return made

    def _note_ahead(self, found: Sequence[WaitingAlert], now: datetime) -> None:
        """Remember since when we see alerts wait that began in the future: the clock has stepped back."""
        seen_at = self._monotonic()
        keys = [(one.alert_id, one.waiting_since) for one in found if one.waiting_since > now]
        self._ahead = {key: self._ahead.get(key, seen_at) for key in keys}

    def _waited_until(self, waiting: WaitingAlert, now: datetime) -> datetime:
        """Now, for one alert: nobody's wait begins only when a clock that stepped back has caught up."""
        seen_at = self._ahead.get((waiting.alert_id, waiting.waiting_since))
        if seen_at is None:
            return now
        return waiting.waiting_since + timedelta(seconds=self._monotonic() - seen_at)

    async def _make(
        self,
        waiting: WaitingAlert,
        chain: Chain,
        number: int,
        response: timedelta,
        overrides: Sequence[Override],
        now: datetime,
    ) -> bool:
        people = self._people_of(chain.steps[number - 1], overrides, now)
        due = due_at(waiting.waiting_since, number, response)
        step = Step(waiting.alert_id, waiting.waiting_since, number, due, now, people)
        is_made = await self._store.make(step, [self._message(person, waiting, number, chain) for person in people])
        if is_made:
            self.on_new(frozenset(people))
            logger.warning(
                "Nobody took an alert on; it goes a step further",
                extra={
                    "action": "escalate",
                    "fingerprint": waiting.alert.fingerprint,
                    "step": number,
                    "receivers": list(people),
                },
            )
        return is_made

    def _people_of(self, names: Sequence[str], overrides: Sequence[Override], now: datetime) -> tuple[str, ...]:
        """Receivers of a step: schedules are whoever is on call."""
        found: dict[str, None] = {}
        for name in names:
            rotation = self._rotations.get(name)
            person = on_call(rotation, overrides, now).person if rotation is not None else name
            if person in self._people:
                found[person] = None
            else:
                logger.error(
                    "Somebody on call is not a configured receiver",
                    extra={"action": "escalate", "schedule": name, "person": person},
                )
        return tuple(found)

    def _message(self, person: str, waiting: WaitingAlert, number: int, chain: Chain) -> NewDelivery:
        telling: Telling = "state" if waiting.flapping is None else "flaps"
        change = Change(waiting.alert, self._now(), flapping=waiting.flapping, telling=telling)
        message = self._messages.of_changes(person, [change])
        title = f"ESCALATION 升级 {number}/{len(chain.steps)}: {message.title}"
        return dataclasses.replace(message, kind="escalation", title=title)

    # -- asked by people

    async def who(self, at: datetime | None = None) -> list[OnCall]:
        """Who has each schedule. Raises DependencyUnreachable: without the store overrides are not known."""
        moment = at or self._now()
        overrides = await self._store.overrides(moment)
        return [on_call(rotation, overrides, moment) for rotation in self._rotations.values()]

    async def override(
        self, schedule: str, person: str, author: str, seconds: float, starts_at: datetime | None = None
    ) -> Override:
        """Let somebody stand in. Raises PayloadProblem that names the field, DependencyUnreachable."""
        if schedule not in self._rotations:
            raise PayloadProblem("schedule", f"must be one of {', '.join(sorted(self._rotations)) or '(none)'}")
        if person not in self._people:
            raise PayloadProblem("person", f"must be a receiver: {', '.join(sorted(self._people))}")
        if not 0 < seconds <= LONGEST_OVERRIDE.total_seconds():
            raise PayloadProblem("duration_seconds", "must be above 0 and at most 90 days")
        now = self._now()
        start = starts_at or now
        return await self._store.add_override(
            Override(0, schedule, person, checked_author(author), start, start + timedelta(seconds=seconds), now)
        )

    async def audit(self, since: datetime) -> list[Missed]:
        """Steps that should have been made since a moment and were not, or late. Raises DependencyUnreachable."""
        now = self._now()
        found = []
        for history in await self._store.histories(sorted(self._chain_of), since, AUDITED):
            steps = len(self._chain_of[history.priority].steps)
            found += missed_steps(history, steps, self._response[history.priority], GRACE, now)
        return found
