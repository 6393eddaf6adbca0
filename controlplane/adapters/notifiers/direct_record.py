"""The file of what was told while PostgreSQL was away: one JSON object a line, durable before the message goes."""

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from controlplane.domain.notification.delivery import NewDelivery
from controlplane.services.notify.bypass import ToldDirectly


class DirectRecordFile:
    """Implements DirectRecord."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, told: ToldDirectly) -> None:
        """Append and fsync."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, b"\n" + orjson.dumps(told) + b"\n")  # a torn line before it stays alone
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self) -> list[ToldDirectly]:
        """Every entry; torn lines are passed over."""
        try:
            lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                found.append(_entry(orjson.loads(line)))
        return found

    def clear(self) -> None:
        """Delete the file."""
        self._path.unlink(missing_ok=True)


def _entry(fields: dict[str, Any]) -> ToldDirectly:
    delivery = fields["delivery"]
    delivery["heard_at"] = _moment(delivery["heard_at"])
    alerts = [(fingerprint, _moment(start)) for fingerprint, start in fields["alerts"]]
    return ToldDirectly(
        NewDelivery(**delivery), alerts, _moment(fields["at"]), fields["is_delivered"], fields["detail"]
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
