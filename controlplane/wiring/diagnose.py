"""Composition root of ``cmctl diagnose``: an examiner for each step of the trees."""

from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from controlplane.adapters.alertmanager import AlertmanagerClient
from controlplane.adapters.diagnosis import alerting, components, from_observation, postgresql, qdrant
from controlplane.adapters.log_files import LogFile
from controlplane.adapters.postgresql_client import Connect
from controlplane.adapters.probes.disk import DiskProbe
from controlplane.adapters.probes.tcp import TcpProbe
from controlplane.adapters.probes.writable import WritableProbe
from controlplane.adapters.prometheus import PrometheusClient
from controlplane.config.default_checks import SCRAPE_JOBS, local_url
from controlplane.config.paths import DataLayout, resource_dir
from controlplane.config.schema import Settings
from controlplane.domain.check import Limits, Observation
from controlplane.domain.diagnosis import Examination
from controlplane.services.diagnose import Diagnosis, Examiner
from controlplane.services.ports import Probe, ServiceManager
from controlplane.wiring.checks import connector
from controlplane.wiring.logs import local_zone
from controlplane.wiring.stack import service_manager

EXAMINED_COMPONENTS = ("mcp_server", "postgresql", "prometheus", "alertmanager", "controlplane")
MEMORY_SERVER_PACKAGES = ("mcp", "uvicorn", "starlette", "psycopg", "numpy", "qdrant_client", "mcp_server")
# A step asks its peer more than once at most; beyond this many timeouts it is given up.
_STEP_TIMEOUTS = 3


def build_diagnosis(settings: Settings, layout: DataLayout, manager: ServiceManager | None = None) -> Diagnosis:
    """Everything that the trees look at, in this system."""
    manager = manager or service_manager(settings)
    examiners: dict[str, Examiner] = {
        "disk": partial(_observed, DiskProbe(str(settings.data_dir), _disk_limits(settings))),
        "alerts_log": partial(_observed, WritableProbe(str(layout.alert_log))),
        **_of_components(settings, layout, manager),
        **_of_memory_server(settings, layout),
        **_of_postgresql(settings, layout),
        **_of_vectors(settings, layout, manager),
        **_of_alerting(settings),
    }
    return Diagnosis(examiners, _STEP_TIMEOUTS * settings.checks.timeout_seconds)


async def _observed(probe: Probe) -> Examination:
    observation: Observation = await probe.observe()
    return from_observation(observation)


def _disk_limits(settings: Settings) -> Limits:
    threshold = settings.thresholds.disk_used_percent
    return Limits(threshold.warning, threshold.critical)


def _of_components(settings: Settings, layout: DataLayout, manager: ServiceManager) -> dict[str, Examiner]:
    found: dict[str, Examiner] = {}
    for name in EXAMINED_COMPONENTS:
        log_file = LogFile(name, layout.logs / f"{name}.log", local_zone())
        found[f"{name}_process"] = partial(components.process, manager, name)
        found[f"{name}_port"] = partial(components.port, manager, name, settings.port(name))
        found[f"{name}_log"] = partial(components.log, log_file)
    return found


def _of_memory_server(settings: Settings, layout: DataLayout) -> dict[str, Examiner]:
    timeout_seconds = settings.checks.timeout_seconds
    packages = (*MEMORY_SERVER_PACKAGES, *(("qdrant_edge",) if settings.vectors.kind == "edge" else ()))
    health_url = f"{local_url(settings, 'mcp_server')}/health"
    return {
        "mcp_server_configuration": partial(components.configuration, layout.etc / "mcp.yml"),
        "python_packages": partial(components.packages, packages),
        "mcp_server_health": partial(components.health_document, health_url, timeout_seconds),
    }


