"""Where the objectives stand, as the daemon shows it: computed by a child process, kept until the next time."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controlplane.errors import CmctlError
from controlplane.services.ports import Clock

Record = Mapping[str, Any]


# ``cmctl ARGUMENTS`` as a child process: the JSON that it prints. Raises CmctlError.
Command = Callable[[Sequence[str]], Awaitable[Any]]


@dataclass(frozen=True)
class Evaluation:
    """The records of ``cmctl slo status -o json``; none before the first evaluation."""

    evaluated_at: datetime | None = None
    records: Sequence[Record] = ()


class SloBoard:
    """Evaluates and remembers. What is shown says how old it is; a failed evaluation leaves the last one."""

    def __init__(self, command: Command, clock: Clock) -> None:
        self._command = command
        self._clock = clock
        self.latest = Evaluation()

    async def evaluate(self) -> str:
        """Compute all objectives; returns a sentence. Raises CmctlError."""
        at = self._clock()
        records = await self._command(["slo", "status", "-o", "json"])
        if not isinstance(records, list):
            raise CmctlError("cmctl slo status did not give a list")
        self.latest = Evaluation(at, records)
        return f"{len(records)} objectives"

    async def roll_up(self) -> str:
        """Keep the days that are over; returns a sentence. Raises CmctlError."""
        result = await self._command(["slo", "rollup", "-o", "json"])
        return f"{result['written']} days written, {result['kept']} kept"
