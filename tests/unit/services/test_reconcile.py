"""Alerts that Alertmanager has forgotten are ended after the resolve timeout, and only then."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controlplane.adapters.alert_log import FileAlertLog, RejectedFolder
from controlplane.adapters.journal import SegmentJournal, read_left_over
from controlplane.domain.alert import Alert, AlertFilter
from controlplane.errors import DependencyUnreachable
from controlplane.services.alerts import CurrentAlerts
from controlplane.services.ingest import AlertIngest, decode_alert
from controlplane.services.reconcile import Reconciliation

START = datetime(2025, 7, 7, 12, tzinfo=UTC)
PATIENCE = 300.0


class FakeAlertmanager:
    """Knows what it is told to know; None stands for one that is away."""

    def __init__(self, known: set[str] | None) -> None:
        self.known = known

    async def known_fingerprints(self) -> frozenset[str]:
        if self.known is None:
            raise DependencyUnreachable("Alertmanager is away")
        return frozenset(self.known)


class World:
    """A reconciliation with a clock that is turned by hand."""

    def __init__(self, folder: Path, alertmanagers: Sequence[FakeAlertmanager]) -> None:
        self.seconds = 0.0
        self.folder = folder
        self.current = CurrentAlerts()
        self.journal = SegmentJournal(folder / "journal")
        self.journal.open()
        self.log = FileAlertLog(folder / "alerts.log")
        rejected = RejectedFolder(folder / "rejected")
        ingest = AlertIngest(self.journal, self.current, self.log, rejected, self.now, 1024)
        self.reconciliation = Reconciliation(
            alertmanagers, self.current, ingest, PATIENCE, self.now, lambda: self.seconds
        )

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def hear(self, fingerprint: str, group_key: str = "group") -> None:
        alert = Alert(fingerprint, "X", "firing", "", "P3", START, None, self.now(), group_key=group_key)
        self.current.apply([alert])

    async def wait(self, seconds: float) -> str:
        self.seconds += seconds
        return await self.reconciliation.run()

    async def firing(self) -> list[str]:
        return sorted(alert.fingerprint for alert in await self.current.list_alerts(AlertFilter(state="firing")))


async def test_a_forgotten_alert_ends_after_the_timeout_as_of_when_it_was_missed(tmp_path: Path) -> None:
    alertmanager = FakeAlertmanager({"kept", "forgotten"})
    world = World(tmp_path, [alertmanager])
    world.hear("kept")
    world.hear("forgotten")
    world.hear("posted by hand", group_key="")
    await world.wait(60)
    alertmanager.known = {"kept"}
    await world.wait(60)
    await world.wait(PATIENCE - 1)
    assert await world.firing() == ["forgotten", "kept", "posted by hand"]
    assert await world.wait(1) == "2 alerts compared, 1 unknown to Alertmanager, 1 ended"
    assert await world.firing() == ["kept", "posted by hand"]
    (ended,) = await world.current.list_alerts(AlertFilter(state="resolved"))
    assert (ended.end_reason, ended.ends_at) == ("stale", START + timedelta(seconds=120))
    assert await world.wait(60) == "1 alerts compared, 0 unknown to Alertmanager, 0 ended"
    await world.journal.close()
    (record,) = read_left_over(tmp_path / "journal")
    assert decode_alert(record) == ended
    assert (tmp_path / "alerts.log").read_bytes() == record + b"\n"


async def test_an_alertmanager_that_is_away_changes_nothing_and_the_waiting_begins_anew(tmp_path: Path) -> None:
    alertmanager = FakeAlertmanager(set())
    world = World(tmp_path, [alertmanager])
    world.hear("a")
    await world.wait(60)
    alertmanager.known = None
    assert await world.wait(2 * PATIENCE) == "nothing compared: Alertmanager is away"
    alertmanager.known = set()
    await world.wait(60)
    await world.wait(PATIENCE - 1)
    assert await world.firing() == ["a"]
    await world.wait(1)
    assert await world.firing() == []
    await world.journal.close()


@pytest.mark.parametrize("others", [{"a"}, None])
async def test_what_another_alertmanager_knows_or_may_know_still_fires(tmp_path: Path, others: set[str] | None) -> None:
    world = World(tmp_path, [FakeAlertmanager(set()), FakeAlertmanager(others)])
    world.hear("a")
    for _ in range(3):
        await world.wait(PATIENCE)
    assert await world.firing() == ["a"]
    await world.journal.close()


async def test_a_notification_meanwhile_keeps_it_firing_and_one_afterwards_brings_it_back(tmp_path: Path) -> None:
    world = World(tmp_path, [FakeAlertmanager(set())])
    world.hear("a")
    await world.wait(60)
    world.seconds += 30
    world.hear("a")
    await world.wait(2 * PATIENCE)
    assert await world.firing() == ["a"]
    await world.wait(PATIENCE)
    assert await world.firing() == []
    world.seconds += 1
    world.hear("a")
    assert await world.firing() == ["a"]
    await world.journal.close()
