"""The daemon's metrics, read from the services at the moment of the scrape."""

from collections.abc import Callable, Iterable

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controlplane.daemon.anomaly_metrics import anomaly_metrics
from controlplane.daemon.backup_metrics import backup_metrics
from controlplane.daemon.context import Daemon
from controlplane.daemon.delivery_metrics import delivery_metrics
from controlplane.daemon.forecast_metrics import forecast_metrics
from controlplane.daemon.incident_metrics import incident_metrics
from controlplane.daemon.remediation_metrics import remediation_metrics
from controlplane.daemon.slo_metrics import slo_metrics
from controlplane.domain.check import CheckResult
from controlplane.services.standby import Role

ValueOf = Callable[[CheckResult], float]

REGISTRY = web.AppKey("registry", CollectorRegistry)
WEBHOOK_CODES = (200, 400, 413, 503)  # there from the start: a rate over a series that appears misses its first step


def build_registry(daemon: Daemon) -> CollectorRegistry:
    """A registry of the daemon's own: nothing global, nothing left over between tests."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DaemonCollector(daemon))
    ProcessCollector(registry=registry)
    return registry


def render(registry: CollectorRegistry) -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(registry)


class DaemonCollector(Collector):
    """Turns the services' counters and states into metrics."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def collect(self) -> Iterable[Metric]:
        """Every metric family of the control plane."""
        yield from self._of_the_process()
        yield from self._of_http()
        yield from self._of_alerts()
        yield from self._of_checks()
        yield from self._of_jobs()
        yield from backup_metrics(self._daemon.backups.overview, self._daemon.backups.limits)
        yield from anomaly_metrics(self._daemon.anomalies)
        yield from slo_metrics(self._daemon.slo_board.latest)
        yield from delivery_metrics(self._daemon.notifications)
        yield GaugeMetricFamily(
            "cmctl_alerts_flapping", "Alerts that flap: told as such once.", self._daemon.flapping.flapping_now
        )
        yield from forecast_metrics(self._daemon.forecasts)
        yield from incident_metrics(self._daemon.incident_keeper.figures)
        yield from remediation_metrics(self._daemon.remediator)

    def _of_the_process(self) -> Iterable[Metric]:
        daemon = self._daemon
        info = GaugeMetricFamily("cmctl_info", "Version of the control plane.", labels=["version"])
        info.add_metric([daemon.version], 1)
        yield info
        started = daemon.started_at.timestamp()
        yield GaugeMetricFamily("cmctl_start_time_seconds", "When the daemon started, Unix time.", started)
        up = float(daemon.database.is_up)
        yield GaugeMetricFamily("cmctl_postgres_up", "1 while PostgreSQL answers, else 0.", up)
        role = GaugeMetricFamily("cmctl_role", "1 for what this daemon is to its store.", labels=["role"])
        for one in Role:
            role.add_metric([one.value], float(daemon.standby.role is one))
        yield role

    def _of_http(self) -> Iterable[Metric]:
        http = self._daemon.http
        webhook = CounterMetricFamily("cmctl_webhook_requests", "Webhook requests by status code.", labels=["code"])
        requests = CounterMetricFamily("cmctl_http_requests", "Requests by route and code.", labels=["route", "code"])
        answered = dict.fromkeys(WEBHOOK_CODES, 0)
        for (route, code), count in sorted(http.requests.items()):
            requests.add_metric([route, str(code)], count)
            if route == "/webhook":
                answered[code] = count
        for code, count in answered.items():
            webhook.add_metric([str(code)], count)
        yield webhook
        yield requests
        yield CounterMetricFamily("cmctl_http_overloaded", "Requests turned away: too many at once.", http.overloaded)
        yield CounterMetricFamily("cmctl_http_forbidden", "Requests turned away by the guard.", http.forbidden)

    def _of_alerts(self) -> Iterable[Metric]:
        daemon, counters = self._daemon, self._daemon.ingest.counters
        received = CounterMetricFamily(
            "cmctl_alerts_received", "Alerts accepted, by state; repeats included.", labels=["state"]
        )
        for state in ("firing", "resolved"):
            received.add_metric([state], counters.alerts[state])
        yield received
        for name, text, value in (
            ("cmctl_alerts_repeated", "Alerts that brought no news.", counters.repeated),
            ("cmctl_alerts_superseded", "Alerts ended by a newer episode of theirs.", counters.superseded),
            ("cmctl_alerts_stale", "Alerts ended because Alertmanager forgot them.", counters.stale),
            ("cmctl_alerts_set_aside", "Alerts of a group that could not be understood.", counters.set_aside),
            ("cmctl_alerts_truncated", "Alerts that Alertmanager left out of notifications.", counters.truncated),
            ("cmctl_webhook_rejected", "Payloads that can never succeed.", counters.rejected),
            ("cmctl_journal_moved_records", "Records moved to PostgreSQL.", daemon.mover.moved_records),
            ("cmctl_journal_refused_records", "Records that PostgreSQL refused.", daemon.mover.refused_records),
        ):
            yield CounterMetricFamily(name, text, value)
        pending = daemon.journal.pending_records
        yield GaugeMetricFamily("cmctl_journal_pending_records", "Records not yet in PostgreSQL.", pending)
        writable = float(daemon.journal.last_error is None)
        yield GaugeMetricFamily("cmctl_journal_writable", "1 while alerts can be made durable.", writable)
        yield GaugeMetricFamily("cmctl_alerts_firing", "Alerts that fire.", daemon.current.firing_count)

    def _of_checks(self) -> Iterable[Metric]:
        is_standby = self._daemon.standby.role is Role.STANDBY  # it checks nothing: what it once saw is old
        results = [] if is_standby else self._daemon.checks.latest()
        yield _check_gauge("state", "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.", results, lambda r: float(r.state))
        yield _check_gauge("duration_seconds", "How long the last run took.", results, lambda r: r.duration_seconds)
        yield _check_gauge(
            "last_run_timestamp_seconds", "When it last ran.", results, lambda r: r.checked_at.timestamp()
        )
        values = GaugeMetricFamily("cmctl_check_value", "What was measured.", labels=["check", "unit"])
        for result in results:
            if result.value is not None:
                values.add_metric([result.name, result.unit], result.value)
        yield values

    def _of_jobs(self) -> Iterable[Metric]:
        success = GaugeMetricFamily(
            "cmctl_job_last_success_timestamp_seconds", "When a task last succeeded, Unix time.", labels=["task"]
        )
        failures = CounterMetricFamily("cmctl_job_failures", "Failed runs of a task.", labels=["task"])
        duration = GaugeMetricFamily("cmctl_job_last_duration_seconds", "Time of the last run.", labels=["task"])
        for task, counters in self._daemon.jobs.counters.items():
            failures.add_metric([task], counters.failures)
            if counters.last_success is not None:
                success.add_metric([task], counters.last_success.timestamp())
            if counters.last_duration_seconds is not None:
                duration.add_metric([task], counters.last_duration_seconds)
        yield from (success, failures, duration)


def _check_gauge(name: str, text: str, results: list[CheckResult], value: ValueOf) -> Metric:
    family = GaugeMetricFamily(f"cmctl_check_{name}", text, labels=["check", "kind"])
    for result in results:
        family.add_metric([result.name, result.kind], value(result))
    return family
