"""Live anomaly detection as metrics."""

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from controlplane.services.anomaly.live import LiveAnomalies
from controlplane.services.anomaly.present import SERIES_STATES, series_state, watch_state

# Beyond so many series, only those with an episode are exported one by one: a scrape must stay cheap.
MOST_SERIES = 500
_LABELS = ["watch", "series"]
_PER_SERIES = (
    ("cmctl_anomaly_score", "Anomaly score of the last sample, 0 to 1.", lambda track: track.score),
    ("cmctl_anomaly_value", "The last sample of a watched series.", lambda track: track.value),
    ("cmctl_anomaly_band_lower", "Lower end of what was expected.", lambda track: track.expected - track.band),
    ("cmctl_anomaly_band_upper", "Upper end of what was expected.", lambda track: track.expected + track.band),
    ("cmctl_anomaly_alarm", "1 while an episode of the series lasts.", lambda track: float(bool(track.open_episode))),
)


def anomaly_metrics(live: LiveAnomalies) -> Iterable[Metric]:
    """Every metric family of live detection."""
    yield from _of_the_whole(live)
    yield from _of_watches(live)
    tracks = [track for run in live.runs.values() for track in run.tracks.values()]
    if len(tracks) > MOST_SERIES:
        tracks = [track for track in tracks if track.open_episode][:MOST_SERIES]
    for name, text, value in _PER_SERIES:
        family = GaugeMetricFamily(name, text, labels=_LABELS)
        for track in tracks:
            family.add_metric([track.key.watch, track.key.text], value(track))
        yield family


def _of_the_whole(live: LiveAnomalies) -> Iterable[Metric]:
    open_episodes = live.open_episodes()
    by_severity = Counter(episode.severity for episode in open_episodes)
    severities = GaugeMetricFamily("cmctl_anomaly_open_episodes", "Episodes that last.", labels=["severity"])
    for severity in ("info", "warning", "error"):
        severities.add_metric([severity], by_severity[severity])
    yield severities
    precision = live.precision
    verdicts = GaugeMetricFamily("cmctl_anomaly_feedback", "Episodes that people judged.", labels=["verdict"])
    verdicts.add_metric(["real"], precision.real)
    verdicts.add_metric(["fine"], precision.fine)
    yield verdicts
    if precision.ratio is not None:
        yield GaugeMetricFamily("cmctl_anomaly_precision_ratio", "Real among the judged episodes.", precision.ratio)
    up = float(not live.prometheus_problem)
    yield GaugeMetricFamily("cmctl_anomaly_prometheus_up", "0 while Prometheus does not answer the watches.", up)
    kept = float(not live.store_problem)
    yield GaugeMetricFamily("cmctl_anomaly_store_up", "0 while what was learnt cannot be read or saved.", kept)
    if live.last_tick_at is not None:
        at = live.last_tick_at.timestamp()
        yield GaugeMetricFamily("cmctl_anomaly_last_tick_timestamp_seconds", "When the watches were last read.", at)
    seconds = live.last_tick_seconds
    yield GaugeMetricFamily("cmctl_anomaly_last_tick_duration_seconds", "How long that took.", seconds)
    for name, text, value in (
        ("cmctl_anomaly_episodes", "Episodes begun since the start.", live.episodes_begun),
        ("cmctl_anomaly_alerts_sent", "Alerts handed to Alertmanager, repeats included.", live.alerts.sent),
        ("cmctl_anomaly_alert_failures", "Times that Alertmanager did not take them.", live.alerts.failures),
    ):
        yield CounterMetricFamily(name, text, value)


def _of_watches(live: LiveAnomalies) -> Iterable[Metric]:
    is_gone = bool(live.prometheus_problem)
    up = GaugeMetricFamily("cmctl_anomaly_watch_up", "0 while the query of a watch is refused.", labels=["watch"])
    series = GaugeMetricFamily(
        "cmctl_anomaly_series", "Watched series by state; none means no data.", labels=["watch", "state"]
    )
    samples = CounterMetricFamily("cmctl_anomaly_samples", "Samples scored since the start.", labels=["watch"])
    for name, run in live.runs.items():
        up.add_metric([name], float(watch_state(run, is_gone) != "failing"))
        samples.add_metric([name], run.points)
        states = Counter(series_state(run, track, is_gone) for track in run.tracks.values())
        for state in SERIES_STATES:
            series.add_metric([name, state], states[state])
    yield from (up, series, samples)
