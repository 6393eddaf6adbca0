"""Whether a remedy may be tried for an alert now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from controlplane.domain.alert import Alert
from controlplane.domain.maintenance import matches
from controlplane.domain.slo.selector import Matcher

# would_run: a dry run recorded what would have been done. interrupted: nobody knows how far it came.
Outcome = Literal["running", "succeeded", "failed", "interrupted", "would_run"]
OUTCOMES: tuple[Outcome, ...] = ("succeeded", "failed", "interrupted", "would_run")
Decision = Literal["try", "wait", "given_up"]


@dataclass(frozen=True)
class Remedy:
    """What is tried (``deed`` in words), for which alerts, and within which limits."""

    name: str
    matchers: tuple[Matcher, ...]
    deed: str
    dry_run: bool
    wait: timedelta
    max_attempts: int
    window: timedelta
    cooldown: timedelta
    timeout: timedelta

    def is_for(self, alert: Alert) -> bool:
        """Whether an alert has the labels."""
        return matches(self.matchers, dict(alert.labels))


@dataclass(frozen=True)
class Attempt:
    """One try. ``finished_at`` is None while it runs."""

    id: int
    remedy: str
    fingerprint: str
    alert: str
    incident: str | None
    deed: str
    outcome: Outcome
    detail: str
    started_at: datetime
    finished_at: datetime | None


def decide(
    remedy: Remedy, alert: Alert, attempts: Iterable[Attempt], first_heard_at: datetime, now: datetime
) -> Decision:
    """``attempts`` are those of the remedy, for whatever alert; interrupted ones count as any other."""
    own = [one for one in attempts if one.remedy == remedy.name]
    if any(one.finished_at is None for one in own):
        return "wait"
    recent = [one for one in own if one.fingerprint == alert.fingerprint and one.started_at > now - remedy.window]
    if len(recent) >= remedy.max_attempts:
        return "given_up"
    if alert.acknowledged_by is not None or now < first_heard_at + remedy.wait:
        return "wait"
    last = max((one.finished_at for one in own if one.finished_at is not None), default=None)
    if last is not None and now < last + remedy.cooldown:
        return "wait"
    return "try"


def remedy_of(alert: Alert, remedies: Sequence[Remedy]) -> Remedy | None:
    """The first remedy that is for an alert."""
    return next((one for one in remedies if one.is_for(alert)), None)
