"""Composition root of telling people."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from controlplane.adapters.alert_hops import ThroughAlertmanager
from controlplane.adapters.first_looks import RunbookFirstLooks
from controlplane.adapters.notifiers.direct_record import DirectRecordFile
from controlplane.adapters.notifiers.process import SenderChannel, SenderProcess
from controlplane.adapters.secret_reference import resolve
from controlplane.adapters.store.alerts import PostgresAlertStore
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.oncall import PostgresOnCall
from controlplane.adapters.store.outbox import PostgresOutbox
from controlplane.config import notifications as config
from controlplane.config.default_checks import local_url
from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings
from controlplane.domain.job import Schedule
from controlplane.domain.notification.escalation import Chain
from controlplane.domain.notification.oncall import Rotation
from controlplane.domain.notification.plan import Policy
from controlplane.domain.notification.routing import Route, TimeWindow
from controlplane.services.jobs import Task
from controlplane.services.notify.bypass import Bypass
from controlplane.services.notify.canary import CANARY_RECEIVER, CanaryWatch
from controlplane.services.notify.dispatcher import Dispatcher
from controlplane.services.notify.escalation import Escalation
from controlplane.services.notify.messages import Messages, Reader
from controlplane.services.notify.planner import Planner
from controlplane.services.notify.ports import MessageTemplates
from controlplane.services.notify.service import Notifications, StoreWatch
from controlplane.wiring.public_url import public_url

ALERTMANAGER_SECONDS = 10.0
SWITCH_SECONDS = 20.0
SWITCH_PER_MINUTE = 60
SWITCH_ATTEMPTS = 3  # the next canary comes soon


def wants_notifications(settings: Settings) -> bool:
    """Whether anybody is to be told, a dead man's switch included."""
    section = settings.notifications
    return bool(section.receivers) or section.canary.dead_mans_switch is not None


def build_notifications(
    settings: Settings,
    layout: DataLayout,
    database: Database,
    turn: StoreWatch,
    store: PostgresAlertStore,
    templates: Path,
    docs: Path,
) -> Notifications:
    """Join the parts. Call inside the event loop; nothing is started yet. ``turn``: when the outbox is ours."""
    section, outbox, sender = settings.notifications, PostgresOutbox(database), SenderProcess()
    switch = section.canary.dead_mans_switch
    start = ThroughAlertmanager(local_url(settings, "alertmanager"), ALERTMANAGER_SECONDS) if switch else None
    canary = CanaryWatch(start, store, section.canary.interval_seconds)
    readers = {one.name: Reader(one.language, one.max_bytes, one.per_minute) for one in section.receivers}
    messages = Messages(
        _Templates(templates), RunbookFirstLooks(docs), readers, public_url(settings), settings.flapping.calm_seconds
    )
    channels = {one.name: SenderChannel(sender, one.url, resolve, one.timeout_seconds) for one in section.receivers}
    dispatchers = [
        Dispatcher(
            one.name,
            channels[one.name],
            outbox,
            messages.digest,
            one.per_minute,
            section.max_attempts,
        )
        for one in section.receivers
    ]
    if switch is not None:
        channel = SenderChannel(sender, switch, resolve, SWITCH_SECONDS, kind="ping")
        dispatchers.append(
            Dispatcher(CANARY_RECEIVER, channel, outbox, messages.digest, SWITCH_PER_MINUTE, SWITCH_ATTEMPTS)
        )
    escalation = build_escalation(settings, PostgresOnCall(database), messages)
    if not wants_notifications(settings):
        return Notifications(outbox, None, None, escalation, dispatchers, canary, sender, turn)
    record = DirectRecordFile(layout.run / "told-while-away.jsonl")
    bypass = Bypass(database, record, messages, policy(settings), channels)
    planner = Planner(outbox, messages, policy(settings), canary, bypass)
    return Notifications(outbox, planner, bypass, escalation, dispatchers, canary, sender, turn)


def notification_tasks(settings: Settings, notifications: Notifications, outbox: PostgresOutbox) -> dict[str, Task]:
    """The scheduled tasks of telling people."""
    keep = timedelta(days=settings.notifications.history_days)

    async def forget() -> str:
        return f"{await outbox.delete_before(datetime.now(UTC) - keep)} deliveries deleted"

    tasks = [
        Task(
            "delivery_retention",
            "Delete deliveries that are older than configured.",
            Schedule(cron="27 3 * * *"),
            forget,
            catch_up=True,
        )
    ]
    if settings.notifications.canary.dead_mans_switch is not None:
        tasks.append(
            Task(
                "canary",
                "Send a harmless alert the whole way; the dead man's switch is called only when it arrives.",
                Schedule(every_seconds=settings.notifications.canary.interval_seconds),
                notifications.canary.run,
                timeout_seconds=60,
            )
        )
    return {task.name: task for task in tasks}


def build_escalation(settings: Settings, store: PostgresOnCall, messages: Messages) -> Escalation:
    """Chains and rotations of the settings."""
    section = settings.notifications
    return Escalation(
        store,
        messages,
        [
            Chain(one.name, frozenset(one.priorities), tuple(tuple(step) for step in one.steps))
            for one in section.escalation
        ],
        [Rotation(one.name, tuple(one.people), one.starts_at, one.days, one.time_zone) for one in section.schedules],
        frozenset(receiver.name for receiver in section.receivers),
        section.response_seconds.model_dump(),
    )


class _Templates:
    """The folder of notifications; jinja2 is loaded with the first message."""

    def __init__(self, templates: Path) -> None:
        self._folder = templates / "notifications"

    @cached_property
    def _templates(self) -> MessageTemplates:
        from controlplane.adapters.templates import TemplateFolder

        return TemplateFolder(self._folder)

    def render(self, name: str, variables: Mapping[str, Any]) -> str:
        return self._templates.render(name, variables)


def policy(settings: Settings) -> Policy:
    """The decisions' settings. Without routes every alert goes to every receiver."""
    section = settings.notifications
    everywhere = Route("default", tuple(receiver.name for receiver in section.receivers))
    return Policy(
        routes=[_route(route) for route in section.routes] or [everywhere],
        default_profile=settings.profile,
        cooldowns=section.cooldown_seconds.model_dump(),
        group_by=section.group_by,
        without_resolved=frozenset(receiver.name for receiver in section.receivers if not receiver.resolved),
    )


def _route(route: config.Route) -> Route:
    return Route(
        name=route.name,
        receivers=tuple(route.receivers),
        matchers={name: re.compile(pattern) for name, pattern in route.labels.items()},
        severities=frozenset(route.severities),
        priorities=frozenset(route.priorities),
        profiles=frozenset(route.profiles),
        windows=tuple(
            TimeWindow(
                window.time_zone,
                frozenset(window.days),
                time.fromisoformat(window.start),
                time.fromisoformat(window.end),
                window.outside,
            )
            for window in route.times
        ),
        goes_on=route.continue_,
    )
