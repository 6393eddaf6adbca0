"""Make a report: walk through the samples of its period and the one before, and read the alerts.

Days that Prometheus has forgotten are taken from the roll-ups, and so are those of the period before.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

import numpy as np

from controlplane.domain.maintenance import Exclusion, within
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
from controlplane.domain.slo.grid import Grid, Series, Slots
from controlplane.domain.slo.objective import FreshnessIndicator, Objective
from controlplane.domain.slo.problem import SourceProblem
from controlplane.domain.slo.quantities import Interval, Quantities, exclusion_mask, tally
from controlplane.domain.slo.report import AlertHistory, Observed, Report, build_report
from controlplane.domain.slo.report_period import ReportPeriod, window_period
from controlplane.domain.slo.timeline import Timeline
from controlplane.errors import CmctlError
from controlplane.services.slo.fetching import Fetcher
from controlplane.services.slo.ports import DayStore, SampleSource
from controlplane.services.slo.report.recovery import RecoveryReader
from controlplane.services.slo.walk import DayOf, step_of, walk


@dataclass(frozen=True)
class Maintenances:
    """``exclusions`` gives the maintenance of an objective between two moments; ``problem`` why it is not known."""

    exclusions: Callable[[Objective, datetime, datetime], Sequence[Exclusion]]
    problem: str | None = None


class AlertReader(Protocol):
    """Where the alerts of a report come from. Never raises: what is not known is said in the answer."""

    async def between(self, start: datetime, end: datetime) -> AlertHistory:
        """Alerts that fired at any time from ``start`` to ``end``."""
        ...


@dataclass(frozen=True)
class Origin:
    """What a report says about where it comes from."""

    profile: str
    version: str
    source_url: str


@dataclass
class _Account:
    """One objective while its samples pass by. The stretch walked is the period before and the period."""

    objective: Objective
    period: ReportPeriod
    middle: int
    end: int
    start: int
    exclusions: tuple[Exclusion, ...]
    timeline: Timeline
    quantities: Quantities
    with_exclusions: Quantities
    before: Quantities
    days: Mapping[int, DayQuantities] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)
    rolled_up: list[date] = field(default_factory=list)
    outdated: list[date] = field(default_factory=list)
    forgets_exclusions: bool = False
    newest: float | None = None
    seen: set[Source] = field(default_factory=set)
    problems: dict[SourceProblem, None] = field(default_factory=dict)

    @property
    def intervals(self) -> list[Interval]:
        return [(_milliseconds(one.starts_at), _milliseconds(one.ends_at)) for one in self.exclusions]

    def settle(self, forgotten: int) -> None:
        """Take over the days that need no samples: all before ``forgotten``, and those that are only compared with."""
        for index in range(self.start // DAY_MS, -(-self.end // DAY_MS)):
            start, end = index * DAY_MS, (index + 1) * DAY_MS
            day = self.days.get(start)
            is_compared = day is not None and self.start <= start and end <= self.middle and self._is_up_to_date(day)
            if end > forgotten and not is_compared:
                continue
            self.settled.add(index)
            for first, last in ((self.start, self.middle), (self.middle, self.end)):
                if last <= start or first >= end:
                    continue
                if day is not None and first <= start and end <= last:
                    self._take(day)
                else:
                    grid = Grid.between(max(start, first), min(end, last), step_of(self.objective))
                    self._count(grid, unobserved(self.objective, grid, self.intervals))

    def _is_up_to_date(self, day: DayQuantities) -> bool:
        return day.exclusions == exclusions_text(self.intervals, day.start, day.start + DAY_MS)

    def _tells_more(self, day: DayQuantities, slots: Slots) -> bool:
        """Whether Prometheus has lost something of a day of the period since it was rolled up."""
        is_whole = self.middle <= day.start and day.start + DAY_MS <= self.end
        return is_whole and day.observed_seconds > observed_seconds(slots) + slots.grid.step / 1000

    def _take(self, day: DayQuantities) -> None:
        """Count a roll-up."""
        if day.start + DAY_MS <= self.middle:
            self.before += day.quantities
            return
        self._count(Grid.between(day.start, day.start + DAY_MS, step_of(self.objective)), day.quantities)
        self.rolled_up.append(day.day)
        self.forgets_exclusions = self.forgets_exclusions or bool(day.exclusions)
        if not self._is_up_to_date(day):
            self.outdated.append(day.day)

    def _count(self, grid: Grid, quantities: Quantities) -> None:
        """Count a stretch without slots."""
        if not grid.count:
            return
        if int(grid.ends[-1]) <= self.middle:
            self.before += quantities
            return
        self.quantities += quantities
        self.with_exclusions += quantities
        self.timeline.add_day(grid.first_end - grid.step, int(grid.ends[-1]), quantities)

    def add(self, day: DayOf["_Account"]) -> None:
        grid = day.slots.grid
        known = self.days.get((grid.first_end - 1) // DAY_MS * DAY_MS)
        if known is not None and self._tells_more(known, day.slots):
            self._take(known)
            return
        first, last = grid.first_end - grid.step, int(grid.ends[-1])
        earlier = Grid.between(first, min(last, self.middle), grid.step)
        if earlier.count:
            mask = exclusion_mask(earlier, self.intervals)
            self.before += tally(day.slots.part(earlier), self.objective.unit, mask)
        inner = Grid.between(max(first, self.middle), last, grid.step)
        if not inner.count:
            return
        slots, mask = day.slots.part(inner), exclusion_mask(inner, self.intervals)
        counted = tally(slots, self.objective.unit, mask)
        self.quantities += counted
        self.with_exclusions += tally(slots, self.objective.unit) if mask.any() else counted
        self.timeline.add(slots, mask)
        self.seen.update(source for source, series in day.samples.items() if series)
        # Queries reach beyond the day that they are for on either side.
        cut = (replace(one, start=max(one.start, first), end=min(one.end, last)) for one in day.problems)
        self.problems.update(dict.fromkeys(one for one in cut if one.end > max(one.start, self.middle)))
        if isinstance(self.objective.indicator, FreshnessIndicator):
            self.newest = _newest(day.samples, self.end) or self.newest

    def observed(self) -> Observed:
        return Observed(
            objective=self.objective,
            period=self.period,
            quantities=self.quantities,
            with_exclusions=None if self.forgets_exclusions else self.with_exclusions,
            before=self.before,
            timeline=self.timeline,
            exclusions=tuple(within(self.exclusions, self.period.period.start, self.period.period.end)),
            newest_timestamp=None if self.newest is None else datetime.fromtimestamp(self.newest, UTC),
            problems=tuple(self.problems),
            silent=()
            if self.rolled_up
            else tuple(one.expression for one in sources(self.objective) if one not in self.seen),
            rolled_up=tuple(self.rolled_up),
            outdated=tuple(self.outdated),
        )


class SloReporter:
    """Makes reports. With ``days``, the roll-ups, and ``memory``, nothing older is asked of Prometheus."""

    def __init__(
        self,
        source: SampleSource,
        alerts: AlertReader,
        maintenances: Maintenances,
        clock: Callable[[], datetime],
        origin: Origin,
        days: DayStore | None = None,
        memory: timedelta | None = None,
        recovery: RecoveryReader | None = None,
    ) -> None:
        self._recovery = recovery
        self._source = source
        self._alerts = alerts
        self._maintenances = maintenances
        self._clock = clock
        self._origin = origin
        self._days = days
        self._memory = memory

    async def report(self, objectives: Sequence[Objective], period: ReportPeriod | None = None) -> Report:
        """Report objectives over a period, or each over its own window.

        Nothing that fails makes the report fail: what cannot be had is unknown, and the report says why.
        """
        now = self._clock()
        accounts = [self._open(one, period or window_period(one.window, now)) for one in objectives]
        now_ms = _milliseconds(now)
        await self._settle(accounts, now_ms)

        def is_wanted(account: _Account, start: int, end: int) -> bool:
            return start // DAY_MS not in account.settled

        async for day in walk(Fetcher(self._source, must_answer=False), accounts, now_ms, is_wanted):
            day.traveller.add(day)
        start = min((account.period.period.start for account in accounts), default=now)
        end = max((account.period.period.end for account in accounts), default=now)
        history = await self._alerts.between(start, end)
        origin = self._origin
        observed = [account.observed() for account in accounts]
        return build_report(
            origin.profile,
            origin.version,
            origin.source_url,
            now,
            period,
            observed,
            history,
            self._maintenances.problem,
            None if self._recovery is None else await self._recovery.before(end),
        )

    async def _settle(self, accounts: Sequence[_Account], now: int) -> None:
        """Read the roll-ups, and count the days that need no samples."""
        forgotten = now - round(self._memory.total_seconds() * 1000) if self._memory else 0
        first = min((account.start for account in accounts), default=now)
        wanted = [(account.objective.name, definition_of(account.objective)) for account in accounts]
        found: dict[str, dict[int, DayQuantities]] = {}
        if self._days is not None and accounts:
            # While the store does not answer, maintenance is not known either, and the report says so.
            with contextlib.suppress(CmctlError):
                for day in await self._days.read(wanted, day_of(first), day_of(now)):
                    found.setdefault(day.objective, {})[day.start] = day
        for account in accounts:
            account.days = found.get(account.objective.name, {})
            account.settle(forgotten)

    def _open(self, objective: Objective, period: ReportPeriod) -> _Account:
        step, unit = step_of(objective), objective.unit
        end, middle = _milliseconds(period.period.end), _milliseconds(period.period.start)
        if period.kind in ("rolling", "custom"):
            # Whole slots: the latest that has ended, and as many as the window is long.
            end, middle = end // step * step, end // step * step - (end - middle)
        start = middle - (_milliseconds(period.before.end) - _milliseconds(period.before.start))
        return _Account(
            objective=objective,
            period=period,
            middle=middle,
            end=end,
            start=start,
            exclusions=tuple(self._maintenances.exclusions(objective, period.before.start, period.period.end)),
            timeline=Timeline(middle, end, step, unit, objective.error_budget),
            quantities=Quantities(unit),
            with_exclusions=Quantities(unit),
            before=Quantities(unit),
        )


def _newest(samples: Mapping[Source, Sequence[Series]], end: int) -> float | None:
    """The newest timestamp that the samples up to ``end`` hold."""
    values = [
        float(one.values[position])
        for series in samples.values()
        for one in series
        if (position := int(np.searchsorted(one.timestamps, end, side="right")) - 1) >= 0
    ]
    return max((value for value in values if np.isfinite(value)), default=None)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
