"""Rolling up, and assessing from roll-ups, with a store in memory and a source that forgets."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from controlplane.domain.maintenance import Exclusion
from controlplane.domain.slo.days import DayQuantities
from controlplane.domain.slo.grid import Series
from controlplane.domain.slo.objective import CounterIndicator, GaugeIndicator, Objective, TimeWindow
from controlplane.domain.slo.selector import parse_selector
from controlplane.errors import DependencyUnreachable
from controlplane.services.slo.assess import Assessment, SloAssessor
from controlplane.services.slo.ports import Answer, QueryFailed
from controlplane.services.slo.rollup import RollUp, RollUpResult

STEP = 15_000
NOW = datetime(2026, 11, 20, 13, 30, 7, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)
UP = Objective(
    "up", "s", "t", "t", "", GaugeIndicator(parse_selector("up")), TimeWindow(rolling_seconds=20 * 86_400), 0.999
)
ERRORS = replace(UP, name="errors", indicator=CounterIndicator(parse_selector("all"), parse_selector("failed"), "bad"))
MEMORY = timedelta(days=12)


class MemoryStore:
    """A DayStore in memory (stand-in; the real one has tests of its own)."""

    def __init__(self) -> None:
        self.days: dict[tuple[str, str, date], DayQuantities] = {}
        self.saved = 0

    async def read(self, wanted: Sequence[tuple[str, str]], first: date, last: date) -> list[DayQuantities]:
        return [one for key, one in self.days.items() if key[:2] in wanted and first <= one.day <= last]

    async def save(self, days: Sequence[DayQuantities]) -> None:
        self.saved += len(days)
        self.days.update({(one.objective, one.definition, one.day): one for one in days})


class ForgetfulSource:
    """``up`` is 0 for the first ten minutes of every day; counters count. Nothing before ``since`` is remembered."""

    def __init__(self, since: datetime) -> None:
        self.since = round(since.timestamp() * 1000)
        self.asked: list[tuple[int, int]] = []
        self.broken: tuple[datetime, datetime] | None = None

    async def samples(self, selector: str, start: int, end: int) -> Answer:
        self.asked.append((start, end))
        if self.broken and start < self.broken[1].timestamp() * 1000 and end > self.broken[0].timestamp() * 1000:
            raise QueryFailed("Prometheus answered 503")
        at = np.arange(max(start, self.since) // STEP * STEP + 14_000, end + 1, STEP, dtype=np.int64)
        at = at[at > max(start, self.since)]
        values = {"up": (at % 86_400_000 > 600_000).astype(float), "all": at / 1000, "failed": at / 100_000}
        return Answer([Series({"job": "j", "instance": "i"}, at, values[selector])] if at.size else [])

    async def values(self, query: str, start: int, end: int, step: int) -> Answer:
        raise AssertionError


class Office:
    """Everything that a roll-up and an assessment work with."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.source = ForgetfulSource(NOW - timedelta(days=10))
        self.excluded: list[Exclusion] = []
        self.now = NOW

    async def roll_up(self, *objectives: Objective, again: bool = False) -> RollUpResult:
        work = RollUp(self.source, self.store, lambda: self.now, lambda *_: self.excluded, MEMORY)
        return await work.run(objectives or (UP, ERRORS), again)

    async def assess(self, objective: Objective = UP) -> Assessment:
        assessor = SloAssessor(self.source, lambda: self.now, lambda *_: self.excluded, self.store, MEMORY)
        return (await assessor.assess([objective]))[0]

    def exclude(self, start: datetime, end: datetime) -> None:
        self.excluded.append(Exclusion(1, "a", "r", start, end, planned=False))


@pytest.fixture
def office() -> Office:
    return Office()


async def test_days_that_are_over_are_written_once(office: Office) -> None:
    first = await office.roll_up()
    assert first.problems == ()
    assert first.written == 2 * 11  # memory of 12 days begins within a day, of which nothing complete is left
    assert await office.roll_up() == RollUpResult(0, 0, ())
    assert max(one.day for one in office.store.days.values()) == date(2026, 11, 19)


async def test_a_day_waits_for_the_end_of_the_gaps_that_its_counters_may_bridge(office: Office) -> None:
    office.now = MIDNIGHT + timedelta(minutes=20)
    await office.roll_up()
    newest = {one.objective: one.day for one in sorted(office.store.days.values(), key=lambda one: one.day)}
    assert newest == {"up": date(2026, 11, 19), "errors": date(2026, 11, 18)}


