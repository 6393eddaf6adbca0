"""Which configuration files the stack has and what each says; nothing is written here."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from controlplane.config.paths import DataLayout
from controlplane.config.schema import McpServer, Settings
from controlplane.domain.duration import format_duration
from controlplane.domain.rules import RuleOptions, render_rules
from controlplane.errors import InvalidConfiguration

MANAGED = "Written by cmctl up; changes are overwritten. Edit cmctl.yml and type: cmctl up"
_DEFAULT_SCRAPE_TIMEOUT_SECONDS = 10.0


class Templates(Protocol):
    """Renders the shipped templates."""

    def render(self, name: str, variables: Mapping[str, Any]) -> str:
        """Text of the template ``name``."""
        ...


def reachable_host(listen_host: str) -> str:
    """The address under which processes on this machine reach what listens on ``listen_host``."""
    return "127.0.0.1" if listen_host in ("0.0.0.0", "::", "") else listen_host  # noqa: S104 - compared, not bound


def local_address(settings: Settings, component: str) -> str:
    """``host:port`` of a component for its neighbours on this machine."""
    return f"{reachable_host(settings.listen_host)}:{settings.port(component)}"


def render(name: str, settings: Settings, templates: Templates) -> str:
    """Text of the configuration file ``name`` of the embedded stack."""
    return templates.render(name, {"ansible_managed": MANAGED, **variables_of(name, settings)})


def variables_of(name: str, settings: Settings) -> dict[str, Any]:
    """Variables of the template ``name``, which both ways of running render; a deployed host adds to them."""
    return VARIABLES[name](settings)


def _prometheus(settings: Settings) -> dict[str, Any]:
    scrape = settings.prometheus.scrape_interval_seconds
    jobs = [
        ("claude-memory-mcp", "mcp_server"),
        ("claude-memory-controlplane", "controlplane"),
        ("prometheus", "prometheus"),
        ("alertmanager", "alertmanager"),
    ]
    return {
        "scrape_interval": format_duration(scrape),
        "scrape_timeout": format_duration(min(scrape, _DEFAULT_SCRAPE_TIMEOUT_SECONDS)),
        "evaluation_interval": format_duration(settings.prometheus.evaluation_interval_seconds),
        "rule_files": "rules/*.yml",
        "alertmanager_address": local_address(settings, "alertmanager"),
        "scrape_jobs": [{"name": name, "address": local_address(settings, part)} for name, part in jobs],
        "machines": settings.prometheus.machines or {None: local_address(settings, "node_exporter")},
    }


def _alertmanager(settings: Settings) -> dict[str, Any]:
    alertmanager = settings.alertmanager
    return {
        "resolve_timeout": format_duration(alertmanager.resolve_timeout_seconds),
        "group_wait": format_duration(alertmanager.group_wait_seconds),
        "group_interval": format_duration(alertmanager.group_interval_seconds),
        "repeat_interval": format_duration(alertmanager.repeat_interval_seconds),
        "webhook_url": f"http://{local_address(settings, 'controlplane')}/webhook",
    }


def rule_options(settings: Settings) -> RuleOptions:
    """What the settings say about alert rules."""
    thresholds = {
        f"{name}.{level}": float(getattr(getattr(settings.thresholds, name), level))
        for name in type(settings.thresholds).model_fields
        for level in ("warning", "critical")
    }
    public_url = settings.public_url or f"http://{local_address(settings, 'controlplane')}"
    return RuleOptions(
        thresholds=thresholds,
        for_scale=settings.alert_rules.for_scale,
        runbook_base_url=settings.runbook_base_url or f"{public_url.rstrip('/')}/docs/runbook",
    )


def render_profile_rules(profile: str, document: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The profile's rule file as Prometheus loads it. Raises InvalidConfiguration when a rule does not fit."""
    try:
        return render_rules(document, rule_options(settings))
    except ValueError as error:
        raise InvalidConfiguration(f"alert_rules/{profile}.yml: {error}") from error


def _postgresql(settings: Settings) -> dict[str, Any]:
    return {
        "listen_addresses": "127.0.0.1",
        "shared_buffers_mb": settings.postgresql.shared_buffers_mb,
        "max_slot_wal_keep_size_mb": settings.backup.max_slot_wal_keep_size_mb,
    }


def _memory_server(settings: Settings) -> dict[str, Any]:
    layout = DataLayout(settings.data_dir)
    return {
        "listen_host": settings.listen_host,
        "mcp_port": settings.port("mcp_server"),
        "mcp_token_file": str(layout.secret("mcp_token")),
        "postgresql_host": settings.postgresql.host,
        "postgresql_port": settings.port("postgresql"),
        "postgresql_database": settings.postgresql.memory_database,
        "postgresql_user": settings.postgresql.memory_user,
        "postgresql_password_file": str(layout.secret("postgresql_memory_password")),
        "postgresql_ca_file": str(settings.postgresql.ca_file or ""),
        "vectors_kind": settings.vectors.kind,
        "vectors_path": str(layout.vectors),
        "vectors_url": settings.vectors.url,
        "embedding_provider": settings.mcp_server.embedding_provider,
        "embedding_settings": embedding_settings(settings.mcp_server),
        "debug_delay_seconds": settings.mcp_server.debug_delay_seconds,
    }


def embedding_settings(server: McpServer) -> dict[str, object]:
    """What ``mcp.yml`` says of the embeddings beside the provider; only what is set."""
    key_file, cache_dir = server.embedding_api_key_file, server.embedding_cache_dir
    wanted = {
        "model": server.embedding_model,
        "dimension": server.embedding_dimension,
        "url": server.embedding_url,
        "api_key": {"file": str(key_file)} if key_file else None,
        "cache_dir": str(cache_dir) if cache_dir else None,
    }
    return {name: value for name, value in wanted.items() if value is not None}


# Template -> its variables. Every file that both ways of running render is here.
VARIABLES: Mapping[str, Callable[[Settings], dict[str, Any]]] = {
    "prometheus.yml": _prometheus,
    "alertmanager.yml": _alertmanager,
    "postgresql.conf": _postgresql,
    "pg_hba.conf": _postgresql,
    "mcp.yml": _memory_server,
}
