"""A report: everything it says, computed, with no I/O. What it looks like is decided elsewhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from controlplane.domain.maintenance import Exclusion
from controlplane.domain.slo.figures import Figures, Verdict, figures
from controlplane.domain.slo.incidents import IncidentHistory
from controlplane.domain.slo.objective import Objective
from controlplane.domain.slo.outlook import Outlook
from controlplane.domain.slo.problem import ProblemKind, SourceProblem
from controlplane.domain.slo.quantities import Quantities
from controlplane.domain.slo.recovery import RecoveryHistory, RecoveryReport, recovery_report
from controlplane.domain.slo.report_period import ReportPeriod
from controlplane.domain.slo.response import AlertFact, Response, behind, response
from controlplane.domain.slo.timeline import Minute, Point, Stretch, Timeline
from controlplane.domain.slo.unusual import AnomalyReport
from controlplane.domain.slo.windows import Period

LOSSES_SHOWN = 10
UNKNOWN_SHOWN = 10
ALERTS_PER_LOSS = 8
# How long after a loss an alert may still tell of it: evaluation, `for`, and the short window of a page.
ALERT_SLACK = timedelta(minutes=10)
_ORDER: tuple[Verdict, ...] = ("missed", "not_enough_data", "at_risk", "met")


@dataclass(frozen=True)
class Loss:
    """A stretch in which the objective lost: how much, and its share of the whole budget (1 is all of it)."""

    start: datetime
    end: datetime
    bad: float
    budget_share: float | None
    alerts: tuple[AlertFact, ...]
    more_alerts: int


@dataclass(frozen=True)
class UnknownStretch:
    """A stretch of which something is unknown, and for how many seconds in it."""

    start: datetime
    end: datetime
    seconds: float


@dataclass(frozen=True)
class Freshness:
    """Age of the newest timestamp at the end of the period, in seconds; None when none was seen then."""

    newest: datetime | None
    age_seconds: float | None
    max_age_seconds: float


@dataclass(frozen=True)
class ProblemGroup:
    """The same problem of one or more queries over a stretch of time."""

    kind: ProblemKind
    detail: str
    expressions: tuple[str, ...]
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Observed:
    """What was observed of one objective over one period: the input of its report.

    ``with_exclusions`` are the quantities as if no maintenance had been excluded (None: not known any more), ``before``
    those of the period before. ``silent`` are the queries that returned nothing at all. Of the ``rolled_up`` days only
    the sums are left; maintenance entered since cannot be taken out of the ``outdated`` ones among them.
    """

    objective: Objective
    period: ReportPeriod
    quantities: Quantities
    with_exclusions: Quantities | None
    before: Quantities | None
    timeline: Timeline
    exclusions: tuple[Exclusion, ...]
    newest_timestamp: datetime | None
    problems: tuple[SourceProblem, ...]
    silent: tuple[str, ...]
    rolled_up: tuple[date, ...] = ()
    outdated: tuple[date, ...] = ()


@dataclass(frozen=True)
class ObjectiveReport:
    """One objective over one period."""

    objective: Objective
    period: ReportPeriod
    figures: Figures
    burn_rate: float | None
    unknown_decides: bool
    sli_with_exclusions: float | None
    before: Figures | None
    course: tuple[Point, ...]
    losses: tuple[Loss, ...]
    loss_count: int
    spread_thin: float
    unknown: tuple[UnknownStretch, ...]
    unknown_count: int
    worst_minutes: tuple[Minute, ...]
    exclusions: tuple[Exclusion, ...]
    response: Response | None
    freshness: Freshness | None
    problems: tuple[ProblemGroup, ...]
    silent: tuple[str, ...]
    rolled_up: tuple[date, ...]
    outdated: tuple[date, ...]


@dataclass(frozen=True)
class AlertHistory:
    """The alerts of the longest period, or why they are not known. ``warnings`` say where they came from instead."""

    alerts: tuple[AlertFact, ...]
    problem: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """All objectives. ``period`` is None when each is reported over its own window.

    ``maintenance_problem`` says why maintenance is not known, and so none excluded. ``recovery`` is None where nobody
    asked for backups and drills; so are ``outlook`` (forecasts), ``incidents`` and ``anomalies``.
    """

    profile: str
    generated_at: datetime
    version: str
    source_url: str
    period: ReportPeriod | None
    verdict: Verdict
    objectives: tuple[ObjectiveReport, ...]
    response: Response | None
    history: AlertHistory
    maintenance_problem: str | None
    recovery: RecoveryReport | None = None
    outlook: Outlook | None = None
    incidents: IncidentHistory | None = None
    anomalies: AnomalyReport | None = None

    @property
    def start(self) -> datetime:
        """Earliest moment of any objective."""
        return min((one.period.period.start for one in self.objectives), default=self.generated_at)

    @property
    def end(self) -> datetime:
        """Latest moment of any objective."""
        return max((one.period.period.end for one in self.objectives), default=self.generated_at)

    @property
    def is_complete(self) -> bool:
        """Whether every query was answered; what was not may be answered later."""
        failed = any(group.kind == "failed" for one in self.objectives for group in one.problems)
        incidents_known = self.incidents is None or self.incidents.problem is None
        return not failed and self.history.problem is None and self.maintenance_problem is None and incidents_known

    @property
    def has_data(self) -> bool:
        """Whether anything was known of any objective."""
        return any(one.figures.coverage > 0 for one in self.objectives)


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on all objectives: the worst of theirs, and not enough data when there is none."""
    found = set(verdicts)
    return next((verdict for verdict in _ORDER if verdict in found), "not_enough_data")


