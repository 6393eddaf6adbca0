"""A delivery: one message to one receiver, from its record before it is sent to its receipt."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from controlplane.domain.alert import Alert, AlertState, Priority
from controlplane.domain.flapping import Flapping

DeliveryKind = Literal["alert", "digest", "escalation", "canary", "report"]
# What a message says of an alert: that it fires or is over; that it flaps; that it flaps no more.
Telling = Literal["state", "flaps", "calm"]
# pending: waits to be sent (also after a failure). sending: recorded, handed to the channel, outcome not known yet.
# delivered: the channel took it. folded: told in a digest. dead: given up; can be delivered again by hand.
DeliveryStatus = Literal["pending", "sending", "delivered", "folded", "dead"]
STATUSES: tuple[DeliveryStatus, ...] = ("pending", "sending", "delivered", "folded", "dead")


@dataclass(frozen=True)
class NewDelivery:
    """A message to be recorded.

    ``line`` stands for it in a digest, ``priority`` is that of its most urgent
    alert, ``heard_at`` when the first of its alerts was received.
    """

    receiver: str
    kind: DeliveryKind
    title: str
    body: str
    line: str
    priority: Priority
    alert_count: int
    fingerprints: Sequence[str]
    heard_at: datetime


@dataclass(frozen=True)
class Delivery:
    """A recorded message. ``is_possible_repeat``: an earlier attempt may have arrived without our knowing."""

    id: int
    receiver: str
    kind: DeliveryKind
    status: DeliveryStatus
    title: str
    body: str
    line: str
    priority: Priority
    alert_count: int
    fingerprints: Sequence[str]
    heard_at: datetime
    created_at: datetime
    not_before: datetime
    attempts: int
    started_at: datetime | None
    finished_at: datetime | None
    receipt: str
    last_error: str
    is_possible_repeat: bool
    folded_into: int | None = None


@dataclass(frozen=True)
class DeliveryOutcome:
    """What became of an attempt. ``can_retry`` says whether trying again may help."""

    succeeded: bool
    detail: str
    can_retry: bool = True
    is_uncertain: bool = False


@dataclass(frozen=True)
class Change:
    """An alert's change of state that nobody was told of yet: the newest episode of its fingerprint.

    ``flapping`` is the latest time in which it flapped, over or not.
    """

    alert: Alert
    heard_at: datetime
    changes: int = 1
    flapping: Flapping | None = None
    telling: Telling = "state"

    @property
    def state(self) -> AlertState:
        """The state to tell."""
        return self.alert.state


@dataclass(frozen=True)
class Bundle:
    """Changes that one message tells to one receiver; all agree in state and in what is told."""

    receiver: str
    changes: Sequence[Change] = field(default_factory=list)

    @property
    def state(self) -> AlertState:
        """The state of all of them."""
        return self.changes[0].state
