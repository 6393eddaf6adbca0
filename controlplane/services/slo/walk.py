"""Walk through time a day at a time, every query asked once, and give the slots of each objective."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from controlplane.domain.slo.evaluate import Source, margin, slots_of, sources
from controlplane.domain.slo.grid import Grid, Series, Slots
from controlplane.domain.slo.objective import Objective
from controlplane.domain.slo.problem import SourceProblem
from controlplane.services.slo.fetching import Fetched, Fetcher, Wanted

_DAY_MS = 86_400_000


class Traveller(Protocol):
    """Something that wants the slots of an objective over the stretch (start, end], in milliseconds."""

    @property
    def objective(self) -> Objective:
        """Whose slots."""
        ...

    @property
    def start(self) -> int:
        """Where they begin."""
        ...

    @property
    def end(self) -> int:
        """Where they end."""
        ...


T = TypeVar("T", bound=Traveller)


@dataclass(frozen=True, eq=False)
class DayOf(Generic[T]):
    """A day of one traveller: its slots, the samples behind them, and what was wrong with those."""

    traveller: T
    slots: Slots
    samples: Mapping[Source, list[Series]]
    problems: tuple[SourceProblem, ...]


@dataclass(frozen=True)
class _Day(Generic[T]):
    """A day (start, end] of UTC, who travels through it, and what they need."""

    start: int
    end: int
    travellers: Sequence[T]
    wanted: Mapping[Source, Wanted]


def everything(traveller: Traveller, start: int, end: int) -> bool:
    """Every day of every traveller is wanted."""
    return True


async def walk(
    fetcher: Fetcher, travellers: Sequence[T], now: int, is_wanted: Callable[[T, int, int], bool] = everything
) -> AsyncIterator[DayOf[T]]:
    """The days of all travellers in order of time; nothing later than ``now`` is asked for.

    ``is_wanted`` may leave out days (start, end] of a traveller.
    The next day is fetched while this one is worked on. Raises what ``Fetcher.fetch`` raises.
    """
    days = list(_days(travellers, now, is_wanted))
    upcoming = asyncio.create_task(fetcher.fetch(days[0].wanted)) if days else None
    try:
        for position, day in enumerate(days):
            fetched = await upcoming if upcoming else {}
            is_last = position + 1 == len(days)
            upcoming = None if is_last else asyncio.create_task(fetcher.fetch(days[position + 1].wanted))
            for traveller in day.travellers:
                yield _day_of(traveller, day, fetched)
                # The answers of the next day come in meanwhile, and new questions go out.
                await asyncio.sleep(0)
    finally:
        if upcoming is not None:
            upcoming.cancel()


def step_of(objective: Objective) -> int:
    """Length of a slot in milliseconds."""
    return round(objective.sampling.step_seconds * 1000)


def _grid(traveller: Traveller, start: int, end: int) -> Grid:
    return Grid.between(max(start, traveller.start), min(end, traveller.end), step_of(traveller.objective))


def _days(travellers: Sequence[T], now: int, is_wanted: Callable[[T, int, int], bool]) -> Iterator[_Day[T]]:
    position = min((one.start for one in travellers), default=now)
    last = max((one.end for one in travellers), default=now)
    while position < last:
        end = min((position // _DAY_MS + 1) * _DAY_MS, last)
        present = [one for one in travellers if is_wanted(one, position, end) and _grid(one, position, end).count]
        if present:
            yield _Day(position, end, present, _wanted(present, position, end, now))
        position = end


def _wanted(travellers: Sequence[Traveller], start: int, end: int, now: int) -> dict[Source, Wanted]:
    """Every source once, as wide as the objective that needs most of it."""
    wanted: dict[Source, Wanted] = {}
    for one in travellers:
        reach = margin(one.objective) + 2 * step_of(one.objective)
        first, last = max(start, one.start) - reach, min(end + reach, now)
        for source in sources(one.objective):
            known = wanted.get(source)
            wanted[source] = Wanted(min(first, known.start), max(last, known.end)) if known else Wanted(first, last)
    return wanted


def _day_of(traveller: T, day: _Day[T], fetched: Mapping[Source, Fetched]) -> DayOf[T]:
    needed = {source: fetched[source] for source in sources(traveller.objective)}
    samples = {source: answer.series for source, answer in needed.items()}
    problems = tuple(dict.fromkeys(problem for answer in needed.values() for problem in answer.problems))
    slots = slots_of(traveller.objective, samples, _grid(traveller, day.start, day.end))
    return DayOf(traveller, slots, samples, problems)
