"""What is wrong with the samples of a stretch of time, in parts, so that it can be told in any language."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

ProblemKind = Literal["failed", "several_series", "warning"]


@dataclass(frozen=True)
class SourceProblem:
    """A query from ``start`` to ``end`` (milliseconds) that failed, or came with a warning.

    All but a warning leave the stretch unknown. ``detail`` is the machine's own
    message; for ``several_series`` it is their number.
    """

    expression: str
    start: int
    end: int
    kind: ProblemKind
    detail: str

    def __str__(self) -> str:
        message = {
            "failed": f"unknown: {self.detail}",
            "several_series": f"unknown: returns {self.detail} series, aggregate them into one",
            "warning": f"warning: {self.detail}",
        }[self.kind]
        return f"{self.expression}: {_moment(self.start)} to {_moment(self.end)} {message}"


def _moment(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
