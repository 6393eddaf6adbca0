"""Fetch what a day of assessments needs; what cannot be had is unknown, with a sentence that says why."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from controlplane.domain.slo.evaluate import Source
from controlplane.domain.slo.grid import Series
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
    problems: tuple[str, ...] = ()


class Fetcher:
    """Asks a source of samples until it is gone for good."""

    def __init__(self, source: SampleSource) -> None:
        self._source = source
        self._has_answered = False
        self._gone: DependencyUnreachable | None = None

    async def fetch(self, wanted: Mapping[Source, Wanted]) -> dict[Source, Fetched]:
        """Everything wanted, side by side.

        Raises DependencyUnreachable when the source has never answered.
        """
        answers = await asyncio.gather(*(self._one(source, stretch) for source, stretch in wanted.items()))
        if self._gone is not None and not self._has_answered:
            raise self._gone
        return dict(zip(wanted, answers, strict=True))

    async def _one(self, source: Source, stretch: Wanted) -> Fetched:
        if self._gone is not None:
            return Fetched([], (_problem(source, stretch, f"unknown: {self._gone.message}"),))
        try:
            answer = await self._ask(source, stretch)
        except DependencyUnreachable as error:
            self._gone = error
            return Fetched([], (_problem(source, stretch, f"unknown: {error.message}"),))
        except QueryFailed as error:
            self._has_answered = True
            return Fetched([], (_problem(source, stretch, f"unknown: {error.message}"),))
        self._has_answered = True
        problems = tuple(_problem(source, stretch, f"warning: {text}") for text in answer.warnings)
        if source.step is not None and len(answer.series) > 1:
            message = f"unknown: returns {len(answer.series)} series, aggregate them into one"
            return Fetched([], (*problems, _problem(source, stretch, message)))
        return Fetched(answer.series, problems)

    async def _ask(self, source: Source, stretch: Wanted) -> Answer:
        if source.step is None:
            return await self._source.samples(source.expression, stretch.start, stretch.end)
        first = (stretch.start // source.step + 1) * source.step
        return await self._source.values(source.expression, first, stretch.end, source.step)


def _problem(source: Source, stretch: Wanted, message: str) -> str:
    return f"{source.expression}: {_moment(stretch.start)} to {_moment(stretch.end)} {message}"


def _moment(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
