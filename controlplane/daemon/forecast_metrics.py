"""Forecasts as metrics: days until full, by resource and bound."""

from collections.abc import Iterable
from datetime import UTC, datetime

from prometheus_client.core import GaugeMetricFamily, Metric

from controlplane.domain.anomaly.watch import SeriesKey
from controlplane.domain.forecast import DAY
from controlplane.services.forecasts import Forecasts

# What is not full within the horizon has this many days: a rule can compare it, and a panel can draw it.
NEVER_DAYS = 3650.0


def forecast_metrics(forecasts: Forecasts) -> Iterable[Metric]:
    """Every metric family of the forecasts."""
    now = datetime.now(UTC).timestamp()
    labels = ["resource", "series"]
    days = GaugeMetricFamily(
        "cmctl_forecast_days_until_full",
        "Days until a resource is full; bound is early, expected or late.",
        labels=[*labels, "bound"],
    )
    used = GaugeMetricFamily("cmctl_forecast_used_ratio", "Used share of the limit.", labels=labels)
    made = GaugeMetricFamily(
        "cmctl_forecast_resources",
        "Resources that are forecast, whether or not they have data.",
        len(forecasts.resources),
    )
    for one in forecasts.latest():
        found = one.forecast
        if found is None:
            continue
        names = [one.resource.name, SeriesKey(one.resource.name, one.labels).text]
        for bound, at in (("early", found.early), ("expected", found.expected), ("late", found.late)):
            left = NEVER_DAYS if at is None else max(0.0, (at - now) / DAY)
            days.add_metric([*names, bound], left)
        if found.limit > 0:
            used.add_metric(names, found.level / found.limit)
    yield from (days, used, made)
