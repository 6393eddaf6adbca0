"""Composition root of the check engine."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from controlplane.config.default_checks import definitions, limits, local_url
from controlplane.config.paths import DataLayout
from controlplane.config.schema import CheckDefinition, Settings
from controlplane.domain.check import CheckSpec, Limits
from controlplane.errors import InvalidConfiguration
from controlplane.services.ports import CheckStore, ServiceManager
from controlplane.wiring.stack import service_manager as default_service_manager

if TYPE_CHECKING:
    from controlplane.adapters.postgresql_client import Connect
    from controlplane.services.checks import CheckEngine


def build_engine(
    settings: Settings,
    layout: DataLayout,
    store: CheckStore | None = None,
    service_manager: ServiceManager | None = None,
) -> "CheckEngine":
    """The engine with every configured check; without a store it remembers nothing.

    Raises InvalidConfiguration for a check whose target makes no sense.
    """
    from controlplane.adapters.host import LinuxHostWatch
    from controlplane.adapters.probes.context import ProbeContext
    from controlplane.adapters.probes.table import PROBES
    from controlplane.errors import CmctlError
    from controlplane.services.checks import CheckEngine

    context = ProbeContext(
        service_manager=service_manager or default_service_manager(settings),
        connect=connector(settings, layout),
        prometheus_url=local_url(settings, "prometheus"),
    )
    specs = check_specs(settings)
    probes, problems = {}, []
    for spec in specs:
        try:
            probes[spec.name] = PROBES[spec.kind](spec, context)
        except CmctlError as error:
            problems.append(f"checks.definitions.{spec.name}: {error.message}")
    if problems:
        raise InvalidConfiguration(f"{len(problems)} check(s) cannot run", problems)
    return CheckEngine(specs, probes, store, LinuxHostWatch())


def check_specs(settings: Settings) -> list[CheckSpec]:
    """Every configured check with its limits, timeouts and target filled in."""
    return [_spec(settings, definition) for definition in definitions(settings)]


def connector(settings: Settings, layout: DataLayout) -> "Callable[[str], Connect]":
    """How to connect to a database as the control plane; the empty name is the control plane's own."""
    from controlplane.adapters.postgresql_client import Connect

    postgresql = settings.postgresql
    password_file = postgresql.controlplane_password_file or layout.secret("postgresql_controlplane_password")

    def password() -> str:
        try:
            return password_file.read_text(encoding="utf-8").strip()
        except OSError:  # missing, or not for the user who asks: the server will say so
            return ""

    def connect(database: str) -> Connect:
        return Connect(
            host=postgresql.host,
            port=settings.port("postgresql"),
            database=database or postgresql.controlplane_database,
            user=postgresql.controlplane_user,
            password=password,
            ca_file=postgresql.ca_file,
        )

    return connect


def _spec(settings: Settings, definition: CheckDefinition) -> CheckSpec:
    warning, critical, lower_is_worse = limits(settings, definition)
    checks = settings.checks
    target = definition.target or _target_of_kind(settings, definition.kind)
    options = {"expect": definition.expect}
    if definition.json_field is not None:
        options["json_field"] = definition.json_field
    if definition.kind == "qdrant":
        is_edge = settings.vectors.kind == "edge" and definition.target is None
        options["vectors"] = "edge" if is_edge else "server"
    return CheckSpec(
        name=definition.name,
        kind=definition.kind,
        target=target,
        limits=Limits(warning, critical, lower_is_worse),
        timeout_seconds=definition.timeout_seconds or checks.timeout_seconds,
        failures_before_change=definition.failures_before_change or checks.failures_before_change,
        host=_network_host(settings, definition.kind, target),
        options=options,
    )


def _target_of_kind(settings: Settings, kind: str) -> str:
    """What a check of a kind looks at when it does not say."""
    memory_server = local_url(settings, "mcp_server")
    targets = {
        "disk": str(settings.data_dir),
        "postgres": settings.postgresql.controlplane_database,
        "database_size": settings.postgresql.memory_database,
        "response_time": f"{memory_server}/metrics",
        "qdrant": settings.vectors.url if settings.vectors.kind == "server" else f"{memory_server}/health",
    }
    return targets.get(kind) or ""


def _network_host(settings: Settings, kind: str, target: str) -> str | None:
    """The host that a check needs the network for."""
    if kind in ("http", "qdrant", "response_time"):
        return urlsplit(target).hostname
    if kind == "tcp" or (kind == "certificate" and not target.startswith("/")):
        return target.rpartition(":")[0].strip("[]")
    if kind in ("postgres", "database_size"):
        return settings.postgresql.host
    if kind in ("prometheus_target", "prometheus_query"):
        return urlsplit(local_url(settings, "prometheus")).hostname
    return None
