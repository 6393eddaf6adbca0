"""Maintenance windows and deploys keep their time out of what is learnt."""

from datetime import UTC, datetime, timedelta

from controlplane.domain.action import Action
from controlplane.domain.maintenance import Maintenance
from controlplane.services.actions import ActionFilter
from controlplane.services.anomaly.quiet import RecordedQuiet
from tests.unit.services.anomaly.fakes import watch

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


class Entries:
    """One maintenance of the service web from noon to half past."""

    async def all(self) -> list[Maintenance]:
        return [Maintenance(1, "k", "ann", "upgrade", ("web",), (), NOON, at(30), None, "UTC", at(-60))]


class Ledger:
    """Actions that the test names."""

    def __init__(self, *actions: Action) -> None:
        self.actions = actions

    async def list_actions(self, wanted: ActionFilter) -> list[Action]:
        return [action for action in self.actions if action.kind == wanted.kind]


def action(kind: str, until: datetime | None, outcome: str = "succeeded") -> Action:
    return Action(0, kind, "ann", "mcp_server", "", NOON, until, outcome)  # type: ignore[arg-type]


def quiet(*actions: Action) -> RecordedQuiet:
    return RecordedQuiet(Entries(), Ledger(*actions), timedelta(minutes=15))  # type: ignore[arg-type]


async def test_a_window_is_quiet_for_its_services_only() -> None:
    (period,) = await quiet().between(at(10), at(11))
    assert (period.start, period.end, period.reason) == (NOON, at(30), "upgrade")
    assert period.is_about(watch(service="web")) and not period.is_about(watch(service="node"))
    assert not await quiet().between(at(30), at(40))


async def test_a_deploy_is_quiet_until_it_has_settled() -> None:
    async def periods(*actions: Action, start: float) -> list[tuple[datetime, datetime]]:
        found = await quiet(*actions).between(at(start), at(start + 1))
        return [(period.start, period.end) for period in found if not period.matchers]

    assert await periods(action("deploy", at(5)), start=19) == [(NOON, at(20))]
    assert await periods(action("deploy", at(5)), start=20) == []
    assert await periods(action("acknowledge", at(5)), start=1) == []
    assert await periods(action("deploy", None, "running"), start=3 * 24 * 60) == [], "no deploy takes days"