def build_report(
    profile: str,
    version: str,
    source_url: str,
    generated_at: datetime,
    period: ReportPeriod | None,
    observed: Sequence[Observed],
    history: AlertHistory,
    maintenance_problem: str | None = None,
    recovery: RecoveryHistory | None = None,
) -> Report:
    """The report of what was observed. ``maintenance_problem``: why maintenance is not known, and none excluded."""
    objectives = tuple(objective_report(one, history) for one in observed)
    start = min((one.period.period.start for one in observed), default=generated_at)
    end = max((one.period.period.end for one in observed), default=generated_at)
    return Report(
        profile=profile,
        generated_at=generated_at,
        version=version,
        source_url=source_url,
        period=period,
        verdict=overall(one.figures.verdict for one in objectives),
        objectives=objectives,
        response=None if history.problem else response(history.alerts, start, end),
        history=history,
        maintenance_problem=maintenance_problem,
        recovery=None if recovery is None else recovery_report(recovery, start, end),
    )


def objective_report(observed: Observed, history: AlertHistory) -> ObjectiveReport:
    """The report of one objective."""
    objective, period = observed.objective, observed.period.period
    result = figures(objective, observed.quantities, period.ahead_seconds)
    losses = observed.timeline.losses.largest()
    known = losses if len(losses) <= LOSSES_SHOWN else sorted(losses, key=lambda one: -one.amount)[:LOSSES_SHOWN]
    shown = sorted(known, key=lambda one: one.start)
    own = [alert for alert in history.alerts if alert.slo == objective.name or alert.service == objective.service]
    in_losses = sum(one.amount for one in losses)
    return ObjectiveReport(
        objective=objective,
        period=observed.period,
        figures=result,
        burn_rate=None if result.sli is None else (1.0 - result.sli) / objective.error_budget,
        unknown_decides=unknown_decides(result, objective),
        sli_with_exclusions=None if observed.with_exclusions is None else observed.with_exclusions.sli,
        before=None if observed.before is None else figures(objective, observed.before),
        course=observed.timeline.course(),
        losses=tuple(_loss(one, objective, result, history.alerts) for one in shown),
        loss_count=observed.timeline.losses.count,
        spread_thin=max(0.0, observed.quantities.bad - in_losses),
        unknown=tuple(_unknown(one) for one in _longest(observed.timeline.unknown.largest())),
        unknown_count=observed.timeline.unknown.count,
        worst_minutes=observed.timeline.worst_minutes(),
        exclusions=observed.exclusions,
        response=None if history.problem else response(own, period.start, period.end),
        freshness=_freshness(observed),
        problems=tuple(_cut(one, period) for one in grouped(observed.problems)),
        silent=observed.silent,
        rolled_up=observed.rolled_up,
        outdated=observed.outdated,
    )


def unknown_decides(result: Figures, objective: Objective) -> bool:
    """Whether the unknown part, if it was all good or all bad, would make met of missed or the other way round."""
    best, worst = result.best_case.sli, result.worst_case.sli
    if best is None or worst is None:
        return True
    return worst < objective.target <= best


def grouped(problems: Iterable[SourceProblem]) -> tuple[ProblemGroup, ...]:
    """The same problem of several queries or on days in a row, told once."""
    groups: dict[tuple[ProblemKind, str], list[SourceProblem]] = {}
    for problem in problems:
        groups.setdefault((problem.kind, problem.detail), []).append(problem)
    found = [group for members in groups.values() for group in _in_a_row(members)]
    return tuple(sorted(found, key=lambda one: (one.start, one.detail)))


def _cut(group: ProblemGroup, period: Period) -> ProblemGroup:
    """Queries reach a little beyond the period on either side; that is nobody's concern."""
    return replace(group, start=max(group.start, period.start), end=min(group.end, period.end))


def _in_a_row(problems: Sequence[SourceProblem]) -> list[ProblemGroup]:
    runs: list[list[SourceProblem]] = []
    for problem in sorted(problems, key=lambda one: (one.start, one.end, one.expression)):
        if runs and problem.start <= max(one.end for one in runs[-1]):
            runs[-1].append(problem)
        else:
            runs.append([problem])
    return [
        ProblemGroup(
            run[0].kind,
            run[0].detail,
            tuple(dict.fromkeys(one.expression for one in run)),
            moment(run[0].start),
            moment(max(one.end for one in run)),
        )
        for run in runs
    ]


def _loss(stretch: Stretch, objective: Objective, result: Figures, alerts: Sequence[AlertFact]) -> Loss:
    start, end = moment(stretch.start), moment(stretch.end)
    found = behind(alerts, objective, start, end, ALERT_SLACK)
    share = stretch.amount / result.budget.allowed if result.budget.allowed else None
    return Loss(start, end, stretch.amount, share, found[:ALERTS_PER_LOSS], max(0, len(found) - ALERTS_PER_LOSS))


def _unknown(stretch: Stretch) -> UnknownStretch:
    return UnknownStretch(moment(stretch.start), moment(stretch.end), stretch.amount)


def _longest(stretches: Sequence[Stretch]) -> list[Stretch]:
    longest = sorted(stretches, key=lambda one: -one.amount)[:UNKNOWN_SHOWN]
    return sorted(longest, key=lambda one: one.start)


def _freshness(observed: Observed) -> Freshness | None:
    max_age = getattr(observed.objective.indicator, "max_age_seconds", None)
    if max_age is None:
        return None
    newest = observed.newest_timestamp
    age = None if newest is None else (observed.period.period.end - newest).total_seconds()
    return Freshness(newest, age, max_age)


def moment(milliseconds: int) -> datetime:
    """A moment in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
