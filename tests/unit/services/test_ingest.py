"""Payloads that become durable together are announced together, before any of them is answered."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from controlplane.adapters.alert_log import RejectedFolder
from controlplane.domain.alert import Alert
from controlplane.services.alerts import CurrentAlerts
from controlplane.services.ingest import AlertIngest, decode_alert
from controlplane.services.ports import AlertJournal, StorageFull

NOW = datetime(2025, 7, 7, 12, tzinfo=UTC)


class Journal:
    """Stands in for the journal: records become durable when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []

    def append(self, record: bytes) -> asyncio.Future[None]:
        self.waiting.append(asyncio.get_running_loop().create_future())
        return self.waiting[-1]


class Log:
    """Stands in for alerts.log: every write by itself."""

    def __init__(self) -> None:
        self.writes: list[list[str]] = []

    def append(self, lines: bytes) -> None:
        self.writes.append([decode_alert(line).name for line in lines.splitlines()])


class Desk:
    """An ingest with payloads on their way; remembers what was answered, and what was announced by then."""

    def __init__(self, folder: Path) -> None:
        self.journal, self.log = Journal(), Log()
        self.changes: list[str] = []
        self.answers: list[tuple[str, int]] = []
        journal = cast(AlertJournal, self.journal)
        self.ingest = AlertIngest(
            journal, CurrentAlerts(), self.log, RejectedFolder(folder), lambda: NOW, 1024, self._changed
        )

    def _changed(self, alerts: list[Alert]) -> None:
        self.changes += [alert.name for alert in alerts]

    async def post(self, name: str) -> None:
        body = {"alerts": [{"labels": {"alertname": name}, "startsAt": NOW.isoformat()}]}
        await self.ingest.accept(json.dumps(body).encode())
        self.answers.append((name, sum(map(len, self.log.writes))))

    async def begin(self, *names: str) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self.post(name)) for name in names]
        await asyncio.sleep(0)  # each runs until its record is on its way to the disk
        assert len(self.journal.waiting) == len(names)
        return tasks


async def test_one_write_for_all_that_share_a_sync(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    tasks = await desk.begin("a", "b", "c")
    for future in desk.journal.waiting[:2]:
        future.set_result(None)
    await asyncio.gather(*tasks[:2])
    assert desk.log.writes == [["a", "b"]]
    assert desk.answers == [("a", 2), ("b", 2)], "announced before anybody was answered"
    desk.journal.waiting[2].set_result(None)
    await tasks[2]
    assert desk.log.writes == [["a", "b"], ["c"]]
    assert desk.changes == ["a", "b", "c"]
    assert desk.ingest.counters.alerts["firing"] == 3


async def test_what_is_not_durable_is_not_announced_and_holds_nobody_up(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    tasks = await desk.begin("refused", "cancelled", "kept")
    tasks[1].cancel()
    desk.journal.waiting[0].set_exception(StorageFull("no space"))
    desk.journal.waiting[2].set_result(None)
    with pytest.raises(StorageFull):
        await tasks[0]
    await tasks[2]
    assert tasks[1].cancelled()
    assert (desk.log.writes, desk.changes) == ([["kept"]], ["kept"])
