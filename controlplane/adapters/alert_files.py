"""Alerts from the local files alone: alerts.log and what is left in the journal. For when nothing else answers."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

from controlplane.adapters.alert_log import read_tail
from controlplane.adapters.journal import read_left_over
from controlplane.domain.alert import Alert, AlertFilter, StateChange
from controlplane.errors import CmctlError
from controlplane.services.alerts import CurrentAlerts
from controlplane.services.ingest import decode_alert


class FileAlerts:
    """Implements AlertSource. It knows what the newest part of alerts.log knows."""

    name = "alerts.log and the journal"

    def __init__(self, alert_log: Path, journal: Path) -> None:
        self._alert_log = alert_log
        self._journal = journal

    async def list_alerts(self, wanted: AlertFilter) -> list[Alert]:
        """The wanted alerts. Raises CmctlError when the files cannot be read."""
        return await (await asyncio.to_thread(self._read)).list_alerts(wanted)

    async def history(self, fingerprint: str) -> list[StateChange]:
        """Changes of state of a fingerprint, as far as the files tell."""
        return await (await asyncio.to_thread(self._read)).history(fingerprint)

    def _read(self) -> CurrentAlerts:
        current = CurrentAlerts()
        try:
            current.apply(read_tail(self._alert_log))
            for alert, _ in left_over_alerts(self._journal):
                current.apply([alert])
        except OSError as error:
            raise CmctlError(f"{error.filename}: {error.strerror}") from error
        return current


def left_over_alerts(journal: Path) -> Iterator[tuple[Alert, bytes]]:
    """The alerts in a journal's folder, each with its line."""
    for record in read_left_over(journal):
        for line in record.split(b"\n"):
            with contextlib.suppress(ValueError, TypeError, KeyError):
                yield decode_alert(line), line
