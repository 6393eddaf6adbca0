"""Metrics of remediation."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, Metric

from controlplane.domain.remediation import OUTCOMES
from controlplane.services.remediation.remediator import Remediator


def remediation_metrics(remediator: Remediator) -> Iterable[Metric]:
    """Attempts of each remedy, each with its series from the start."""
    tried = CounterMetricFamily(
        "cmctl_remediations", "Attempts of remedies since the start, by outcome.", labels=["remedy", "outcome"]
    )
    for remedy in remediator.remedies:
        for outcome in OUTCOMES:
            tried.add_metric([remedy.name, outcome], remediator.counts[(remedy.name, outcome)])
    yield tried
