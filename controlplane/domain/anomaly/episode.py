"""An episode: from the first unusual sample of a series until it is back to what it was.

A score tells that something began. Whether it still lasts is judged here, against the band as it was learnt before the
episode: the model goes on learning, and would otherwise call a long fault normal while people still work on it.
"""

import dataclasses
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from math import log
from typing import Literal

from controlplane.domain.anomaly.parameters import ALERT_NATS, EPISODE_FLOOR_NATS
from controlplane.domain.anomaly.verdict import Explanation, Kind

Severity = Literal["info", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")
PRIORITIES: dict[Severity, str] = {"info": "P3", "warning": "P2", "error": "P1"}

# Samples inside the band that end an episode, and samples after its end in which a further alarm continues it.
CALM_SAMPLES = 5
FOLD_SAMPLES = 24
# Unusual samples from which an episode is more than a glitch, and from which it is serious if it is also far out.
LASTING_SAMPLES = 3
SERIOUS_SAMPLES = 30
SERIOUS_NATS = ALERT_NATS + 4.0
# Closer to what was expected than this share of the farthest sample, what is left is the noise of a recovery.
STILL_OUT_SHARE = 0.25
# What lasts for so long is how things are now.
LONGEST_SECONDS = 24 * 3600.0
MOST_NATS = 40.0
# Kinds whose episodes last as long as samples are outside the band.
BAND_KINDS = frozenset({Kind.POINT, Kind.DEVIATION, Kind.LEVEL, Kind.PLATEAU, Kind.DRIFT})


@dataclass(frozen=True)
class Episode:
    """One stretch of one series. Times are seconds since 1970; values have the unit of the series."""

    id: str
    series_id: str
    watch: str
    labels: tuple[tuple[str, str], ...]
    kind: Kind
    started_at: float
    last_out_at: float
    ended_at: float | None
    end_reason: str
    peak_nats: float
    value: float
    expected: float
    band: float
    is_upward: bool
    seasonal_share: float
    repeats: int
    out_samples: int
    worst: float

    @property
    def is_open(self) -> bool:
        """Whether it lasts."""
        return self.ended_at is None

    @property
    def severity(self) -> Severity:
        """By how long it lasts and how unusual it is."""
        if self.out_samples >= SERIOUS_SAMPLES and self.peak_nats >= SERIOUS_NATS:
            return "error"
        return "warning" if self.out_samples >= LASTING_SAMPLES else "info"

    @property
    def facts(self) -> Explanation:
        """What the model said when it began."""
        return Explanation(
            kind=self.kind,
            nats=self.peak_nats,
            value=self.value,
            expected=self.expected,
            band=self.band,
            is_upward=self.is_upward,
            seasonal_share=self.seasonal_share,
            repeats=self.repeats,
        )

    @property
    def started(self) -> datetime:
        """The start as a moment."""
        return datetime.fromtimestamp(self.started_at, UTC)

    @property
    def ended(self) -> datetime | None:
        """The end as a moment."""
        return None if self.ended_at is None else datetime.fromtimestamp(self.ended_at, UTC)


def nats_of(score: float) -> float:
    """The evidence behind a score; a score of 1 is as much as we believe."""
    return MOST_NATS if score >= 1.0 else min(MOST_NATS, -log(1.0 - score))


def episode_id(series_id: str, started_at: float) -> str:
    """The same for the same stretch, also when it is scored again after a restart."""
    return hashlib.sha256(f"{series_id}@{started_at:.3f}".encode()).hexdigest()[:12]


def begin(
    series_id: str, watch: str, labels: tuple[tuple[str, str], ...], at: float, score: float, facts: Explanation
) -> Episode:
    """The episode that starts with this sample."""
    return Episode(
        id=episode_id(series_id, at),
        series_id=series_id,
        watch=watch,
        labels=labels,
        kind=facts.kind,
        started_at=at,
        last_out_at=at,
        ended_at=None,
        end_reason="",
        peak_nats=nats_of(score),
        value=facts.value,
        expected=facts.expected,
        band=facts.band,
        is_upward=facts.is_upward,
        seasonal_share=facts.seasonal_share,
        repeats=facts.repeats,
        out_samples=1,
        worst=facts.value,
    )


def is_still_out(episode: Episode, value: float, facts: Explanation) -> bool:
    """Whether a further sample belongs to the episode. ``facts`` are those of that sample."""
    if episode.kind in BAND_KINDS:
        farthest = episode.worst - episode.expected
        away = (value - episode.expected) * (1.0 if farthest >= 0.0 else -1.0)
        is_out = away > max(episode.band, STILL_OUT_SHARE * abs(farthest))
        # A season moves on: what the model expects of this time of day is normal too.
        return is_out and abs(value - facts.expected) > facts.band
    if episode.kind in (Kind.STUCK, Kind.RARE):
        return value == episode.worst
    return facts.kind == episode.kind and facts.nats >= EPISODE_FLOOR_NATS


def extend(episode: Episode, at: float, value: float, score: float) -> Episode:
    """The episode with one more unusual sample."""
    farther = abs(value - episode.expected) > abs(episode.worst - episode.expected)
    return dataclasses.replace(
        episode,
        last_out_at=at,
        ended_at=None,
        end_reason="",
        peak_nats=max(episode.peak_nats, nats_of(score)),
        out_samples=episode.out_samples + 1,
        worst=value if farther and episode.kind in BAND_KINDS else episode.worst,
    )


def end(episode: Episode, at: float, reason: str) -> Episode:
    """The episode, over."""
    return dataclasses.replace(episode, ended_at=max(at, episode.started_at), end_reason=reason)
