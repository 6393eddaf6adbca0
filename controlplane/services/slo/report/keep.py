"""Make the reports that are due, keep them, and delete those that are older than wanted."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from controlplane.domain.slo.kept_report import KeptKind, KeptReport, due, kept_id
from controlplane.domain.slo.report import Report
from controlplane.domain.slo.report_period import ReportPeriod

Files = Mapping[str, bytes]


class ReportStore(Protocol):
    """Where reports are kept. Every method raises DependencyUnreachable when it does not answer."""

    async def entries(self) -> list[KeptReport]:
        """Every kept report, the newest period first."""
        ...

    async def save(self, entry: KeptReport, files: Files) -> KeptReport:
        """Keep a report with its files, whole or not at all, in place of an earlier one of the same period."""
        ...

    async def file(self, report_id: str, name: str) -> bytes | None:
        """A file of a kept report, such as ``en.html`` or ``json``."""
        ...

    async def delete_ended_before(self, kind: KeptKind, moment: datetime) -> int:
        """Delete reports of periods that ended before a moment; returns how many."""
        ...


@dataclass(frozen=True)
class KeepPolicy:
    """Which reports are made by themselves, in which time zone, and how long each kind is kept."""

    kinds: tuple[KeptKind, ...]
    time_zone: str
    keep: Mapping[KeptKind, timedelta]


@dataclass(frozen=True)
class KeepResult:
    """What was made, what was left out because nothing had been measured yet, and how many were deleted."""

    made: tuple[KeptReport, ...]
    without_data: tuple[str, ...]
    deleted: int


class ReportKeeper:
    """Runs as often as one likes: what is kept and complete is left alone."""

    def __init__(
        self,
        store: ReportStore,
        make: Callable[[ReportPeriod], Awaitable[Report]],
        files_of: Callable[[Report], Files],
        policy: KeepPolicy,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._make = make
        self._files_of = files_of
        self._policy = policy
        self._clock = clock

    async def run(self) -> KeepResult:
        """Make what is due. Raises DependencyUnreachable when the store does not answer."""
        known = await self._store.entries()
        made: list[KeptReport] = []
        without_data: list[str] = []
        for kind in self._policy.kinds:
            for period in due(kind, known, self._policy.time_zone, self._clock()):
                report = await self._make(period)
                entry = kept(report, kind)
                # Before the first report of a kind there was nothing to measure; afterwards nothing is news.
                if not report.has_data and not any(one.kind == kind for one in (*known, *made)):
                    without_data.append(entry.id)
                    continue
                made.append(await self._store.save(entry, self._files_of(report)))
        return KeepResult(tuple(made), tuple(without_data), await self._delete())

    async def keep(self, kind: KeptKind, period: ReportPeriod) -> KeptReport:
        """Make the report of one period now, in place of the one that is kept."""
        report = await self._make(period)
        return await self._store.save(kept(report, kind), self._files_of(report))

    async def _delete(self) -> int:
        now = self._clock()
        return sum(
            [await self._store.delete_ended_before(kind, now - length) for kind, length in self._policy.keep.items()]
        )


def kept(report: Report, kind: KeptKind) -> KeptReport:
    """The entry of a report over a calendar unit; while the unit runs it is incomplete, and made again later."""
    if report.period is None or report.period.kind != kind:
        raise ValueError(f"the report is not over a {kind}")
    period = report.period
    return KeptReport(
        kept_id(kind, period.name),
        kind,
        period.period.start,
        period.period.end,
        report.verdict,
        report.is_complete and period.period.ahead_seconds <= 0,
        report.generated_at,
    )
