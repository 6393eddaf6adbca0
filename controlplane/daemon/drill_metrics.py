"""Metrics of drills, and when the next backup and the next drill have to be there."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric

from controlplane.domain.backup.limits import BackupLimits, backup_due, drill_due
from controlplane.domain.backup.overview import Overview
from controlplane.domain.backup.trend import size_ratios


def drill_metrics(overview: Overview, limits: BackupLimits) -> Iterable[Metric]:
    """Everything that the alert rules compare; a time or a measure that there is not has no series."""
    if (due := backup_due(overview, limits)) is not None:
        name = "cmctl_backup_due_timestamp_seconds"
        yield GaugeMetricFamily(name, "When the newest good set becomes too old, Unix time.", due.timestamp())
    if (due := drill_due(overview, limits)) is not None:
        name = "cmctl_backup_drill_due_timestamp_seconds"
        yield GaugeMetricFamily(name, "When the next drill must have passed, Unix time.", due.timestamp())
    ratios = GaugeMetricFamily(
        "cmctl_backup_size_to_usual", "Size of the newest set's part in relation to the earlier ones.", labels=["part"]
    )
    for part, ratio in size_ratios(overview.sets).items():
        ratios.add_metric([part], ratio)
    yield ratios
    rpo, rto = limits.rpo_seconds, limits.rto_seconds
    yield GaugeMetricFamily("cmctl_backup_rpo_objective_seconds", "What a loss may cost at most.", rpo)
    yield GaugeMetricFamily("cmctl_backup_rto_objective_seconds", "What a restore may take at most.", rto)
    yield from _of_drills(overview)


def _of_drills(overview: Overview) -> Iterable[Metric]:
    if not overview.drills:
        return
    passed = float(overview.drills[0].is_passed)
    yield GaugeMetricFamily("cmctl_backup_drill_last_passed", "1 when the latest drill passed, else 0.", passed)
    latest = next((item for item in overview.drills if item.is_passed), None)
    if latest is None:
        return
    name = "cmctl_backup_drill_last_success_timestamp_seconds"
    yield GaugeMetricFamily(name, "When a drill last passed, Unix time.", latest.finished_at.timestamp())
    for name, text, value in (
        ("rpo", "What would have been lost when the drill began.", latest.rpo_seconds),
        ("rto", "How long it took until the restored system answered.", latest.rto_seconds),
    ):
        if value is not None:
            yield GaugeMetricFamily(f"cmctl_backup_drill_{name}_seconds", text, value)
