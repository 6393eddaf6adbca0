"""The section ``notifications`` of ``cmctl.yml``: who is told of alerts, and how."""

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from controlplane.config.section import Seconds, Section

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
WEEKDAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri")
# Names that mean something else than a configured receiver.
RESERVED_RECEIVERS = frozenset({"dead_mans_switch"})


def existing_time_zone(name: str) -> str:
    """The name of a time zone. Raises ValueError when there is none such."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}; name one such as Asia/Shanghai") from error
    return name


class SecretReference(Section):
    """Where a secret is: exactly one of the three. It is read when it is needed and never logged."""

    file: Path | None = Field(None, description="File whose content, without the final newline, is the secret.")
    environment: str | None = Field(None, description="Environment variable of the daemon that holds it.")
    credential: str | None = Field(None, pattern=r"^[A-Za-z0-9_.-]+$", description="Name of a systemd credential.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "SecretReference":
        if sum(value is not None for value in (self.file, self.environment, self.credential)) != 1:
            raise ValueError("name exactly one of file, environment and credential")
        return self


class Receiver(Section):
    """A person or a group, and the one channel that reaches them."""

    name: Name = Field(description="Unique name, by which routes mean it.")
    url: SecretReference = Field(
        description="The channel as an Apprise URL (dingtalk://, slack://, mailto://, json:// …), as a reference: "
        "it holds secrets."
    )
    language: Literal["en", "zh", "both"] = Field("both", description="Language of the messages.")
    per_minute: int = Field(
        20, ge=1, le=1000, description="Messages in any 60 seconds; what is over becomes one digest. DingTalk takes 20."
    )
    max_bytes: int = Field(
        16_000,
        ge=512,
        description="A message as JSON is cut to this. DingTalk takes less than 20,000 with everything around it.",
    )
    resolved: bool = Field(True, description="Also tell that an alert is over.")
    timeout_seconds: Seconds = Field(20, le=300, description="An attempt that takes longer has failed.")


class TimeWindow(Section):
    """A part of the week, for example business hours."""

    time_zone: str = Field("UTC", description="IANA name, for example Asia/Shanghai.")
    days: list[Day] = Field(default_factory=lambda: list(WEEKDAYS), min_length=1, description="Days of the week.")
    start: Clock = Field("00:00", description="First minute, HH:MM.")
    end: Clock = Field("00:00", description="HH:MM, excluded; not later than `start` means on the next day.")
    outside: bool = Field(False, description="Turn it round: all the time that is not in this window.")

    _zone_exists = field_validator("time_zone")(existing_time_zone)


class Route(Section):
    """Which alerts go to which receivers. Every condition that is given must hold."""

    name: Name = Field(description="Unique name.")
    receivers: list[str] = Field(description="Names of receivers; none drops what matches.")
    labels: dict[str, str] = Field(
        default_factory=dict, description="Label name: regular expression for its whole value."
    )
    severities: list[str] = Field(default_factory=list, description="Only these severities.")
    priorities: list[Literal["P0", "P1", "P2", "P3"]] = Field(default_factory=list, description="Only these.")
    profiles: list[str] = Field(
        default_factory=list, description="Only alerts of these profiles: the label `profile`, else our own profile."
    )
    times: list[TimeWindow] = Field(default_factory=list, description="Only in one of these windows.")
    continue_: bool = Field(False, alias="continue", description="Look at the next routes, too.")

    @field_validator("labels")
    @classmethod
    def _compile(cls, labels: dict[str, str]) -> dict[str, str]:
        for name, pattern in labels.items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{name}: {pattern!r} is not a regular expression: {error}") from error
        return labels


class Cooldown(Section):
    """Seconds between two messages that the same alert fires, by severity."""

    critical: float = Field(60, ge=0, description="Severity critical.")
    error: float = Field(300, ge=0, description="Severity error.")
    warning: float = Field(900, ge=0, description="Severity warning.")
    info: float = Field(3600, ge=0, description="Severity info, and severities that are none of these.")


class Schedule(Section):
    """People who take turns to be on call."""

    name: Name = Field(description="Unique name, also among the receivers.")
    people: list[str] = Field(min_length=1, description="Names of receivers, in the order of their turns.")
    starts_at: datetime = Field(description="When the first turn begins, on the clocks of `time_zone`; no zone here.")
    days: float = Field(7, gt=0, le=366, description="Length of a turn.")
    time_zone: str = Field("UTC", description="IANA name, for example Asia/Shanghai.")

    _zone_exists = field_validator("time_zone")(existing_time_zone)

    @field_validator("starts_at")
    @classmethod
    def _has_no_zone(cls, moment: datetime) -> datetime:
        if moment.tzinfo is not None:
            raise ValueError("must have no zone: it is on the clocks of time_zone")
        return moment


class Chain(Section):
    """Who is told when nobody takes an alert on."""

    name: Name = Field(description="Unique name.")
    priorities: list[Literal["P0", "P1", "P2", "P3"]] = Field(
        min_length=1, description="For alerts of these priorities; the first chain that has one counts."
    )
    steps: list[list[str]] = Field(
        min_length=1, description="Names of schedules and receivers, a list for each step after one more response time."
    )


class ResponseTimes(Section):
    """Seconds in which somebody has to take an alert on, by priority; then it goes a step further."""

    P0: Seconds = Field(900, description="Priority P0: 15 minutes.")
    P1: Seconds = Field(3600, description="Priority P1: 1 hour.")
    P2: Seconds = Field(14400, description="Priority P2: 4 hours.")
    P3: Seconds = Field(86400, description="Priority P3: 24 hours.")


class Canary(Section):
    """A harmless alert that travels the whole way, and a switch outside that is called only while it arrives."""

    interval_seconds: float = Field(300, ge=1, description="How often one is sent.")
    dead_mans_switch: SecretReference | None = Field(
        None,
        description="http or https URL, as a reference, that gets a POST for each canary that came the whole way "
        "(healthchecks.io and the like). No canaries without it.",
    )


class Notifications(Section):
    """Telling people. Without receivers nobody is told."""

    receivers: list[Receiver] = Field(default_factory=list, description="Who can be told.")
    routes: list[Route] = Field(
        default_factory=list, description="Looked at in order. Without any, every alert goes to every receiver."
    )
    cooldown_seconds: Cooldown = Cooldown()
    group_by: list[str] = Field(
        default_factory=lambda: ["alertname"],
        description="Alerts that come together and agree in these labels share a message.",
    )
    max_attempts: int = Field(10, ge=1, le=100, description="Failed attempts after which a delivery is a dead letter.")
    history_days: int = Field(90, ge=1, description="How long deliveries are kept.")
    schedules: list[Schedule] = Field(default_factory=list, description="Who is on call.")
    escalation: list[Chain] = Field(default_factory=list, description="Without any, nothing is escalated.")
    response_seconds: ResponseTimes = ResponseTimes()
    canary: Canary = Canary()

    @model_validator(mode="after")
    def _names_are_known_and_differ(self) -> "Notifications":
        names = [receiver.name for receiver in self.receivers]
        for kind, given in (("receivers", names), ("routes", [route.name for route in self.routes])):
            if twice := sorted({name for name in given if given.count(name) > 1}):
                raise ValueError(f"{kind}: more than one is named {twice[0]!r}")
        for route in self.routes:
            for name in route.receivers:
                if name not in names:
                    raise ValueError(f"routes: {route.name!r} names the receiver {name!r}, which is not configured")
        self._check_on_call(frozenset(names))
        if reserved := RESERVED_RECEIVERS & set(names):
            raise ValueError(f"receivers: the name {min(reserved)!r} is reserved")
        return self

    def _check_on_call(self, receivers: frozenset[str]) -> None:
        schedules = [schedule.name for schedule in self.schedules]
        if twice := sorted({name for name in schedules if schedules.count(name) > 1 or name in receivers}):
            raise ValueError(f"schedules: the name {twice[0]!r} is taken")
        for schedule in self.schedules:
            for person in schedule.people:
                if person not in receivers:
                    raise ValueError(f"schedules: {schedule.name!r} names {person!r}, which is no receiver")
        for chain in self.escalation:
            for name in (name for step in chain.steps for name in step):
                if name not in receivers and name not in schedules:
                    raise ValueError(f"escalation: {chain.name!r} names {name!r}, neither a schedule nor a receiver")
