"""The built-in checks of the claude-memory profile, and the limits that a kind has when a check names none."""

from controlplane.config.paths import DataLayout
from controlplane.config.schema import CheckDefinition, CheckKind, Settings, Threshold
from controlplane.errors import InvalidConfiguration

# Health page of each component that has one, and the JSON field in it that must say "ok".
HEALTH_PAGES: dict[str, tuple[str, str | None]] = {
    "mcp_server": ("/health", "status"),
    "controlplane": ("/health", "status"),
    "prometheus": ("/-/healthy", None),
    "alertmanager": ("/-/healthy", None),
    "node_exporter": ("/metrics", None),
}
# Scrape job of each component that Prometheus watches.
SCRAPE_JOBS: dict[str, str] = {
    "mcp_server": "claude-memory-mcp",
    "controlplane": "claude-memory-controlplane",
    "prometheus": "prometheus",
    "alertmanager": "alertmanager",
    "node_exporter": "node",
}
SERVICES = ("postgresql", "wal_receiver", "mcp_server", "node_exporter", "prometheus", "alertmanager", "controlplane")
JOURNAL_QUERY = "cmctl_journal_pending_records"
# Days before its end that a certificate is WARNING and CRITICAL: time for a renewal, and for a renewal by hand.
CERTIFICATE_DAYS = (21.0, 7.0)


def default_definitions(settings: Settings) -> list[CheckDefinition]:
    """The built-in checks, in the order in which they are shown."""
    return [*_component_checks(settings), *_data_checks(settings), *_machine_checks(settings)]


def definitions(settings: Settings) -> list[CheckDefinition]:
    """The checks that run: the built-in ones, each replaced by the user's of that name, then the user's own.

    Raises InvalidConfiguration when ``checks.disabled`` names a check that does not exist.
    """
    own = {definition.name: definition for definition in settings.checks.definitions}
    built_in = default_definitions(settings)
    known = {*own, *(definition.name for definition in built_in)}
    if unknown := [name for name in settings.checks.disabled if name not in known]:
        problems = [f"checks.disabled: there is no check {name!r}" for name in unknown]
        raise InvalidConfiguration(f"{len(problems)} invalid setting(s)", problems)
    chosen = [own.pop(definition.name, definition) for definition in built_in]
    return [definition for definition in [*chosen, *own.values()] if definition.name not in settings.checks.disabled]


def limits(settings: Settings, definition: CheckDefinition) -> tuple[float | None, float | None, bool]:
    """Warning, critical, and whether lower is worse: the check's own, else those of its kind."""
    warning, critical, lower_is_worse = _limits_of_kind(settings, definition.kind)
    if definition.warning is not None or definition.critical is not None:
        is_days_left = definition.kind == "certificate"
        return definition.warning, definition.critical, definition.lower_is_worse or is_days_left
    return warning, critical, lower_is_worse


def components_here(settings: Settings) -> tuple[str, ...]:
    """The components that the service manager of this host looks after."""
    if settings.mode != "deployed":
        return SERVICES
    qdrant = ("qdrant",) if settings.vectors.kind == "server" else ()
    # WAL is received where PostgreSQL is.
    left_out = () if settings.postgresql.installed else ("wal_receiver",)
    known = (*(name for name in SERVICES if name not in left_out), *qdrant)
    return (
        known if settings.components_here is None else tuple(name for name in known if name in settings.components_here)
    )


def local_url(settings: Settings, component: str) -> str:
    """Base URL under which this machine reaches a component; an "every address" listener is reached on loopback."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.listen_host, settings.listen_host)  # noqa: S104
    bracketed = f"[{host}]" if ":" in host else host
    return f"http://{bracketed}:{settings.port(component)}"


def _limits_of_kind(settings: Settings, kind: CheckKind) -> tuple[float | None, float | None, bool]:
    thresholds = settings.thresholds
    of_kind: dict[str, Threshold] = {
        "disk": thresholds.disk_used_percent,
        "memory": thresholds.memory_used_percent,
        "cpu": thresholds.cpu_used_percent,
        "response_time": thresholds.response_time_seconds,
        "database_size": thresholds.database_size_bytes,
    }
    if kind == "certificate":
        return (*CERTIFICATE_DAYS, True)
    threshold = of_kind.get(kind)
    return (threshold.warning, threshold.critical, False) if threshold else (None, None, False)


def _component_checks(settings: Settings) -> list[CheckDefinition]:
    services = [
        CheckDefinition(name=f"{name}_service", kind="service", target=name) for name in components_here(settings)
    ]
    pages = [
        CheckDefinition(
            name=f"{component}_http", kind="http", target=local_url(settings, component) + path, json_field=field
        )
        for component, (path, field) in HEALTH_PAGES.items()
    ]
    targets = [
        CheckDefinition(name=f"{component}_target", kind="prometheus_target", target=job)
        for component, job in SCRAPE_JOBS.items()
    ]
    return [*services, *pages, *targets]


def _data_checks(settings: Settings) -> list[CheckDefinition]:
    address = f"{settings.postgresql.host}:{settings.port('postgresql')}"
    pending = settings.thresholds.journal_pending_records
    return [
        CheckDefinition(name="postgresql_tcp", kind="tcp", target=address),
        CheckDefinition(name="postgresql", kind="postgres"),
        CheckDefinition(name="qdrant", kind="qdrant"),
        CheckDefinition(name="database_size", kind="database_size"),
        CheckDefinition(name="response_time", kind="response_time"),
        CheckDefinition(
            name="journal_pending",
            kind="prometheus_query",
            target=JOURNAL_QUERY,
            warning=pending.warning,
            critical=pending.critical,
        ),
    ]


def _machine_checks(settings: Settings) -> list[CheckDefinition]:
    alerts_log = DataLayout(settings.data_dir).logs / "alerts.log"
    return [
        CheckDefinition(name="alerts_log", kind="writable", target=str(alerts_log)),
        CheckDefinition(name="disk", kind="disk"),
        CheckDefinition(name="memory", kind="memory"),
        CheckDefinition(name="cpu", kind="cpu"),
    ]
