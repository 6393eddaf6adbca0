"""Telling people of reports: through the outbox, each period once for each receiver."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from controlplane.domain.notification.delivery import NewDelivery
from controlplane.domain.notification.hostile import cut_to_json_length
from controlplane.domain.slo.kept_report import MESSAGE, KeptKind, KeptReport, file_name, worth_sending
from controlplane.errors import CmctlError, UsageProblem

MAX_TITLE = 150


class SendingStore(Protocol):
    """Kept reports and what was sent of them. Every method raises DependencyUnreachable when it does not answer."""

    async def entries(self) -> list[KeptReport]:
        """Every kept report, the newest period first."""
        ...

    async def file(self, report_id: str, name: str) -> bytes | None:
        """A file of a kept report."""
        ...

    async def sendings(self) -> Mapping[tuple[str, str], datetime]:
        """When which report was put into the outbox for whom: id and receiver."""
        ...

    async def send(self, report_id: str, delivery: NewDelivery, now: datetime, again: bool) -> bool:
        """Put a message into the outbox and note it, both or neither; False when it was sent before."""
        ...


@dataclass(frozen=True)
class Recipient:
    """Who is sent which reports, in which language, in messages of at most so many bytes."""

    receiver: str
    kinds: tuple[KeptKind, ...]
    language: Literal["en", "zh", "both"]
    max_bytes: int


@dataclass(frozen=True)
class SentReport:
    """A report and a receiver. ``is_new`` is False when it had been sent before and was left alone."""

    report: str
    receiver: str
    is_new: bool


class ReportSender:
    """Puts messages into the outbox; the daemon delivers them."""

    def __init__(self, store: SendingStore, recipients: Sequence[Recipient], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._recipients = recipients
        self._clock = clock

    async def run(self) -> list[SentReport]:
        """Send what is worth sending and was not sent. Raises DependencyUnreachable when the store does not answer."""
        if not self._recipients:
            return []
        known, sent = await self._store.entries(), await self._store.sendings()
        done = []
        for one in self._recipients:
            for report in worth_sending(one.kinds, known, self._clock()):
                if (report.id, one.receiver) in sent:
                    continue
                # One that was kept before there were messages is there to be looked up.
                delivery = await self._delivery(report, one)
                if delivery and await self._store.send(report.id, delivery, self._clock(), again=False):
                    done.append(SentReport(report.id, one.receiver, True))
        return done

    async def send(self, report_id: str, receivers: Sequence[str], again: bool) -> list[SentReport]:
        """Send one report now, to these receivers or all; what was sent before only ``again``.

        Raises UsageProblem when there is no such report or nobody to send it to, DependencyUnreachable.
        """
        entries = await self._store.entries()
        report = next((one for one in entries if report_id in ("latest", one.id)), None)
        if report is None:
            raise UsageProblem(f"there is no report {report_id!r}", hint="type: cmctl slo reports")
        wanted = self._wanted(receivers)
        done = []
        for one in wanted:
            delivery = await self._delivery(report, one)
            if delivery is None:
                raise CmctlError(
                    f"{report.id} was made before reports were sent, and has no message",
                    hint=f"make it again: cmctl slo report --{report.kind} … --keep",
                )
            is_new = await self._store.send(report.id, delivery, self._clock(), again)
            done.append(SentReport(report.id, one.receiver, is_new))
        return done

    def _wanted(self, receivers: Sequence[str]) -> list[Recipient]:
        known = {one.receiver: one for one in self._recipients}
        if not known:
            raise UsageProblem("nobody is sent reports", hint="name receivers in the configuration: reports.send_to")
        for name in receivers:
            if name not in known:
                raise UsageProblem(f"{name!r} is not in reports.send_to", hint=f"there are: {', '.join(known)}")
        return [known[name] for name in dict.fromkeys(receivers)] or list(known.values())

    async def _delivery(self, report: KeptReport, to: Recipient) -> NewDelivery | None:
        languages = ("en", "zh") if to.language == "both" else (to.language,)
        texts = [await self._store.file(report.id, file_name(language, MESSAGE)) for language in languages]
        messages = [text.decode("utf-8").partition("\n") for text in texts if text is not None]
        if len(messages) < len(languages):
            return None
        title = " / ".join(title for title, _, _ in messages)
        body = "\n\n".join(body for _, _, body in messages)
        return NewDelivery(
            receiver=to.receiver,
            kind="report",
            title=title[:MAX_TITLE],
            body=cut_to_json_length(body, to.max_bytes),
            line=messages[0][0],
            priority="P3",
            alert_count=0,
            fingerprints=[],
            heard_at=self._clock(),
        )
