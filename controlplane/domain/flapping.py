"""An alert that fires and resolves again and again: when it is said to flap, and when it is calm again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

# Two Alertmanagers, or two Prometheus behind one, see the same alert begin at moments this far apart at most.
TWIN_WITHIN = timedelta(seconds=60)
_FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class FlappingLimits:
    """An alert flaps when it began to fire ``fires`` times within ``window``, until nothing changed for ``calm``.

    With ``calm`` of at least ``window / (fires - 1)``, no alert that comes and
    goes regularly is called flapping and calm in turns.
    """

    fires: int = 4
    window: timedelta = timedelta(minutes=30)
    calm: timedelta = timedelta(minutes=15)


DEFAULT_LIMITS = FlappingLimits()


@dataclass(frozen=True)
class Episode:
    """One episode of an alert, as far as flapping is concerned.

    ``heard_at`` is when it was first heard of, ``changed_at`` when its state
    was last heard to change. ``is_superseded``: nobody said that it ended; a
    newer one began.
    """

    starts_at: datetime
    heard_at: datetime
    changed_at: datetime
    ends_at: datetime | None = None
    is_superseded: bool = False


@dataclass(frozen=True)
class Flapping:
    """A time in which an alert flaps.

    ``began_at`` is the first start that counted, ``recognised_at`` when the
    start was heard of that was one too many, ``last_start_at`` the newest
    start, ``changed_at`` when a change was last heard of, ``fires`` how often
    it began to fire since ``began_at``. ``ended_at``: calm since then.
    """

    began_at: datetime
    recognised_at: datetime
    last_start_at: datetime
    changed_at: datetime
    fires: int
    ended_at: datetime | None = None


def firings(episodes: Sequence[Episode]) -> list[Episode]:
    """The episodes that count as beginning to fire, oldest first.

    One that begins while the one before still fires is the same alert as
    another Alertmanager tells it; so is one that begins within a minute of
    one whose end nobody told.
    """
    found: list[Episode] = []
    covered_until = _FOREVER  # says nothing while nothing is found
    for one in sorted(episodes, key=lambda episode: episode.starts_at):
        if not found or one.starts_at >= covered_until:
            found.append(one)
            covered_until = _cover(one, one)
        else:
            covered_until = max(covered_until, _cover(one, found[-1]))
    return found


def _cover(one: Episode, counted: Episode) -> datetime:
    """Until when an episode makes later starts the same firing as ``counted``."""
    if one.is_superseded:
        return counted.starts_at + TWIN_WITHIN
    return one.ends_at or _FOREVER


def follow(known: Flapping | None, episodes: Sequence[Episode], limits: FlappingLimits) -> Flapping | None:
    """What is to be known of an alert's flapping after its ``episodes`` (the latest, any order) changed.

    ``known`` is the latest time in which it flapped, over or not. Starts that
    made an earlier one do not count again. Returns ``known`` when nothing is new.
    """
    counted = firings(episodes)
    if not counted:
        return known
    newest = max(one.starts_at for one in episodes)
    changed_at = max(one.changed_at for one in episodes)
    if known is not None:
        counted = [one for one in counted if one.starts_at > known.last_start_at]
        if known.ended_at is None:
            return replace(
                known,
                last_start_at=max(known.last_start_at, newest),
                changed_at=max(known.changed_at, changed_at),
                fires=known.fires + len(counted),
            )
    latest = counted[-limits.fires :]
    heard = [one.heard_at for one in latest]
    if len(latest) < limits.fires or max(heard) - min(heard) > limits.window:
        return known
    return Flapping(latest[0].starts_at, max(heard), newest, changed_at, len(latest))


def is_calm(known: Flapping, now: datetime, limits: FlappingLimits) -> bool:
    """Whether nothing has changed for long enough."""
    return now - known.changed_at >= limits.calm