def _of_postgresql(settings: Settings, layout: DataLayout) -> dict[str, Examiner]:
    timeout_seconds = settings.checks.timeout_seconds
    controlplane = connector(settings, layout)("")
    memory = Connect(
        host=controlplane.host,
        port=controlplane.port,
        database=settings.postgresql.memory_database,
        user=settings.postgresql.memory_user,
        password=partial(_secret, layout.secret("postgresql_memory_password")),
        ca_file=controlplane.ca_file,
    )
    tcp = TcpProbe(settings.postgresql.host, settings.port("postgresql"), Limits())
    return {
        "postgresql_folder": partial(postgresql.folder, layout.postgresql),
        "postgresql_tcp": partial(_observed, tcp),
        "memory_login": partial(postgresql.login, memory, timeout_seconds),
        "controlplane_login": partial(postgresql.login, controlplane, timeout_seconds),
        "memory_schema": partial(postgresql.tables, memory, postgresql.MEMORY_TABLES, timeout_seconds),
        "controlplane_schema": partial(
            postgresql.tables, controlplane, postgresql.CONTROLPLANE_TABLES, timeout_seconds
        ),
        "postgresql_connections": partial(postgresql.connections, controlplane, timeout_seconds),
    }


def _of_vectors(settings: Settings, layout: DataLayout, manager: ServiceManager) -> dict[str, Examiner]:
    timeout_seconds = settings.checks.timeout_seconds
    health_url = f"{local_url(settings, 'mcp_server')}/health"
    model: Examiner = partial(components.health_part, health_url, "embeddings", timeout_seconds)
    if settings.vectors.kind == "server":
        url = str(settings.vectors.url).rstrip("/")
        parts = urlsplit(url)
        server = TcpProbe(parts.hostname or "", parts.port or 6333, Limits())
        return {
            "qdrant_process": partial(_observed, server),
            "qdrant_health": partial(components.page, f"{url}/readyz", timeout_seconds),
            "qdrant_folder": _held_by_server,
            "qdrant_lock": _held_by_server,
            "qdrant_model": model,
        }
    lock_file = layout.vectors / "lock"
    return {
        "qdrant_process": partial(components.process, manager, "mcp_server"),
        "qdrant_health": partial(components.health_part, health_url, "qdrant", timeout_seconds),
        "qdrant_folder": partial(qdrant.folder, manager, layout.vectors),
        "qdrant_lock": partial(qdrant.lock, manager, lock_file),
        "qdrant_model": model,
    }


async def _held_by_server() -> Examination:
    from controlplane.adapters.diagnosis import fine

    return fine("a Qdrant server keeps the vectors")


def _of_alerting(settings: Settings) -> dict[str, Examiner]:
    timeout_seconds = settings.checks.timeout_seconds
    urls = {name: local_url(settings, name) for name in ("prometheus", "alertmanager", "controlplane")}
    prometheus = PrometheusClient(urls["prometheus"], timeout_seconds)
    alertmanager = AlertmanagerClient(urls["alertmanager"], timeout_seconds)
    return {
        "prometheus_ready": partial(components.page, f"{urls['prometheus']}/-/ready", timeout_seconds),
        "prometheus_rules": partial(alerting.rules, prometheus, profile_alerts(settings.profile)),
        "prometheus_targets": partial(alerting.targets, prometheus, tuple(SCRAPE_JOBS.values())),
        "prometheus_alertmanager": partial(alerting.alertmanagers, prometheus, settings.port("alertmanager")),
        "alertmanager_ready": partial(components.page, f"{urls['alertmanager']}/-/ready", timeout_seconds),
        "alertmanager_webhook": partial(alerting.webhook_configured, alertmanager, settings.port("controlplane")),
        "webhook": partial(alerting.webhook_accepts, f"{urls['controlplane']}/webhook", timeout_seconds),
    }


def profile_alerts(profile: str) -> list[str]:
    """Names of the alert rules that a profile brings."""
    document = yaml.safe_load((resource_dir("alert_rules") / f"{profile}.yml").read_text(encoding="utf-8"))
    return [rule["alert"] for group in document["groups"] for rule in group["rules"] if "alert" in rule]


def _secret(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""
