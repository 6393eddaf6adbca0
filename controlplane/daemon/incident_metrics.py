"""Metrics of incidents."""

from collections.abc import Iterable, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric

from controlplane.services.incidents.ports import Group

PRIORITIES = ("P0", "P1", "P2", "P3")


def incident_metrics(figures: Sequence[Group]) -> Iterable[Metric]:
    """Every family; each priority has its series from the start, the means only once there is one."""
    open_now = GaugeMetricFamily("cmctl_incidents_open", "Incidents that are open.", labels=["priority"])
    of_late = GaugeMetricFamily(
        "cmctl_incidents_recent", "Incidents that began in the last 30 days, or are open.", labels=["priority"]
    )
    acknowledge = GaugeMetricFamily(
        "cmctl_incident_mean_seconds_to_acknowledge",
        "From the start of an incident to the first acknowledgement: mean of those of the last 30 days.",
        labels=["priority"],
    )
    recover = GaugeMetricFamily(
        "cmctl_incident_mean_seconds_to_recover",
        "From the start of an incident to the end of its last alert: mean of those of the last 30 days.",
        labels=["priority"],
    )
    for priority in PRIORITIES:
        groups = [one for one in figures if one.priority == priority]
        open_now.add_metric([priority], sum(one.incidents for one in groups if one.state == "open"))
        of_late.add_metric([priority], sum(one.incidents for one in groups))
        for family, means in (
            (acknowledge, [(one.mtta, one.acknowledged) for one in groups]),
            (recover, [(one.mttr, one.recovered) for one in groups]),
        ):
            known = [(mean, count) for mean, count in means if mean is not None and count]
            if known:
                family.add_metric(
                    [priority], sum(mean * count for mean, count in known) / sum(count for _, count in known)
                )
    yield from (open_now, of_late, acknowledge, recover)
