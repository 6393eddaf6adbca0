"""Assess objectives over their windows, a day at a time, every query asked once.

Days that were rolled up are taken from there; the others, and the stretches of
the burn rates, from raw samples.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from controlplane.domain.maintenance import Exclusion, within
from controlplane.domain.slo.burn_rate import burn_rate, burn_rate_pairs, seconds_to_exhaustion, trend
from controlplane.domain.slo.days import (
    DAY_MS,
    DayQuantities,
    day_of,
    definition_of,
    exclusions_text,
    observed_seconds,
    unobserved,
)
from controlplane.domain.slo.evaluate import Source, sources
from controlplane.domain.slo.figures import BurnRate, Figures, Pace, figures
from controlplane.domain.slo.grid import Grid
from controlplane.domain.slo.objective import Objective
from controlplane.domain.slo.quantities import Interval, Quantities, exclusion_mask, tally
from controlplane.domain.slo.windows import Period, resolve
from controlplane.errors import CmctlError
from controlplane.services.slo.fetching import Fetcher
from controlplane.services.slo.ports import DayStore, SampleSource
from controlplane.services.slo.walk import DayOf, step_of, walk

Exclusions = Callable[[Objective, datetime, datetime], Sequence[Exclusion]]


NO_DATA = ": no data in the window"


@dataclass(frozen=True)
class Assessment:
    """What is known about one objective now. ``problems`` says which parts are unknown, and why.

    ``exclusions`` lists the maintenance within the period, overlapping ones each by itself.
    """

    objective: Objective
    period: Period
    figures: Figures
    pace: Pace
    problems: tuple[str, ...]
    exclusions: tuple[Exclusion, ...] = ()


@dataclass
class _Stretch:
    """A stretch (start, end] in milliseconds, and what has been summed up of it so far."""

    start: int
    end: int
    quantities: Quantities


@dataclass
class _Account:
    """One objective while its samples pass by."""

    objective: Objective
    period: Period
    whole: _Stretch
    recent: list[_Stretch]
    before: _Stretch
    excluded: Sequence[Interval] = ()
    exclusions: tuple[Exclusion, ...] = ()
    days: Mapping[int, DayQuantities] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)
    is_remembered: bool = False
    seen: set[Source] = field(default_factory=set)
    problems: dict[str, None] = field(default_factory=dict)

    @property
    def stretches(self) -> list[_Stretch]:
        return [self.whole, *self.recent, self.before]

    @property
    def start(self) -> int:
        return min(stretch.start for stretch in self.stretches)

    @property
    def end(self) -> int:
        return self.whole.end


def nothing_excluded(objective: Objective, start: datetime, end: datetime) -> Sequence[Exclusion]:
    """No maintenance."""
    return ()


class SloAssessor:
    """Computes assessments.

    ``clock`` gives the time, ``exclusions`` the maintenance of an objective in a stretch, ``days`` the roll-ups. With
    ``memory``, nothing older is asked of Prometheus.
    """

    def __init__(
        self,
        source: SampleSource,
        clock: Callable[[], datetime],
        exclusions: Exclusions = nothing_excluded,
        days: DayStore | None = None,
        memory: timedelta | None = None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._exclusions = exclusions
        self._days = days
        self._memory = memory

    async def assess(self, objectives: Sequence[Objective]) -> list[Assessment]:
        """Assess objectives as of now, in their order.

        Raises DependencyUnreachable when the source has not answered even once.
        What cannot be had later on is unknown, and listed as a problem.
        """
        now = self._clock()
        now_ms = round(now.timestamp() * 1000)
        accounts = [self._open(objective, now) for objective in objectives]
        await self._remember(accounts, now_ms)
        forgotten = now_ms - round(self._memory.total_seconds() * 1000) if self._memory else 0
        for account in accounts:
            _settle(account, forgotten)

        def is_wanted(account: _Account, start: int, end: int) -> bool:
            return start // DAY_MS not in account.settled

        async for day in walk(Fetcher(self._source), accounts, now_ms, is_wanted):
            _add_day(day.traveller, day)
        return [_close(account) for account in accounts]

    async def _remember(self, accounts: Sequence[_Account], now: int) -> None:
        """Read the roll-ups of every account."""
        if self._days is None or not accounts:
            return
        first = min(account.whole.start for account in accounts)
        wanted = [(account.objective.name, definition_of(account.objective)) for account in accounts]
        days: dict[str, dict[int, DayQuantities]] = {}
        try:
            for day in await self._days.read(wanted, day_of(first), day_of(now)):
                days.setdefault(day.objective, {})[day.start] = day
        except CmctlError as error:
            problem = f"the roll-ups are not known, and what only they remember is unknown: {error.message}"
            for account in accounts:
                account.problems[problem] = None
        for account in accounts:
            account.days = days.get(account.objective.name, {})

    def _open(self, objective: Objective, now: datetime) -> _Account:
        account = _open(objective, now)
        found = self._exclusions(objective, _moment(account.start), now)
        account.excluded = intervals(found)
        account.exclusions = tuple(within(found, account.period.start, account.period.end))
        return account


def _open(objective: Objective, now: datetime) -> _Account:
    period = resolve(objective.window, now.astimezone(UTC))
    step = step_of(objective)
    end = _milliseconds(now) // step * step

    def stretch(seconds: float, until: int = end) -> _Stretch:
        return _Stretch(until - round(seconds * 1000), until, Quantities(objective.unit))

    pairs = burn_rate_pairs(objective.window.nominal_seconds, objective.sampling.step_seconds)
    recent = [stretch(pair.long_seconds) for pair in pairs]
    start = end - round(period.seconds * 1000) if objective.window.calendar is None else _milliseconds(period.start)
    whole = _Stretch(start, end, Quantities(objective.unit))
    return _Account(objective, period, whole, recent, stretch(pairs[0].long_seconds, recent[0].start))


def _settle(account: _Account, forgotten: int) -> None:
    """Take over the days that need no samples: those rolled up, and before ``forgotten`` whatever there is."""
    edges = {edge for stretch in account.stretches for edge in (stretch.start, stretch.end)}
    for index in range(account.start // DAY_MS, account.end // DAY_MS):
        start, end = index * DAY_MS, (index + 1) * DAY_MS
        day = account.days.get(start)
        is_up_to_date = day is not None and day.exclusions == exclusions_text(account.excluded, start, end)
        is_cut = any(start < edge < end for edge in edges)
        if end > forgotten and (is_cut or not is_up_to_date):
            continue  # its slots are needed, and remembered
        account.settled.add(index)
        for stretch in account.stretches:
            if stretch.end <= start or stretch.start >= end:
                continue
            if day is not None and _contains(stretch, day):
                _take(account, stretch, day, is_up_to_date)
            else:
                grid = Grid.between(max(start, stretch.start), min(end, stretch.end), step_of(account.objective))
                stretch.quantities += unobserved(account.objective, grid, account.excluded)


def _contains(stretch: _Stretch, day: DayQuantities) -> bool:
    return stretch.start <= day.start and day.start + DAY_MS <= stretch.end


def _take(account: _Account, stretch: _Stretch, day: DayQuantities, is_up_to_date: bool) -> None:
    """Add a roll-up; all there is when maintenance was entered or withdrawn after Prometheus forgot the day."""
    stretch.quantities += day.quantities
    account.is_remembered = account.is_remembered or day.observed_seconds > 0
    if not is_up_to_date:
        problem = f"{day.day}: the samples are gone; maintenance that was entered since cannot be taken out"
        account.problems[problem] = None


def _add_day(account: _Account, day: DayOf[_Account]) -> None:
    account.problems.update(dict.fromkeys(str(problem) for problem in day.problems))
    account.seen.update(source for source, series in day.samples.items() if series)
    grid = day.slots.grid
    known = account.days.get((grid.first_end - 1) // DAY_MS * DAY_MS)
    if known is not None and known.observed_seconds <= observed_seconds(day.slots) + grid.step / 1000:
        known = None  # Prometheus remembers as much
    for stretch in account.stretches:
        if known is not None and _contains(stretch, known):
            is_up_to_date = known.exclusions == exclusions_text(account.excluded, known.start, known.start + DAY_MS)
            _take(account, stretch, known, is_up_to_date)
            continue
        inner = Grid.between(
            max(grid.first_end - grid.step, stretch.start), min(int(grid.ends[-1]), stretch.end), grid.step
        )
        if inner.count:
            mask = exclusion_mask(inner, account.excluded)
            stretch.quantities += tally(day.slots.part(inner), account.objective.unit, mask)


def _close(account: _Account) -> Assessment:
    objective, period = account.objective, account.period
    silent = [one for one in sources(objective) if one not in account.seen and not account.is_remembered]
    problems = (*account.problems, *(source.expression + NO_DATA for source in silent))
    result = figures(objective, account.whole.quantities, period.ahead_seconds)
    return Assessment(objective, period, result, _pace(account, result), problems, account.exclusions)


def _pace(account: _Account, result: Figures) -> Pace:
    budget = account.objective.error_budget
    rates = tuple(
        BurnRate((stretch.end - stretch.start) / 1000, burn_rate(stretch.quantities, budget))
        for stretch in account.recent
    )
    now = rates[0].rate
    period_seconds = (account.period.full_end - account.period.start).total_seconds()
    return Pace(
        burn_rate=rates[0],
        burn_rates=rates,
        trend=trend(now, burn_rate(account.before.quantities, budget)),
        time_to_exhaustion_seconds=seconds_to_exhaustion(result.budget.remaining_ratio, now, period_seconds),
    )


def intervals(exclusions: Sequence[Exclusion]) -> list[Interval]:
    """Exclusions as the mathematics takes them."""
    return [(_milliseconds(one.starts_at), _milliseconds(one.ends_at)) for one in exclusions]


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
