"""Assess objectives over their windows from raw samples, a day at a time, every query asked once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from controlplane.domain.maintenance import Exclusion, within
from controlplane.domain.slo.burn_rate import burn_rate, burn_rate_pairs, seconds_to_exhaustion, trend
from controlplane.domain.slo.evaluate import Source, sources
from controlplane.domain.slo.figures import BurnRate, Figures, Pace, figures
from controlplane.domain.slo.grid import Grid
from controlplane.domain.slo.objective import Objective
from controlplane.domain.slo.quantities import Interval, Quantities, exclusion_mask, tally
from controlplane.domain.slo.windows import Period, resolve
from controlplane.services.slo.fetching import Fetcher
from controlplane.services.slo.ports import SampleSource
from controlplane.services.slo.walk import DayOf, step_of, walk

Exclusions = Callable[[Objective, datetime, datetime], Sequence[Exclusion]]


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
    """Computes assessments. ``clock`` gives the time, ``exclusions`` the maintenance of an objective in a stretch."""

    def __init__(
        self, source: SampleSource, clock: Callable[[], datetime], exclusions: Exclusions = nothing_excluded
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
        accounts = [self._open(objective, now) for objective in objectives]
        async for day in walk(Fetcher(self._source), accounts, now_ms):
            _add_day(day.traveller, day)
        return [_close(account) for account in accounts]

    def _open(self, objective: Objective, now: datetime) -> _Account:
        account = _open(objective, now)
        found = self._exclusions(objective, _moment(account.start), now)
        account.excluded = [(_milliseconds(one.starts_at), _milliseconds(one.ends_at)) for one in found]
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


def _add_day(account: _Account, day: DayOf[_Account]) -> None:
    account.problems.update(dict.fromkeys(str(problem) for problem in day.problems))
    account.seen.update(source for source, series in day.samples.items() if series)
    grid = day.slots.grid
    for stretch in account.stretches:
        inner = Grid.between(
            max(grid.first_end - grid.step, stretch.start), min(int(grid.ends[-1]), stretch.end), grid.step
        )
        if inner.count:
            mask = exclusion_mask(inner, account.excluded)
            stretch.quantities += tally(day.slots.part(inner), account.objective.unit, mask)


def _close(account: _Account) -> Assessment:
    objective, period = account.objective, account.period
    silent = [source for source in sources(objective) if source not in account.seen]
    problems = (*account.problems, *(f"{source.expression}: no data in the window" for source in silent))
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


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
