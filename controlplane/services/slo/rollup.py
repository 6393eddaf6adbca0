"""Roll up the days that are over, and again those whose maintenance changed, as long as Prometheus remembers them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from controlplane.domain.slo.days import DAY_MS, DayQuantities, day_of, definition_of, exclusions_text, roll_up
from controlplane.domain.slo.evaluate import margin
from controlplane.domain.slo.objective import Objective
from controlplane.domain.slo.quantities import Interval
from controlplane.services.slo.assess import Exclusions, intervals
from controlplane.services.slo.fetching import Fetcher
from controlplane.services.slo.ports import DayStore, SampleSource
from controlplane.services.slo.walk import step_of, walk

_LAG_MS = 60_000  # a scrape that is under way when the day ends


@dataclass(frozen=True)
class RollUpResult:
    """``kept`` days were not replaced, because Prometheus has forgotten what they tell."""

    written: int
    kept: int
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Day:
    """A day of one objective that is to be computed; ``known`` is what there is of it."""

    objective: Objective
    start: int
    end: int
    excluded: Sequence[Interval]
    known: DayQuantities | None


class RollUp:
    """Computes and stores roll-ups; what is stored already is left alone, so that it can be run at any time.

    ``memory`` is how far back Prometheus remembers.
    """

    def __init__(
        self,
        source: SampleSource,
        store: DayStore,
        clock: Callable[[], datetime],
        exclusions: Exclusions,
        memory: timedelta,
    ) -> None:
        self._source = source
        self._store = store
        self._clock = clock
        self._exclusions = exclusions
        self._memory = memory

    async def run(self, objectives: Sequence[Objective], again: bool = False) -> RollUpResult:
        """Compute what is missing or out of date, day by day; with ``again`` every day that is remembered.

        Raises DependencyUnreachable when Prometheus or the store does not answer. A day with a problem is not stored,
        and is tried again next time.
        """
        now = self._clock()
        due = [day for day in await self._due(objectives, now) if again or self._is_due(day)]
        written, kept = 0, 0
        problems: dict[str, None] = {}
        found: list[DayQuantities] = []
        async for one in walk(Fetcher(self._source), due, _milliseconds(now)):
            day = one.traveller
            if found and found[-1].start != day.start:
                await self._store.save(found)
                written, found = written + len(found), []
            failures = [str(problem) for problem in one.problems if problem.kind != "warning"]
            if failures:
                problems.update(dict.fromkeys(f"{day.objective.name}: {failure}" for failure in failures))
                continue
            computed = roll_up(day.objective, one.slots, day.excluded, now)
            if day.known and computed.observed_seconds < day.known.observed_seconds - step_of(day.objective) / 1000:
                kept += 1
                continue
            found.append(computed)
        await self._store.save(found)
        return RollUpResult(written + len(found), kept, tuple(problems))

    def _is_due(self, day: _Day) -> bool:
        return day.known is None or day.known.exclusions != exclusions_text(day.excluded, day.start, day.end)

    async def _due(self, objectives: Sequence[Objective], now: datetime) -> list[_Day]:
        first = _milliseconds(now - self._memory) // DAY_MS * DAY_MS + DAY_MS
        known = await self._store.read(
            [(one.name, definition_of(one)) for one in objectives], day_of(first), day_of(_milliseconds(now))
        )
        by_place = {(one.objective, one.start): one for one in known}
        return [
            _Day(objective, start, start + DAY_MS, excluded, by_place.get((objective.name, start)))
            for objective in objectives
            for excluded in [intervals(self._exclusions(objective, _moment(first), now))]
            for start in _complete_days(objective, first, _milliseconds(now))
        ]


def _complete_days(objective: Objective, first: int, now: int) -> Iterator[int]:
    """Days whose last slot can be judged: counters bridge a gap only once they see its end."""
    last = now - margin(objective) - 2 * step_of(objective) - _LAG_MS
    yield from range(first, last - DAY_MS + 1, DAY_MS)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
