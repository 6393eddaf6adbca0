"""What is written in a message: alerts made harmless, then the templates."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controlplane.domain.alert import Alert
from controlplane.domain.flapping import Flapping
from controlplane.domain.notification.delivery import Bundle, Change, Delivery, NewDelivery
from controlplane.domain.notification.hostile import cut_to_json_length, harmless, harmless_link
from controlplane.services.notify.ports import FirstLooks, MessageTemplates

logger = logging.getLogger(__name__)

MAX_ALERTS_IN_MESSAGE = 10
MAX_LINES_IN_DIGEST = 50
MAX_FINGERPRINTS = 100
MAX_TITLE_CHARACTERS = 150
_WHERE_LABELS = ("instance", "mountpoint", "service", "job", "check", "task")


@dataclass(frozen=True)
class Reader:
    """How a receiver wants its messages."""

    language: str
    max_bytes: int
    per_minute: int


class Messages:
    """Writes messages.

    ``dashboard_url`` is the overview that every message links to,
    ``calm_seconds`` how long an alert that flaps must not change to be calm.
    """

    def __init__(
        self,
        templates: MessageTemplates,
        first_looks: FirstLooks,
        readers: Mapping[str, Reader],
        dashboard_url: str,
        calm_seconds: float,
    ) -> None:
        self._templates = templates
        self._first_looks = first_looks
        self._readers = readers
        self._dashboard_url = dashboard_url
        self._calm_seconds = calm_seconds

    def of_bundle(self, bundle: Bundle) -> NewDelivery:
        """The message that tells changes of alerts, most urgent first."""
        return self.of_changes(bundle.receiver, bundle.changes)

    def of_changes(self, receiver: str, unsorted: Sequence[Change]) -> NewDelivery:
        """The message that tells changes to a receiver."""
        changes = sorted(unsorted, key=lambda change: (change.alert.priority, change.alert.fingerprint))
        reader = self._readers[receiver]
        shown = [self._alert_values(change) for change in changes[:MAX_ALERTS_IN_MESSAGE]]
        values: dict[str, Any] = {
            "language": reader.language,
            "alerts": shown,
            "count": len(changes),
            "telling": changes[0].telling,
        }
        line = _line(changes)
        try:
            title, body = self._written("alert", values, reader)
        except Exception:  # a template of the user's that is broken must not keep an alert from people
            logger.exception("A message could not be written", extra={"action": "write_message"})
            title, body = line, f"{line}\ncmctl alerts show {values['alerts'][0]['fingerprint']}"
        return NewDelivery(
            receiver=receiver,
            kind="alert",
            title=title,
            body=body,
            line=line,
            priority=changes[0].alert.priority,
            alert_count=len(changes),
            fingerprints=[change.alert.fingerprint for change in changes[:MAX_FINGERPRINTS]],
            heard_at=min(change.heard_at for change in changes),
        )

    def digest(self, receiver: str, members: Sequence[Delivery]) -> NewDelivery:
        """The one message that stands for many."""
        reader = self._readers[receiver]
        alerts = sum(member.alert_count for member in members)
        priority = min(member.priority for member in members)
        values = {
            "language": reader.language,
            "messages": len(members),
            "alerts": alerts,
            "priority": priority,
            "per_minute": reader.per_minute,
            "lines": [member.line for member in members[:MAX_LINES_IN_DIGEST]],
        }
        title, body = self._written("digest", values, reader)
        fingerprints = [fingerprint for member in members for fingerprint in member.fingerprints]
        return NewDelivery(
            receiver=receiver,
            kind="digest",
            title=title,
            body=body,
            line=title,
            priority=priority,
            alert_count=alerts,
            fingerprints=fingerprints[:MAX_FINGERPRINTS],
            heard_at=min(member.heard_at for member in members),
        )

    def _written(self, template: str, values: Mapping[str, Any], reader: Reader) -> tuple[str, str]:
        """Title (the first line) and body."""
        title, _, body = self._templates.render(template, values).strip().partition("\n")
        return title[:MAX_TITLE_CHARACTERS], cut_to_json_length(_tidy(body), reader.max_bytes)

    def _alert_values(self, change: Change) -> dict[str, Any]:
        alert = change.alert
        notes = alert.annotations
        runbook = harmless_link(notes.get("runbook_url", ""))
        return {
            "fingerprint": harmless(alert.fingerprint, 128),
            "name": harmless(alert.name, 100) or "(no name)",
            "priority": alert.priority,
            "severity": harmless(alert.severity, 30),
            "where": harmless(_where(alert), 100),
            "summary": harmless(notes.get("summary", ""), 300),
            "summary_zh": harmless(notes.get("summary_zh", ""), 300),
            "description": harmless(notes.get("description", ""), 1000),
            "description_zh": harmless(notes.get("description_zh", ""), 1000),
            "value": harmless(notes.get("value", ""), 100),
            "respond_within": harmless(notes.get("respond_within", ""), 50),
            "starts_at": _time(alert.starts_at),
            "ends_at": _time(alert.ends_at) if alert.ends_at else None,
            "end_reason": alert.end_reason,
            "changes": change.changes,
            "flapping": self._flapping_values(change.flapping),
            "first_look_en": self._first_looks.first_look(alert.name, "en"),
            "first_look_zh": self._first_looks.first_look(alert.name, "zh"),
            "runbook_url": runbook,
            "runbook_zh_url": runbook.replace("/docs/runbook#", "/docs/runbook.zh#"),
            "links": self._links(alert),
        }

    def _flapping_values(self, flapping: Flapping | None) -> dict[str, Any] | None:
        if flapping is None:
            return None
        since, last_change = _time(flapping.began_at), _time(flapping.changed_at)
        minutes = f"{self._calm_seconds / 60:g}"
        return {"fires": flapping.fires, "since": since, "last_change": last_change, "calm_minutes": minutes}

    def _links(self, alert: Alert) -> list[dict[str, str]]:
        found = [
            ("Dashboard", "仪表板", harmless_link(alert.annotations.get("dashboard_url", "")) or self._dashboard_url),
            ("Graph", "曲线", harmless_link(alert.generator_url)),
        ]
        return [{"en": english, "zh": chinese, "url": url} for english, chinese, url in found if url]


def _where(alert: Alert) -> str:
    return next((alert.labels[name] for name in _WHERE_LABELS if alert.labels.get(name)), "")


def _line(changes: Sequence[Change]) -> str:
    """One line for a digest."""
    first = changes[0].alert
    more = f" (+{len(changes) - 1})" if len(changes) > 1 else ""
    word = {"state": "", "flaps": "FLAPPING ", "calm": "CALM "}[changes[0].telling]
    word += "FIRING" if first.state == "firing" else "RESOLVED"
    where = _where(first)
    text = first.annotations.get("summary", "") or where
    return harmless(f"{first.priority} {word} {first.name}{more} {text}", 200)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _tidy(text: str) -> str:
    """No blank lines in a row, none at the ends."""
    lines: list[str] = []
    for line in text.split("\n"):
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines).strip()
