"""One watched series as it streams: its model, its present episode, and what was not its fault.

Gaps of the watcher (Prometheus away, a maintenance window, a clock step) are bridged: the model goes on as if the next
sample followed the last one, so that neither the gap nor what happened in it is learnt.
"""

from controlplane.domain.anomaly import episode as episodes
from controlplane.domain.anomaly.calibration import ALERT_SCORE
from controlplane.domain.anomaly.counter import COUNTER
from controlplane.domain.anomaly.ensemble import SeriesModel
from controlplane.domain.anomaly.episode import BAND_KINDS, CALM_SAMPLES, FOLD_SAMPLES, LONGEST_SECONDS, Episode
from controlplane.domain.anomaly.feedback import family_of
from controlplane.domain.anomaly.parameters import ALERT_NATS, REFRACTORY, WARM_UP_FULL
from controlplane.domain.anomaly.verdict import Explanation, Kind
from controlplane.domain.anomaly.watch import SeriesKey

# Bands away from what was expected that no ordinary sample is.
FAR_BANDS = 2.0

BACK = "back to normal"
NEW_NORMAL = "lasted for a day: taken as the new normal"
GONE = "the series is gone"
QUIET = "maintenance began"
FINE = "said to be fine"
OVERTAKEN = "another anomaly followed"


class Track:
    """The running state of one series.

    ``at`` is the last step that was accounted for, in seconds; ``missed`` counts steps since its last sample at which
    Prometheus was there and the series was not.
    """

    __slots__ = (
        "at",
        "bars",
        "calm",
        "calm_since",
        "episode",
        "key",
        "missed",
        "model",
        "score",
        "value",
        "wants_bridge",
    )

    def __init__(self, key: SeriesKey, model: SeriesModel | None = None) -> None:
        self.key = key
        self.model = model or SeriesModel()
        self.episode: Episode | None = None
        self.bars: dict[str, float] = {}
        self.at = 0.0
        self.score = 0.0
        self.value = 0.0
        self.calm = 0
        self.calm_since = 0.0
        self.missed = 0
        self.wants_bridge = False

    @property
    def is_warming_up(self) -> bool:
        """Whether too little is known to alert."""
        return self.model.is_warming_up

    @property
    def samples_to_learn(self) -> int:
        """Samples until the warm-up is over."""
        return max(0, WARM_UP_FULL - self.model.detectors.calibration.count)

    @property
    def open_episode(self) -> Episode | None:
        """The episode that lasts, if any."""
        return self.episode if self.episode is not None and self.episode.is_open else None

    @property
    def expected(self) -> float:
        """What the model expected of the last sample; the rate of a counter."""
        detectors = self.model.detectors
        return detectors.origin + detectors.baseline.expected * detectors.unit

    @property
    def band(self) -> float:
        """How far from that is still usual."""
        detectors = self.model.detectors
        return 3.0 * detectors.baseline.spread * detectors.unit

    def observe(self, at: float, value: float) -> Episode | None:
        """Take one finite sample at ``at`` (seconds); the episode when this sample began, moved or ended it."""
        if self.wants_bridge and not self._bridge(at, value):
            return None
        self.missed = 0
        model = self.model
        self.score = score = model.observe(at, value)
        # A model says the same thing once, for whoever reads nothing but scores. Here episodes do that, and a glitch or
        # a gap must not keep the model silent about the fault that follows.
        model.detectors.calibration.alarm = 0.0
        # A counter is judged by its rate, which is what the explanations speak of.
        self.value = model.detectors.value if model.counter.kind == COUNTER else value
        if self.open_episode is not None:
            return self._go_on(at, self.value, score)
        if score < ALERT_SCORE or model.is_warming_up:
            return None
        facts = model.explain()
        if episodes.nats_of(score) < ALERT_NATS + self.bars.get(family_of(facts.kind), 0.0):
            return None
        if self._is_echo(at, facts):
            return None
        return self._begin(at, score)

    def overlook(self) -> None:
        """The step does not count: nobody looked, or what was seen must not be learnt."""
        self.wants_bridge = True

    def close(self, at: float, reason: str) -> Episode | None:
        """End what lasts; the ended episode, or None when nothing lasted."""
        lasting = self.open_episode
        if lasting is None:
            return None
        self.calm = 0
        self.episode = episodes.end(lasting, at, reason)
        return self.episode

    def _is_echo(self, at: float, facts: Explanation) -> bool:
        """Whether an alarm soon after an episode is what that left in the means and rhythms, and not in the samples."""
        last = self.episode
        if last is None or last.ended_at is None:
            return False
        if last.end_reason in (FINE, NEW_NORMAL) and episodes.is_still_out(last, self.value, facts):
            return True
        if at - last.ended_at > REFRACTORY * self.model.missing.cadence or self._is_outside(facts):
            return False
        return facts.kind not in (Kind.STUCK, Kind.RARE, Kind.MISSING) or family_of(facts.kind) == family_of(last.kind)

    def _is_outside(self, facts: Explanation) -> bool:
        """Whether the last sample itself, and not only its past, is far out of what was expected."""
        return facts.kind in BAND_KINDS and abs(self.value - facts.expected) > FAR_BANDS * facts.band

    def _begin(self, at: float, score: float) -> Episode:
        facts, last = self.model.explain(), self.episode
        self.calm = 0
        fold_seconds = FOLD_SAMPLES * max(self.model.missing.cadence, 1e-3)
        is_same = (
            last is not None
            and last.ended_at is not None
            and last.end_reason == BACK
            and at - last.ended_at <= fold_seconds
            and family_of(last.kind) == family_of(facts.kind)
        )
        if last is not None and is_same:
            self.episode = episodes.extend(last, at, facts.value, score)
        else:
            self.episode = episodes.begin(self.key.id, self.key.watch, self.key.labels, at, score, facts)
        return self.episode

    def _go_on(self, at: float, value: float, score: float) -> Episode | None:
        lasting = self.open_episode
        if lasting is None:
            return None
        if episodes.is_still_out(lasting, value, self.model.explain()):
            self.calm = 0
            self.episode = episodes.extend(lasting, at, value, score)
            if at - lasting.started_at > LONGEST_SECONDS:
                return self.close(at, NEW_NORMAL)
            return self.episode
        if score >= ALERT_SCORE and lasting.kind not in BAND_KINDS and self._is_outside(self.model.explain()):
            # A gap or an odd rhythm must not hide the fault behind it.
            self.episode = episodes.end(lasting, at, OVERTAKEN)
            return self._begin(at, score)
        if not self.calm:
            self.calm_since = at
        self.calm += 1
        return self.close(self.calm_since, BACK) if self.calm >= CALM_SAMPLES else None

    def _bridge(self, at: float, value: float) -> bool:
        """Go on as if only the steps that the series itself missed lay between.

        False when this sample can only be the new starting point of a counter.
        """
        missed, self.missed, self.wants_bridge = self.missed, 0, False
        model = self.model
        model.missing.blank_rows = 0
        if not model.seen:
            return True
        if model.counter.kind == COUNTER:
            model.last_time, model.last_value = at, value
            model.counter.previous = value
            return False
        model.last_time = at - (missed + 1) * model.missing.cadence
        return True
