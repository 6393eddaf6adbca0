"""Protocols that telling people needs; adapters implement them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from controlplane.domain.notification.cooldown import Told
from controlplane.domain.notification.delivery import (
    Change,
    Delivery,
    DeliveryOutcome,
    DeliveryStatus,
    NewDelivery,
)
from controlplane.domain.notification.plan import Knowledge, TellKey


@dataclass(frozen=True)
class Written:
    """What a planning step decided: messages to record, and what receivers then know."""

    deliveries: Sequence[NewDelivery]
    knowledge: Sequence[Knowledge]


Decide = Callable[[Sequence[Change], Mapping[TellKey, Told]], Written]


@dataclass(frozen=True)
class PlanResult:
    """What a planning step did: how many changes it took, and which receivers have something to send."""

    changes: int
    receivers: frozenset[str]


@dataclass(frozen=True)
class DeliveryFilter:
    """Which deliveries are wanted; None means all."""

    status: DeliveryStatus | None = None
    receiver: str | None = None
    fingerprint: str | None = None
    limit: int = 100


class Outbox(Protocol):
    """The deliveries in PostgreSQL. Every method raises DependencyUnreachable while it does not answer."""

    async def plan(self, limit: int, now: datetime, decide: Decide) -> PlanResult:
        """Take changes that nobody was told of, and held ones that are due; record what ``decide`` makes of them.

        One transaction: a crash leaves everything done or nothing.
        """
        ...

    async def import_told(
        self, deliveries: Sequence[tuple[NewDelivery, datetime, str]], knows: Sequence[Knowledge]
    ) -> None:
        """Record messages that arrived beside the outbox, and what their receivers know, in one transaction."""
        ...

    async def next_due(self) -> datetime | None:
        """When the next held change is looked at again."""
        ...

    async def interrupted(self) -> int:
        """Make what a dead daemon was sending pending again, as a possible repeat; returns how many."""
        ...

    async def waiting(self, receiver: str, now: datetime, limit: int) -> list[Delivery]:
        """Pending deliveries of a receiver that are due, the most urgent first."""
        ...

    async def next_waiting(self, receiver: str) -> datetime | None:
        """When the next pending delivery of a receiver is due."""
        ...

    async def sent_times(self, receiver: str, since: datetime) -> list[datetime]:
        """When attempts at a receiver began, since a moment."""
        ...

    async def fold(self, digest: NewDelivery, members: Sequence[int]) -> Delivery:
        """Record a digest and mark the deliveries that it tells, in one transaction."""
        ...

    async def begin(self, delivery_id: int, now: datetime) -> Delivery | None:
        """Record that an attempt begins; None when it is not pending any more."""
        ...

    async def delivered(self, delivery_id: int, now: datetime, receipt: str) -> None:
        """Record that the channel took it."""
        ...

    async def failed(
        self, delivery_id: int, now: datetime, outcome: DeliveryOutcome, retry_at: datetime | None
    ) -> None:
        """Record a failed attempt; without ``retry_at`` it is a dead letter."""
        ...

    async def record(self, delivery: NewDelivery) -> int:
        """Record one message outside of planning; returns its number."""
        ...

    async def list_deliveries(self, wanted: DeliveryFilter) -> list[Delivery]:
        """The wanted deliveries, newest first."""
        ...

    async def redeliver(self, delivery_id: int, now: datetime) -> Delivery | None:
        """Make a dead or delivered one pending again, as a possible repeat; None when there is none such."""
        ...

    async def counts(self) -> Mapping[tuple[str, str], int]:
        """How many deliveries there are by receiver and status, ``pending``, ``sending`` and ``dead`` only."""
        ...

    async def delete_before(self, moment: datetime) -> int:
        """Delete deliveries that ended before a moment, dead letters too; returns how many."""
        ...


class Channel(Protocol):
    """The way to one receiver."""

    async def send(self, title: str, body: str) -> DeliveryOutcome:
        """Hand a message over. Never raises for what a channel can do wrong: the outcome says it."""
        ...


class MessageTemplates(Protocol):
    """Renders the shipped templates."""

    def render(self, name: str, variables: Mapping[str, Any]) -> str:
        """Text of the template ``name``."""
        ...


class FirstLooks(Protocol):
    """What the runbook says to do first."""

    def first_look(self, alert_name: str, language: str) -> str:
        """The sentence for an alert, empty when the runbook has none. ``language`` is en or zh."""
        ...
