"""Taking alerts in: validate, make durable in the journal, then answer."""

import asyncio
import dataclasses
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from controlplane.domain.alert import Alert
from controlplane.domain.payload import MAX_PROBLEMS_KEPT, SUPPORTED_VERSION, ParsedPayload, SetAside, parse_payload
from controlplane.domain.payload_text import PayloadProblem, decode_body
from controlplane.services.alerts import CurrentAlerts
from controlplane.services.ports import AlertJournal, AlertLog, Clock, RejectedBodies

logger = logging.getLogger(__name__)

_TICK = timedelta(microseconds=1)


class ReceiptClock:
    """UTC time that never repeats and never steps back, so that receipts keep their order."""

    def __init__(self, now: Clock = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._last = datetime.min.replace(tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time, at least a microsecond after the previous call's."""
        self._last = max(self._now(), self._last + _TICK)
        return self._last

    def not_before(self, moment: datetime) -> None:
        """Continue after a moment, for example the last receipt of an earlier process."""
        self._last = max(self._last, moment)


@dataclass
class IngestCounters:
    """What came in since the daemon started; the metrics page reads it."""

    alerts: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    superseded: int = 0
    stale: int = 0
    set_aside: int = 0
    rejected: int = 0
    truncated: int = 0


@dataclass(frozen=True)
class Receipt:
    """What became of a payload: how many alerts are durable, and which could not be understood."""

    accepted: int
    set_aside: list[SetAside]


class AlertIngest:
    """Accepts webhook payloads. An alert counts as accepted once it is on disk."""

    def __init__(
        self,
        journal: AlertJournal,
        current: CurrentAlerts,
        alert_log: AlertLog,
        rejected: RejectedBodies,
        clock: Clock,
        max_value_bytes: int,
        on_change: Callable[[list[Alert]], None] = lambda alerts: None,
    ) -> None:
        """``on_change`` is called with durable alerts that are news."""
        self._journal = journal
        self._current = current
        self._alert_log = alert_log
        self._rejected = rejected
        self._clock = clock
        self._max_value_bytes = max_value_bytes
        self._on_change = on_change
        self._unannounced: deque[tuple[asyncio.Future[None], list[Alert], list[bytes]]] = deque()
        self.counters = IngestCounters()

    async def end_stale(self, alerts: Sequence[Alert]) -> None:
        """Take in that alerts are over although nobody said so: ``alerts`` are resolved with the reason "stale".

        They go the way of every notification, so that each is stored exactly once. Raises StorageFull.
        """
        stamped = [dataclasses.replace(alert, received_at=self._clock()) for alert in alerts]
        lines = [encode_alert(alert) for alert in stamped]
        await self._journal.append(b"\n".join(lines))
        applied = self._current.apply(stamped)
        self._alert_log.append(b"".join([lines[index] + b"\n" for index in applied.changed]))
        self.counters.stale += len(applied.changed)

    async def accept(self, body: bytes) -> Receipt:
        """Take a payload. Returns once its alerts are durable.

        Raises PayloadProblem for a body that can never succeed (it is kept
        aside), StorageFull when the journal cannot take it now.
        """
        parsed = self._parse(body)
        lines = [encode_alert(alert) for alert in parsed.alerts]
        if lines:
            durable = asyncio.ensure_future(self._journal.append(b"\n".join(lines)))
            self._unannounced.append((durable, parsed.alerts, lines))
            try:
                await durable
            finally:
                self._announce_durable()
        self._note_oddities(parsed, body)
        return Receipt(len(lines), parsed.set_aside)

    def refuse(self, body: bytes, problem: str, size: int) -> None:
        """Count, keep aside and name in the log a payload that can never succeed; ``body`` may be its beginning."""
        self.counters.rejected += 1
        kept_as = self._rejected.keep(body, problem)
        logger.warning(
            "A webhook payload was rejected",
            extra={"action": "reject_payload", "problem": problem, "kept_as": kept_as, "bytes": size},
        )

    def _parse(self, body: bytes) -> ParsedPayload:
        try:
            return parse_payload(decode_body(body), self._clock(), self._current.find_start, self._max_value_bytes)
        except PayloadProblem as problem:
            self.refuse(body, problem.message, len(body))
            raise

    def _announce_durable(self) -> None:
        """Announce every payload that is durable by now: those that shared a sync share a write to alerts.log.

        The first of their requests does it for all, before any of them is answered.
        """
        news: list[bytes] = []
        while self._unannounced and self._unannounced[0][0].done():
            durable, alerts, lines = self._unannounced.popleft()
            if not durable.cancelled() and durable.exception() is None:
                news += self._announce(alerts, lines)
        if news:
            self._alert_log.append(b"".join(news))

    def _announce(self, alerts: list[Alert], lines: list[bytes]) -> list[bytes]:
        """Show durable alerts in memory; returns the lines for alerts.log."""
        applied = self._current.apply(alerts)
        news = [lines[index] + b"\n" for index in applied.changed]
        news += [encode_alert(alert) + b"\n" for alert in applied.superseded]
        if news:
            self._on_change([alerts[index] for index in applied.changed])
        counters = self.counters
        counters.repeated += len(alerts) - len(applied.changed)
        counters.superseded += len(applied.superseded)
        for alert in alerts:
            counters.alerts[alert.state] += 1
        return news

    def _note_oddities(self, parsed: ParsedPayload, body: bytes) -> None:
        if parsed.set_aside:
            self.counters.set_aside += len(parsed.set_aside)
            reasons = describe(parsed.set_aside)
            kept_as = self._rejected.keep(body, "; ".join(reasons))
            logger.warning(
                "Alerts of a group were set aside",
                extra={"action": "set_aside_alerts", "problems": reasons, "kept_as": kept_as},
            )
        if parsed.truncated_alerts:
            self.counters.truncated += parsed.truncated_alerts
            logger.warning(
                "Alertmanager left alerts out of a notification",
                extra={"action": "truncated_alerts", "count": parsed.truncated_alerts},
            )
        if parsed.version != SUPPORTED_VERSION:
            logger.warning(
                "A webhook payload has a version that is not known",
                extra={"action": "unknown_version", "version": parsed.version[:20]},
            )


def encode_alert(alert: Alert) -> bytes:
    """The JSON line that stands for an alert in the journal and in alerts.log."""
    return orjson.dumps(alert, option=orjson.OPT_UTC_Z)


def decode_alert(line: bytes) -> Alert:
    """Inverse of ``encode_alert``. Raises ValueError, KeyError or TypeError for a line that is not an alert."""
    return decode_alert_fields(orjson.loads(line))


def decode_alert_fields(fields: dict[str, Any]) -> Alert:
    """An alert from its JSON object. Raises ValueError, KeyError or TypeError."""
    for name in ("starts_at", "ends_at", "received_at", "acknowledged_until", "acknowledged_at", "flapping_since"):
        if fields.get(name) is not None:
            fields[name] = datetime.fromisoformat(fields[name]).astimezone(UTC)
    return Alert(**fields)


def describe(set_aside: list[SetAside]) -> list[str]:
    """One line for each alert that was set aside, at most MAX_PROBLEMS_KEPT of them."""
    return [f"alerts[{item.index}]{item.field}: {item.problem}" for item in set_aside[:MAX_PROBLEMS_KEPT]]
