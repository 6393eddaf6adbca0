"""Reports over days that Prometheus has forgotten: the sums are those of the roll-ups, and the report says so."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from controlplane.domain.maintenance import Exclusion
from controlplane.domain.slo.days import DayQuantities
from controlplane.domain.slo.objective import Objective
from controlplane.domain.slo.report import AlertHistory, ObjectiveReport
from controlplane.domain.slo.report_period import custom
from controlplane.services.slo.ports import Answer
from controlplane.services.slo.report.compose import compose
from controlplane.services.slo.report.document import Table, text_of
from controlplane.services.slo.report.make import Maintenances, Origin, SloReporter
from controlplane.services.slo.rollup import RollUp
from tests.support.reports import (
    AVAILABILITY,
    END,
    ERRORS,
    EXCLUSIONS,
    NOW,
    START,
    WrittenAlerts,
    WrittenSamples,
    at,
    make_report,
    ms,
    story,
)

MEMORY = timedelta(days=5)


class DaysInMemory:
    """A DayStore."""

    def __init__(self) -> None:
        self.days: dict[tuple[str, str, date], DayQuantities] = {}

    async def read(self, wanted: Sequence[tuple[str, str]], first: date, last: date) -> list[DayQuantities]:
        return [one for key, one in self.days.items() if key[:2] in wanted and first <= one.day <= last]

    async def save(self, days: Sequence[DayQuantities]) -> None:
        self.days.update({(one.objective, one.definition, one.day): one for one in days})


class Forgetful:
    """The written samples of the last five days."""

    def __init__(self, samples: WrittenSamples) -> None:
        self._samples = samples
        self.oldest_asked = ms(NOW)

    async def samples(self, selector: str, start: int, end: int) -> Answer:
        self.oldest_asked = min(self.oldest_asked, start)
        return await self._samples.samples(selector, max(start, ms(NOW - MEMORY)), end)

    async def values(self, query: str, start: int, end: int, step: int) -> Answer:
        raise AssertionError(query)


def _excluded(exclusions: Sequence[Exclusion]) -> Maintenances:
    return Maintenances(lambda objective, start, end: exclusions)


async def _report(
    objective: Objective, store: DaysInMemory | None, exclusions: Sequence[Exclusion]
) -> tuple[ObjectiveReport, Forgetful]:
    source = Forgetful(story())
    origin = Origin("p", "1", "http://x.example")
    alerts = WrittenAlerts(AlertHistory(()))
    reporter = SloReporter(source, alerts, _excluded(exclusions), lambda: NOW, origin, store, MEMORY)
    (report,) = (await reporter.report([objective], custom(START, END, "UTC", NOW))).objectives
    return report, source


async def _rolled_up(exclusions: Sequence[Exclusion] = EXCLUSIONS) -> DaysInMemory:
    store = DaysInMemory()
    work = RollUp(story(), store, lambda: NOW, lambda objective, start, end: exclusions, timedelta(days=25))
    result = await work.run([AVAILABILITY, ERRORS])
    assert (result.written, result.problems) == (2 * 24, ())
    return store


@pytest.mark.parametrize("objective", [AVAILABILITY, ERRORS], ids=lambda one: one.name)
async def test_the_sums_are_those_of_the_samples(objective: Objective) -> None:
    report, source = await _report(objective, await _rolled_up(), EXCLUSIONS)
    (direct,) = (await make_report(objective)).objectives
    assert report.figures.quantities == direct.figures.quantities
    assert report.before is not None
    assert direct.before is not None
    assert report.before.quantities == direct.before.quantities
    # Five days are forgotten, and of the sixth the roll-up remembers more. Of older ones only a margin is asked for.
    assert report.rolled_up == tuple(at(day).date() for day in range(6))
    assert source.oldest_asked > ms(NOW - MEMORY) - 86_400_000
    for name in ("good", "bad", "unknown_seconds", "excluded_seconds"):
        total = sum(getattr(point, name) for point in report.course)
        assert total == pytest.approx(getattr(direct.figures.quantities, name, total))


async def test_a_loss_of_a_rolled_up_day_has_the_bounds_of_the_day() -> None:
    report, _ = await _report(AVAILABILITY, await _rolled_up(), EXCLUSIONS)
    first, second = report.losses
    assert (first.start, first.end, first.bad) == (at(2), at(3), 1800)
    assert (second.start, second.end, second.bad) == (at(7, 60), at(7, 64), 240)
    # How the excluded time was is not remembered.
    assert report.sli_with_exclusions is None


async def test_without_roll_ups_forgotten_days_are_unknown() -> None:
    report, _ = await _report(AVAILABILITY, None, EXCLUSIONS)
    quantities = report.figures.quantities
    assert quantities.known_seconds + quantities.unknown_seconds + quantities.excluded_seconds == 10 * 86_400
    assert quantities.unknown_seconds >= 5 * 86_400 - 7200
    assert report.rolled_up == ()


async def test_maintenance_entered_since_cannot_be_taken_out_and_the_report_says_so() -> None:
    report, _ = await _report(AVAILABILITY, await _rolled_up(()), EXCLUSIONS)
    assert report.outdated == (at(4).date(),)
    assert report.figures.quantities.bad == 34 * 60 + 7200

    source, origin = Forgetful(story()), Origin("p", "1", "http://x.example")
    alerts = WrittenAlerts(AlertHistory(()))
    store = await _rolled_up(())
    reporter = SloReporter(source, alerts, _excluded(EXCLUSIONS), lambda: NOW, origin, store, MEMORY)
    document = compose(await reporter.report([AVAILABILITY], custom(START, END, "UTC", NOW)), "en", "UTC")
    problems = next(section for section in document.sections if section.anchor == "unknown")
    (table,) = (block for block in problems.blocks if isinstance(block, Table))
    assert [[text_of(cell) for cell in row][:3] for row in table.rows] == [
        [
            "2026-11-14",
            "the samples are gone; maintenance that was entered since cannot be taken out",
            "mcp-availability",
        ]
    ]
