"""What the model says about one sample, for people."""

from dataclasses import dataclass
from enum import IntEnum


class Status(IntEnum):
    """Why a sample has the score it has."""

    SCORED = 0
    WARMING_UP = 1
    NOT_A_NUMBER = 2
    DUPLICATE = 3
    TOO_LATE = 4
    COUNTER_FOUND = 5
    COUNTER_RESET = 6
    NOT_A_COUNTER = 7


class Kind(IntEnum):
    """Detectors, in the order of the evidence."""

    POINT = 0
    DEVIATION = 1
    LEVEL = 2
    PLATEAU = 3
    DRIFT = 4
    SPREAD = 5
    TEXTURE = 6
    STUCK = 7
    RARE = 8
    MISSING = 9


@dataclass(frozen=True)
class Explanation:
    """Facts behind the last score; values are in the unit of the series (its rate per second for a counter)."""

    kind: Kind
    nats: float
    value: float
    expected: float
    band: float
    is_upward: bool
    seasonal_share: float
    repeats: int