@pytest.mark.parametrize("objective", [UP, ERRORS], ids=lambda one: one.name)
async def test_with_and_without_roll_ups_is_the_same_while_everything_is_remembered(
    office: Office, objective: Objective
) -> None:
    office.exclude(NOW - 7 * DAY, NOW - 6 * DAY)
    direct = await office.assess(objective)
    await office.roll_up()
    asked = len(office.source.asked)
    rolled = await office.assess(objective)
    assert rolled.figures.quantities.good == pytest.approx(direct.figures.quantities.good, rel=1e-12)
    assert rolled.figures.quantities.bad == pytest.approx(direct.figures.quantities.bad, rel=1e-12)
    assert rolled.figures.quantities.excluded_seconds == direct.figures.quantities.excluded_seconds == 86_400
    assert rolled.figures.coverage == pytest.approx(direct.figures.coverage, rel=1e-12)
    assert (rolled.pace, rolled.problems) == (direct.pace, direct.problems)
    assert len(office.source.asked) - asked < asked / 4


async def test_roll_ups_are_remembered_when_prometheus_has_forgotten(office: Office) -> None:
    await office.roll_up()
    before = await office.assess()
    office.source.since = round((NOW - 5 * DAY).timestamp() * 1000)
    after = await office.assess()
    assert after.figures == before.figures
    office.now = NOW + 8 * DAY
    await office.roll_up()
    later = await office.assess()
    assert later.figures.quantities.bad == 600 * 18  # 10.x days before NOW are known, 8 after it
    assert later.problems == ()


async def test_without_a_roll_up_what_is_forgotten_is_unknown_and_not_asked_for(office: Office) -> None:
    (result,) = [await office.assess()]
    assert result.figures.quantities.unknown_seconds == pytest.approx(10 * 86_400, abs=60)
    assert min(start for start, _ in office.source.asked) > (NOW - MEMORY - 2 * DAY).timestamp() * 1000


async def test_an_outage_of_the_control_plane_is_filled_in(office: Office) -> None:
    office.now = NOW - 6 * DAY
    await office.roll_up()
    office.now = NOW
    result = await office.roll_up()
    assert result.written == 2 * 6


async def test_maintenance_entered_afterwards_changes_its_days_and_no_other(office: Office) -> None:
    await office.roll_up(UP)
    office.exclude(MIDNIGHT - 6 * DAY, MIDNIGHT - 6 * DAY + timedelta(seconds=300))
    outdated = await office.assess()  # the samples are still there, and are asked for instead
    assert outdated.figures.quantities.bad == 600 * 10 - 300
    assert (await office.roll_up(UP)).written == 1
    assert (await office.assess()).figures.quantities == outdated.figures.quantities
    office.excluded.clear()
    assert (await office.roll_up(UP)).written == 1
    assert (await office.assess()).figures.quantities.bad == 600 * 10


async def test_maintenance_entered_too_late_is_told_and_the_day_kept(office: Office) -> None:
    await office.roll_up(UP)
    office.source.since = round((NOW - 5 * DAY).timestamp() * 1000)
    office.exclude(MIDNIGHT - 8 * DAY, MIDNIGHT - 7 * DAY)
    assert await office.roll_up(UP) == RollUpResult(0, 1, ())
    result = await office.assess()
    assert result.figures.quantities.bad == 600 * 10
    assert result.problems == (
        "2026-11-12: the samples are gone; maintenance that was entered since cannot be taken out",
    )


async def test_all_again_replaces_nothing_by_less(office: Office) -> None:
    await office.roll_up(UP)
    stored = dict(office.store.days)
    office.source.since = round(MIDNIGHT.timestamp() * 1000) - 3 * 86_400_000
    result = await office.roll_up(UP, again=True)
    assert (result.kept, {key: one.quantities for key, one in office.store.days.items()}) == (
        7,
        {key: one.quantities for key, one in stored.items()},
    )


async def test_a_day_with_a_problem_is_told_and_tried_again(office: Office) -> None:
    office.source.broken = (MIDNIGHT - 3 * DAY + timedelta(hours=3), MIDNIGHT - 3 * DAY + timedelta(hours=4))
    result = await office.roll_up(UP)
    assert (result.written, len(result.problems)) == (10, 1)
    assert result.problems[0].startswith("up: up: ")
    office.source.broken = None
    assert await office.roll_up(UP) == RollUpResult(1, 0, ())


async def test_a_changed_definition_is_another_objective(office: Office) -> None:
    await office.roll_up(UP)
    changed = replace(UP, indicator=GaugeIndicator(parse_selector("up"), value=2.0))
    assert (await office.roll_up(changed)).written == 11
    assert (await office.assess(changed)).figures.quantities.good == 0


async def test_a_store_that_does_not_answer_leaves_the_rest_known(office: Office) -> None:
    class Broken(MemoryStore):
        async def read(self, wanted: Sequence[tuple[str, str]], first: date, last: date) -> list[DayQuantities]:
            raise DependencyUnreachable("PostgreSQL does not answer")

    office.store = Broken()
    result = await office.assess()
    assert result.figures.coverage == pytest.approx(0.5, abs=0.01)
    assert "PostgreSQL does not answer" in result.problems[0]
    with pytest.raises(DependencyUnreachable):
        await office.roll_up()
