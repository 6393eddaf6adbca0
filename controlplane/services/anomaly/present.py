"""Episodes, series and watches as the API and the command line show them; the keys are a contract."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from controlplane.domain.anomaly.episode import Episode
from controlplane.domain.anomaly.feedback import Feedback, family_of
from controlplane.domain.anomaly.reasons import sentence
from controlplane.domain.anomaly.reasons_zh import sentence_zh
from controlplane.domain.anomaly.track import Track
from controlplane.domain.anomaly.watch import SeriesKey, Watch
from controlplane.services.anomaly.live import LiveAnomalies
from controlplane.services.anomaly.watching import WatchRun

SeriesState = Literal["ok", "anomalous", "warming_up", "maintenance", "gone", "prometheus_gone"]
WatchState = Literal["ok", "no_data", "failing", "learning", "prometheus_gone"]
SERIES_STATES: tuple[SeriesState, ...] = ("ok", "anomalous", "warming_up", "maintenance", "gone", "prometheus_gone")


def series_state(run: WatchRun, track: Track, prometheus_is_gone: bool) -> SeriesState:
    """What can be said of a series now."""
    if prometheus_is_gone:
        return "prometheus_gone"
    if run.is_quiet:
        return "maintenance"
    if track.missed:
        return "gone"
    if track.is_warming_up:
        return "warming_up"
    return "anomalous" if track.open_episode else "ok"


def watch_state(run: WatchRun, prometheus_is_gone: bool) -> WatchState:
    """What can be said of a watch now."""
    if prometheus_is_gone:
        return "prometheus_gone"
    if run.problem:
        return "failing"
    if run.is_learning:
        return "learning"
    return "ok" if run.tracks else "no_data"


def watch_view(run: WatchRun, prometheus_is_gone: bool) -> dict[str, Any]:
    """One watch with its state."""
    watch = run.watch
    return {
        "name": watch.name,
        "title": watch.title,
        "title_zh": watch.title_zh,
        "unit": watch.unit,
        "service": watch.service,
        "query": watch.query,
        "interval_seconds": watch.interval_ms / 1000,
        "state": watch_state(run, prometheus_is_gone),
        "series": len(run.tracks),
        "problem": run.problem,
        "notes": sorted(run.notes),
        "scored_through": None if run.through_ms is None else _moment(run.through_ms / 1000),
    }


def series_view(live: LiveAnomalies) -> list[dict[str, Any]]:
    """Every watched series, the strangest first."""
    is_gone = bool(live.prometheus_problem)
    rows = [
        {
            "id": track.key.id,
            "watch": track.key.watch,
            "labels": dict(track.key.labels),
            "unit": run.watch.unit,
            "state": series_state(run, track, is_gone),
            "score": track.score,
            "value": track.value,
            "expected": track.expected,
            "band": track.band,
            "samples_to_learn": track.samples_to_learn,
            "last_sample_at": _moment(track.at),
            "episode_id": track.open_episode.id if track.open_episode else None,
            "bars": dict(track.bars),
        }
        for run in live.runs.values()
        for track in run.tracks.values()
    ]
    return sorted(rows, key=lambda row: (row["episode_id"] is None, -row["score"], row["watch"]))


def episode_view(
    episode: Episode, watches: Mapping[str, Watch], feedback: Sequence[Feedback], bars: Mapping[str, float]
) -> dict[str, Any]:
    """One episode. ``bars`` are the raised bars of its series, in nats by family."""
    watch = watches.get(episode.watch)
    verdict = next((item for item in feedback if item.episode_id == episode.id), None)
    family = family_of(episode.kind)
    until = episode.last_out_at if episode.ended_at is None else episode.ended_at
    return {
        "id": episode.id,
        "watch": episode.watch,
        "title": watch.title if watch else episode.watch,
        "title_zh": watch.title_zh if watch else episode.watch,
        "service": watch.service if watch else "",
        "unit": watch.unit if watch else "",
        "query": watch.query if watch else "",
        "interval_seconds": watch.interval_ms / 1000 if watch else None,
        "kept_labels": list(watch.labels) if watch else [],
        "series": SeriesKey(episode.watch, episode.labels).text,
        "series_id": episode.series_id,
        "labels": dict(episode.labels),
        "state": "open" if episode.is_open else "ended",
        "severity": episode.severity,
        "kind": episode.kind.name.lower(),
        "family": family,
        "started_at": episode.started,
        "ended_at": episode.ended,
        "end_reason": episode.end_reason,
        "duration_seconds": round(until - episode.started_at, 3),
        "samples": episode.out_samples,
        "evidence_nats": round(episode.peak_nats, 2),
        "expected": episode.expected,
        "band": episode.band,
        "worst": episode.worst,
        "reason": sentence(episode.facts, episode.started_at),
        "reason_zh": sentence_zh(episode.facts, episode.started_at),
        "feedback": verdict.verdict if verdict else None,
        "feedback_by": verdict.given_by if verdict else None,
        "feedback_note": verdict.note if verdict else "",
        "bar_nats": bars.get(family, 0.0),
    }


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
