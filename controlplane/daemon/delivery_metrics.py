"""Metrics of telling people."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily

from controlplane.services.notify.service import Notifications

OPEN_STATUSES = ("pending", "sending", "dead")


def delivery_metrics(notifications: Notifications) -> Iterable[Metric]:
    """Every family; each receiver has its series from the start."""
    outcomes = CounterMetricFamily(
        "cmctl_deliveries", "Attempts to deliver a message, by outcome.", labels=["receiver", "outcome"]
    )
    dead = CounterMetricFamily("cmctl_deliveries_given_up", "Messages that became dead letters.", labels=["receiver"])
    folded = CounterMetricFamily("cmctl_deliveries_folded", "Messages told in a digest.", labels=["receiver"])
    success = GaugeMetricFamily(
        "cmctl_deliveries_last_success_timestamp_seconds", "When one last arrived, Unix time.", labels=["receiver"]
    )
    handover = SummaryMetricFamily(
        "cmctl_deliveries_handover_seconds",
        "From the receipt of an alert to the first attempt to deliver its message.",
        labels=["receiver"],
    )
    waiting = GaugeMetricFamily(
        "cmctl_deliveries_open",
        "Messages that wait, are on their way or are dead letters.",
        labels=["receiver", "status"],
    )
    for receiver, dispatcher in notifications.dispatchers.items():
        counters = dispatcher.counters
        outcomes.add_metric([receiver, "delivered"], counters.delivered)
        outcomes.add_metric([receiver, "failed"], counters.failed)
        dead.add_metric([receiver], counters.dead)
        folded.add_metric([receiver], counters.folded)
        handover.add_metric([receiver], counters.handover_count, counters.handover_seconds_sum)
        if counters.last_success is not None:
            success.add_metric([receiver], counters.last_success.timestamp())
        for status in OPEN_STATUSES:
            waiting.add_metric([receiver, status], notifications.counts.get((receiver, status), 0))
    yield from (outcomes, dead, folded, success, handover, waiting)
    canary = notifications.canary
    yield CounterMetricFamily("cmctl_canaries_sent", "Canary alerts sent to Alertmanager.", canary.sent)
    yield CounterMetricFamily("cmctl_canaries_arrived", "Canary alerts that came the whole way.", canary.arrived)
