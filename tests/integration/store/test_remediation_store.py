"""Remedies over a real PostgreSQL: one at a time whoever tries, recorded before and after."""

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any

from controlplane.adapters.store.actions import PostgresActionLedger
from controlplane.adapters.store.alerts import PostgresAlertStore
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.remediation import PostgresRemediations
from controlplane.domain.alert import AlertFilter
from controlplane.domain.remediation import Remedy
from controlplane.domain.slo.selector import Matcher
from controlplane.errors import CmctlError
from controlplane.services.actions import ActionFilter
from controlplane.services.remediation.remediator import Remediator
from tests.integration.store.test_alert_store import NOW, Feed, alert

_ALL = AlertFilter()
REMEDY = Remedy(
    name="restart",
    matchers=(Matcher("alertname", "=", "X"),),
    deed="restart db",
    dry_run=False,
    wait=timedelta(0),
    max_attempts=2,
    window=timedelta(hours=24),
    cooldown=timedelta(minutes=15),
    timeout=timedelta(minutes=5),
)


@dataclasses.dataclass
class CountingDeed:
    """Stands in for what a remedy does; the test holds it up or lets it fail."""

    error: str = ""
    hold: asyncio.Event | None = None
    done: int = 0
    begun: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)

    async def do(self, timeout_seconds: float) -> str:
        self.done += 1
        self.begun.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.error:
            raise CmctlError(self.error)
        return "restarted"


def remediator(
    database: Database, deed: CountingDeed, owner: str = "a", minutes: float = 0, **changes: Any
) -> Remediator:
    remedy = dataclasses.replace(REMEDY, **changes)
    return Remediator(
        PostgresRemediations(database),
        PostgresAlertStore(database),
        [remedy],
        {remedy.name: deed},
        owner,
        lambda: NOW + timedelta(minutes=minutes),
    )


async def outcomes(database: Database) -> list[tuple[str, str]]:
    attempts = await PostgresRemediations(database).attempts(None, 100)
    return [(one.outcome, one.detail) for one in reversed(attempts)]


async def test_an_attempt_is_recorded_with_its_entry_in_the_ledger_and_the_limits_hold(database: Database) -> None:
    deed = CountingDeed(error="no power")
    await Feed(database).move([alert("a")])
    assert await remediator(database, deed).look() == 1
    assert await remediator(database, deed, minutes=14).look() == 0
    assert await remediator(database, deed, minutes=16).look() == 1
    assert await remediator(database, deed, minutes=60).look() == 0  # given up
    assert (deed.done, await outcomes(database)) == (2, [("failed", "no power")] * 2)
    first = (await PostgresActionLedger(database).list_actions(ActionFilter(kind="remediation")))[-1]
    assert (first.outcome, first.detail, first.subject) == ("failed", "no power", "restart for X a")


async def test_a_dry_run_does_nothing_and_says_what_it_would_do(database: Database) -> None:
    deed = CountingDeed()
    await Feed(database).move([alert("a")])
    tried = remediator(database, deed, dry_run=True)
    assert await tried.look() == 1
    assert (deed.done, await outcomes(database)) == (0, [("would_run", "dry run: would restart db")])
    assert tried.counts[("restart", "would_run")] == 1


async def test_one_runs_at_a_time_whichever_control_plane_runs_it(database: Database) -> None:
    await Feed(database).move([alert("a"), alert("b")])
    hold = asyncio.Event()
    one, other = CountingDeed(hold=hold), CountingDeed()
    running = asyncio.create_task(remediator(database, one, "a", cooldown=timedelta(seconds=1)).look())
    await one.begun.wait()
    assert await remediator(database, other, "b", name="another").look() == 0
    hold.set()
    assert await running == 1
    assert (one.done, other.done) == (1, 0)


async def test_what_a_dead_one_left_running_is_interrupted_and_counts(database: Database) -> None:
    store, deed = PostgresRemediations(database), CountingDeed()
    await Feed(database).move([alert("a")])
    (firing,) = await PostgresAlertStore(database).list_alerts(_ALL)
    assert await store.begin(REMEDY, firing, "a", NOW, NOW + timedelta(minutes=6)) is not None
    assert await store.begin(REMEDY, firing, "b", NOW, NOW + timedelta(minutes=6)) is None
    assert await remediator(database, deed, "b", minutes=5).look() == 0  # it may still run there
    assert await remediator(database, deed, "a", minutes=5).look() == 0  # it was ours, and we have died: cooldown
    assert [outcome for outcome, _ in await outcomes(database)] == ["interrupted"]
    entry = (await PostgresActionLedger(database).list_actions(ActionFilter(kind="remediation")))[0]
    assert (entry.outcome, "nobody knows how far" in entry.detail) == ("interrupted", True)
    assert await remediator(database, deed, "a", minutes=21).look() == 1
    assert await remediator(database, deed, "a", minutes=60).look() == 0  # two attempts, one of them interrupted


async def test_what_another_left_running_is_taken_over_when_its_time_is_over(database: Database) -> None:
    store, deed = PostgresRemediations(database), CountingDeed()
    await Feed(database).move([alert("a")])
    (firing,) = await PostgresAlertStore(database).list_alerts(_ALL)
    await store.begin(REMEDY, firing, "gone", NOW, NOW + timedelta(minutes=6))
    assert await remediator(database, deed, "b", minutes=7).look() == 0
    assert await remediator(database, deed, "b", minutes=30).look() == 1
    assert [outcome for outcome, _ in await outcomes(database)] == ["interrupted", "succeeded"]
