"""Fetch what a day of assessments needs; what cannot be had is unknown, with a problem that says why."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.domain.slo.evaluate import Source
from controlplane.domain.slo.grid import Series
from controlplane.domain.slo.problem import ProblemKind, SourceProblem
from controlplane.errors import DependencyUnreachable
from controlplane.services.slo.ports import Answer, QueryFailed, SampleSource


@dataclass(frozen=True)
class Wanted:
    """A stretch (start, end] in milliseconds."""

    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Fetched:
    """Series of one source, and what is wrong with them."""

    series: list[Series]
    problems: tuple[SourceProblem, ...] = ()


class Fetcher:
    """Asks a source of samples until it is gone for good.

    With ``must_answer``, a source that has never answered is an error;
    otherwise everything is unknown, as it is when the source goes away later.
    """

    def __init__(self, source: SampleSource, must_answer: bool = True) -> None:
        self._source = source
        self._must_answer = must_answer
        self._has_answered = False
        self._gone: DependencyUnreachable | None = None

    async def fetch(self, wanted: Mapping[Source, Wanted]) -> dict[Source, Fetched]:
        """Everything wanted, side by side.

        Raises DependencyUnreachable when the source must answer and never has.
        """
        answers = await asyncio.gather(*(self._one(source, stretch) for source, stretch in wanted.items()))
        if self._gone is not None and self._must_answer and not self._has_answered:
            raise self._gone
        return dict(zip(wanted, answers, strict=True))

    async def _one(self, source: Source, stretch: Wanted) -> Fetched:
        if self._gone is not None:
            return Fetched([], (_problem(source, stretch, "failed", self._gone.message),))
        try:
            answer = await self._ask(source, stretch)
        except DependencyUnreachable as error:
            self._gone = error
            return Fetched([], (_problem(source, stretch, "failed", error.message),))
        except QueryFailed as error:
            self._has_answered = True
            return Fetched([], (_problem(source, stretch, "failed", error.message),))
        self._has_answered = True
        problems = tuple(_problem(source, stretch, "warning", text) for text in answer.warnings)
        if source.step is not None and len(answer.series) > 1:
            several = _problem(source, stretch, "several_series", str(len(answer.series)))
            return Fetched([], (*problems, several))
        return Fetched(answer.series, problems)

    async def _ask(self, source: Source, stretch: Wanted) -> Answer:
        if source.step is None:
            return await self._source.samples(source.expression, stretch.start, stretch.end)
        first = (stretch.start // source.step + 1) * source.step
        return await self._source.values(source.expression, first, stretch.end, source.step)


def _problem(source: Source, stretch: Wanted, kind: ProblemKind, detail: str) -> SourceProblem:
    return SourceProblem(source.expression, stretch.start, stretch.end, kind, detail)
