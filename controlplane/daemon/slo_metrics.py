"""Metrics of objectives, from the latest evaluation."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric

from controlplane.services.slo_board import Evaluation

_LABELS = ["objective", "service"]
_GAUGES = (
    ("cmctl_slo_objective_ratio", "objective", "What share must be good."),
    ("cmctl_slo_sli_ratio", "sli", "Good share of what is known, over the window."),
    ("cmctl_slo_coverage_ratio", "coverage", "Known share of the window."),
    ("cmctl_slo_error_budget_remaining_ratio", "error_budget_remaining", "Share of the error budget that is left."),
    ("cmctl_slo_time_to_exhaustion_seconds", "time_to_exhaustion_seconds", "Until the budget is gone at this rate."),
    ("cmctl_slo_excluded_seconds", "excluded_seconds", "Time of the window that does not count."),
)
_VERDICTS = ("met", "at_risk", "missed", "not_enough_data")


def slo_metrics(latest: Evaluation) -> Iterable[Metric]:
    """What is not known has no sample; an alert on absence is honest, one on 0 is not."""
    if latest.evaluated_at is None:
        return
    yield GaugeMetricFamily(
        "cmctl_slo_evaluation_timestamp_seconds",
        "When the objectives were last computed, Unix time.",
        latest.evaluated_at.timestamp(),
    )
    for name, key, text in _GAUGES:
        family = GaugeMetricFamily(name, text, labels=_LABELS)
        for record in latest.records:
            if record[key] is not None:
                family.add_metric([record["name"], record["service"]], record[key])
        yield family
    yield from _with_another_label(latest)


def _with_another_label(latest: Evaluation) -> Iterable[Metric]:
    rates = GaugeMetricFamily(
        "cmctl_slo_burn_rate", "How many times too fast the budget burns.", labels=[*_LABELS, "window_seconds"]
    )
    verdicts = GaugeMetricFamily(
        "cmctl_slo_verdict", "1 for the verdict that is given, else 0.", labels=[*_LABELS, "verdict"]
    )
    for record in latest.records:
        labels = [record["name"], record["service"]]
        for rate in record["burn_rates"]:
            if rate["burn_rate"] is not None:
                rates.add_metric([*labels, f"{rate['window_seconds']:g}"], rate["burn_rate"])
        for verdict in _VERDICTS:
            verdicts.add_metric([*labels, verdict], float(record["verdict"] == verdict))
    yield from (rates, verdicts)
