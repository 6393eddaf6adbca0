"""Who is on call: rotations over people, and overrides."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Rotation:
    """People who take turns.

    Turns change at the local time of ``starts_at`` (without a zone; it is on
    the clocks of ``time_zone``), every ``days`` days, summer time or not.
    """

    name: str
    people: tuple[str, ...]
    starts_at: datetime
    days: float
    time_zone: str = "UTC"

    def turn(self, at: datetime) -> int:
        """Number of the turn at a moment; negative before the first."""
        local = at.astimezone(ZoneInfo(self.time_zone)).replace(tzinfo=None)
        return (local - self.starts_at) // timedelta(days=self.days)

    def person(self, at: datetime) -> str:
        """Whose turn it is."""
        return self.people[self.turn(at) % len(self.people)]

    def turn_ends_at(self, at: datetime) -> datetime:
        """When the turn of a moment is over, UTC."""
        local = self.starts_at + timedelta(days=self.days) * (self.turn(at) + 1)
        return local.replace(tzinfo=ZoneInfo(self.time_zone)).astimezone(UTC)


@dataclass(frozen=True)
class Override:
    """``person`` stands in on ``schedule`` for a time. ``id`` grows: of several, the one entered last counts."""

    id: int
    schedule: str
    person: str
    author: str
    starts_at: datetime
    ends_at: datetime
    entered_at: datetime


@dataclass(frozen=True)
class OnCall:
    """Who has a schedule at a moment, and until when that holds. ``stands_in_for`` is None for the rotation's own."""

    schedule: str
    person: str
    until: datetime
    stands_in_for: str | None


def on_call(rotation: Rotation, overrides: Iterable[Override], at: datetime) -> OnCall:
    """The person of a schedule at a moment."""
    turn = rotation.person(at)
    mine: Sequence[Override] = [one for one in overrides if one.schedule == rotation.name]
    active = [one for one in mine if one.starts_at <= at < one.ends_at]
    later = [one.starts_at for one in mine if one.starts_at > at]
    if active:
        newest = max(active, key=lambda one: one.id)
        return OnCall(rotation.name, newest.person, min([newest.ends_at, *later]), turn)
    return OnCall(rotation.name, turn, min([rotation.turn_ends_at(at), *later]), None)
