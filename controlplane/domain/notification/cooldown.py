"""Whether to tell a receiver of an alert's state now, later or not at all: once, and not at every flap."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from controlplane.domain.alert import AlertState

Action = Literal["send", "hold", "note", "nothing"]


@dataclass(frozen=True)
class Told:
    """What a receiver was last told of a fingerprint.

    ``starts_at`` is the episode that it was about, ``untold_changes`` how
    often the state changed since without being told, ``flapping_since`` the
    time of flapping that it was told of and not yet that it is over.
    """

    state: AlertState
    starts_at: datetime
    firing_told_at: datetime
    untold_changes: int = 0
    flapping_since: datetime | None = None


@dataclass(frozen=True)
class Decision:
    """What to do. ``until`` is when a held message is looked at again; "note" is to know it without a message."""

    action: Action
    until: datetime | None = None


def cooldown_of(severity: str, cooldowns: Mapping[str, float]) -> timedelta:
    """Time between two firing messages of one alert; an unknown severity waits as long as the longest."""
    known = cooldowns.get(severity.lower())
    return timedelta(seconds=known if known is not None else max(cooldowns.values(), default=0.0))


def decide(
    state: AlertState,
    starts_at: datetime,
    told: Told | None,
    now: datetime,
    cooldown: timedelta,
    wants_resolved: bool = True,
) -> Decision:
    """Compare the state of an alert (its newest episode) with what its receiver knows.

    A receiver that knows the state is not told again; one that was never told
    that an alert fires is not told that it is over. The end is told at once.
    That it fires again is told when the cooldown since the last firing message
    is over, if it still does then: an alert that flaps makes one firing and one
    resolved message in a cooldown, and never ends in silence. So is a new
    episode whose predecessor's end was lost; starts that differ by less than
    the cooldown are one episode as two Alertmanagers see it. What was told in
    the future was told before the clock stepped back: nobody waits until the
    clock has caught up.
    """
    if told is None:
        return Decision("send" if state == "firing" else "nothing")
    if state == "resolved":
        return Decision("nothing" if told.state == "resolved" else "send" if wants_resolved else "note")
    if told.state == "firing" and starts_at <= told.starts_at + cooldown:
        return Decision("nothing")
    due_at = told.firing_told_at + cooldown
    is_over = now >= due_at or now < told.firing_told_at
    return Decision("send") if is_over else Decision("hold", due_at)
