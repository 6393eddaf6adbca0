"""What people said of episodes, and what follows from it.

"Fine" raises the bar of that series for that family of evidence by a bounded number of nats; "real" leaves it. The bar
is computed from the verdicts that stand, so that taking one back takes its whole effect back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from controlplane.domain.anomaly.verdict import Kind

Verdict = Literal["fine", "real"]

# One verdict makes an alarm e^2, seven times, as rare; three are the most that count; each counts for 90 days.
BAR_NATS = 2.0
MOST_FINES = 3
FINE_LASTS = timedelta(days=90)

# A lasting change shows in several windows, a single value in two ways: people judge what they see, not which saw it.
_FAMILIES = {
    Kind.POINT: "value",
    Kind.DEVIATION: "value",
    Kind.LEVEL: "level",
    Kind.PLATEAU: "level",
    Kind.DRIFT: "level",
    Kind.SPREAD: "spread",
    Kind.TEXTURE: "rhythm",
    Kind.STUCK: "stuck",
    Kind.RARE: "rare",
    Kind.MISSING: "missing",
}


@dataclass(frozen=True)
class Feedback:
    """The verdict that stands on one episode."""

    episode_id: str
    series_id: str
    family: str
    verdict: Verdict
    given_by: str
    given_at: datetime
    note: str = ""


@dataclass(frozen=True)
class Precision:
    """How many judged episodes were real."""

    real: int
    fine: int

    @property
    def ratio(self) -> float | None:
        """Real among the judged, None while none is judged."""
        judged = self.real + self.fine
        return self.real / judged if judged else None


def family_of(kind: Kind) -> str:
    """The family of evidence that feedback speaks of."""
    return _FAMILIES[kind]


def bar(feedback: Iterable[Feedback], series_id: str, family: str, now: datetime) -> float:
    """Nats that an alarm of this series and family needs on top of the usual ones."""
    fines = sum(
        item.verdict == "fine"
        and item.series_id == series_id
        and item.family == family
        and now - item.given_at < FINE_LASTS
        for item in feedback
    )
    return BAR_NATS * min(fines, MOST_FINES)


def bars(feedback: Iterable[Feedback], now: datetime) -> dict[tuple[str, str], float]:
    """Every bar above zero, by series and family."""
    given = list(feedback)
    pairs = {(item.series_id, item.family) for item in given}
    found = {pair: bar(given, *pair, now) for pair in pairs}
    return {pair: nats for pair, nats in found.items() if nats > 0.0}


def precision(feedback: Iterable[Feedback]) -> Precision:
    """How good the alarms were, by what people said."""
    verdicts = [item.verdict for item in feedback]
    return Precision(verdicts.count("real"), verdicts.count("fine"))
