"""Assess objectives over their windows from raw samples, a day at a time, every query asked once."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from controlplane.domain.slo.burn_rate import burn_rate, burn_rate_pairs, seconds_to_exhaustion, trend
from controlplane.domain.slo.evaluate import Source, margin, slots_of, sources
from controlplane.domain.slo.figures import BurnRate, Figures, Pace, figures
from controlplane.domain.slo.grid import Grid, Series
from controlplane.domain.slo.objective import Objective
from controlplane.domain.slo.quantities import Interval, Quantities, exclusion_mask, tally
from controlplane.domain.slo.windows import Period, resolve
from controlplane.services.slo.fetching import Fetched, Fetcher, Wanted
from controlplane.services.slo.ports import SampleSource

_DAY_MS = 86_400_000
Exclusions = Callable[[Objective], Sequence[Interval]]


@dataclass(frozen=True)
class Assessment:
    """What is known about one objective now. ``problems`` says which parts are unknown, and why."""

    objective: Objective
    period: Period
    figures: Figures
    pace: Pace
    problems: tuple[str, ...]


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
    excluded: Sequence[Interval]
    seen: set[Source] = field(default_factory=set)
    problems: dict[str, None] = field(default_factory=dict)

    @property
    def stretches(self) -> list[_Stretch]:
        return [self.whole, *self.recent, self.before]

    @property
    def step(self) -> int:
        return round(self.objective.sampling.step_seconds * 1000)

    @property
    def start(self) -> int:
        return min(stretch.start for stretch in self.stretches)

    def grid(self, start: int, end: int) -> Grid:
        return Grid.between(max(start, self.start), min(end, self.whole.end), self.step)


def _nothing_excluded(_: Objective) -> Sequence[Interval]:
    return ()


class SloAssessor:
    """Computes assessments. ``clock`` gives the time, ``exclusions`` the maintenance of an objective."""

    def __init__(
        self, source: SampleSource, clock: Callable[[], datetime], exclusions: Exclusions = _nothing_excluded
    ) -> None:
        self._source = source
        self._clock = clock
        self._exclusions = exclusions

    async def assess(self, objectives: Sequence[Objective]) -> list[Assessment]:
        """Assess objectives as of now, in their order.

        Raises DependencyUnreachable when the source has not answered even once.
        What cannot be had later on is unknown, and listed as a problem.
        """
        now = self._clock()
        now_ms = round(now.timestamp() * 1000)
        accounts = [_open(objective, now, self._exclusions(objective)) for objective in objectives]
        fetcher = Fetcher(self._source)
        days = list(_days(accounts, now_ms))
        upcoming = asyncio.create_task(fetcher.fetch(days[0].wanted)) if days else None
        for position, day in enumerate(days):
            fetched = await upcoming if upcoming else {}
            is_last = position + 1 == len(days)
            upcoming = None if is_last else asyncio.create_task(fetcher.fetch(days[position + 1].wanted))
            for account in day.accounts:
                _add_day(account, day, fetched)
        return [_close(account) for account in accounts]


def _open(objective: Objective, now: datetime, excluded: Sequence[Interval]) -> _Account:
    period = resolve(objective.window, now.astimezone(UTC))
    step = round(objective.sampling.step_seconds * 1000)
    end = _milliseconds(now) // step * step

    def stretch(seconds: float, until: int = end) -> _Stretch:
        return _Stretch(until - round(seconds * 1000), until, Quantities(objective.unit))

    pairs = burn_rate_pairs(objective.window.nominal_seconds, objective.sampling.step_seconds)
    recent = [stretch(pair.long_seconds) for pair in pairs]
    start = end - round(period.seconds * 1000) if objective.window.calendar is None else _milliseconds(period.start)
    whole = _Stretch(start, end, Quantities(objective.unit))
    return _Account(objective, period, whole, recent, stretch(pairs[0].long_seconds, recent[0].start), excluded)


@dataclass(frozen=True)
class _Day:
    """A day (start, end] of UTC, the objectives that need it, and what they need."""

    start: int
    end: int
    accounts: Sequence[_Account]
    wanted: Mapping[Source, Wanted]


def _days(accounts: Sequence[_Account], now: int) -> Iterator[_Day]:
    position = min((account.start for account in accounts), default=now)
    last = max((account.whole.end for account in accounts), default=now)
    while position < last:
        end = min((position // _DAY_MS + 1) * _DAY_MS, last)
        present = [account for account in accounts if account.grid(position, end).count > 0]
        yield _Day(position, end, present, _wanted(present, position, end, now))
        position = end


def _wanted(accounts: Sequence[_Account], start: int, end: int, now: int) -> dict[Source, Wanted]:
    """Every source once, as wide as the objective that needs most of it."""
    wanted: dict[Source, Wanted] = {}
    for account in accounts:
        reach = margin(account.objective) + 2 * account.step
        first, last = max(start, account.start) - reach, min(end + reach, now)
        for source in sources(account.objective):
            known = wanted.get(source)
            wanted[source] = Wanted(min(first, known.start), max(last, known.end)) if known else Wanted(first, last)
    return wanted


def _add_day(account: _Account, day: _Day, fetched: Mapping[Source, Fetched]) -> None:
    objective = account.objective
    needed = {source: fetched[source] for source in sources(objective)}
    for source, answer in needed.items():
        account.problems.update(dict.fromkeys(answer.problems))
        if answer.series:
            account.seen.add(source)
    samples: dict[Source, list[Series]] = {source: answer.series for source, answer in needed.items()}
    slots = slots_of(objective, samples, account.grid(day.start, day.end))
    for stretch in account.stretches:
        inner = Grid.between(max(day.start, stretch.start), min(day.end, stretch.end), account.step)
        if inner.count:
            mask = exclusion_mask(inner, account.excluded)
            stretch.quantities += tally(slots.part(inner), objective.unit, mask)


def _close(account: _Account) -> Assessment:
    objective, period = account.objective, account.period
    silent = [source for source in sources(objective) if source not in account.seen]
    problems = (*account.problems, *(f"{source.expression}: no data in the window" for source in silent))
    result = figures(objective, account.whole.quantities, period.ahead_seconds)
    return Assessment(objective, period, result, _pace(account, result), problems)


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


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
