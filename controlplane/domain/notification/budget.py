"""How many messages a channel takes in a minute, and what is folded into a digest instead."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=1)


@dataclass(frozen=True)
class Allowance:
    """What may be sent now.

    ``single`` of the waiting messages go out one by one. With ``folds_rest``
    all others go out as one digest; else they wait until ``wait_until``.
    """

    single: int
    folds_rest: bool
    wait_until: datetime | None = None


def allow(waiting: int, sent: Sequence[datetime], now: datetime, per_minute: int) -> Allowance:
    """Spend a budget of ``per_minute`` messages in any 60 seconds on ``waiting`` messages.

    ``sent`` are the times of the messages of the last minute. The last message
    of the budget is kept for a digest when there are more than fit, so that no
    message is left out in silence. When the clock has stepped back, messages of
    up to a minute ahead count as sent now; later ones do not count, for nobody
    shall wait until the clock has caught up.
    """
    recent = sorted(min(moment, now) for moment in sent if abs(now - moment) < WINDOW)
    left = per_minute - len(recent)
    if waiting <= left:
        return Allowance(waiting, folds_rest=False)
    if left <= 0:
        return Allowance(0, folds_rest=False, wait_until=recent[len(recent) - per_minute] + WINDOW)
    return Allowance(left - 1, folds_rest=True)
