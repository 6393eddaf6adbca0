"""Composition root of the comparison with Alertmanager."""

from controlplane.adapters.alertmanager import AlertmanagerClient
from controlplane.config.default_checks import local_url
from controlplane.config.schema import Settings
from controlplane.services.alerts import CurrentAlerts
from controlplane.services.ingest import AlertIngest
from controlplane.services.reconcile import Reconciliation

TIMEOUT_SECONDS = 10.0
RESENDS = 4  # so often Prometheus may fail to send before it counts an alert as resolved itself


def build_reconciliation(settings: Settings, current: CurrentAlerts, ingest: AlertIngest) -> Reconciliation:
    """Our Alertmanager and the further ones, each asked in turn."""
    patience = max(
        settings.alertmanager.resolve_timeout_seconds, RESENDS * settings.prometheus.alert_resend_delay_seconds
    )
    return Reconciliation(alertmanagers(settings), current, ingest, patience)


def alertmanagers(settings: Settings) -> list[AlertmanagerClient]:
    """Every Alertmanager that posts here."""
    urls = [local_url(settings, "alertmanager"), *settings.alertmanager.further_urls]
    return [AlertmanagerClient(url.rstrip("/"), TIMEOUT_SECONDS) for url in urls]
