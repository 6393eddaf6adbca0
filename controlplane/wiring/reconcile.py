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
    urls = [local_url(settings, "alertmanager"), *settings.alertmanager.further_urls]
    patience = max(
        settings.alertmanager.resolve_timeout_seconds, RESENDS * settings.prometheus.alert_resend_delay_seconds
    )
    clients = [AlertmanagerClient(url.rstrip("/"), TIMEOUT_SECONDS) for url in urls]
    return Reconciliation(clients, current, ingest, patience)
