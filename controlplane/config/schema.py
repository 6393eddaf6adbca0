"""The configuration of the control plane (``cmctl.yml``), as one pydantic schema.

Defaults describe the embedded stack on one machine with the thresholds of the
runbook. Unknown keys are errors. Durations are seconds unless the name says
otherwise; ratios are 0..1; percentages are 0..100.
"""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from controlplane.config.anomaly import Anomaly
from controlplane.config.backup import Backup
from controlplane.config.flapping import Flapping
from controlplane.config.incidents import Incidents
from controlplane.config.installed_postgresql import InstalledPostgreSQL
from controlplane.config.notifications import Notifications
from controlplane.config.remediation import Remediation
from controlplane.config.report_recipients import ReportRecipient
from controlplane.config.section import Seconds, Section

Port = Annotated[int, Field(ge=1, le=65535)]

COMPONENTS = (
    "postgresql",
    "wal_receiver",
    "mcp_server",
    "node_exporter",
    "prometheus",
    "alertmanager",
    "controlplane",
)


ComponentName = Literal[
    "postgresql", "wal_receiver", "qdrant", "mcp_server", "node_exporter", "prometheus", "alertmanager", "controlplane"
]


class Ports(Section):
    """TCP ports before ``port_offset`` is added."""

    mcp_server: Port = Field(8080, description="Memory server: /mcp, /health, /metrics.")
    controlplane: Port = Field(8081, description="Control plane: webhook, API, web page.")
    postgresql: Port = Field(5432, description="PostgreSQL.")
    qdrant: Port = Field(6333, description="Qdrant server; unused while vectors are embedded.")
    prometheus: Port = Field(9090, description="Prometheus.")
    alertmanager: Port = Field(9093, description="Alertmanager.")
    node_exporter: Port = Field(9100, description="node_exporter.")


class Threshold(Section):
    """Upper limits: at or above ``warning`` is WARNING, at or above ``critical`` is CRITICAL."""

    warning: float = Field(description="WARNING at or above this value.")
    critical: float = Field(description="CRITICAL at or above this value.")

    @model_validator(mode="after")
    def _ordered(self) -> "Threshold":
        if self.warning > self.critical:
            raise ValueError(f"warning ({self.warning:g}) must not be above critical ({self.critical:g})")
        return self


class Thresholds(Section):
    """The table of the runbook. Alert rules take the same numbers."""

    disk_used_percent: Threshold = Field(
        Threshold(warning=80, critical=90),
        description="Used space of the file system that holds the data directory, percent.",
    )
    memory_used_percent: Threshold = Field(
        Threshold(warning=85, critical=95), description="Used memory of the machine, percent."
    )
    cpu_used_percent: Threshold = Field(
        Threshold(warning=80, critical=90), description="Busy time of all cores, percent."
    )
    response_time_seconds: Threshold = Field(
        Threshold(warning=5, critical=10), description="Average response time of the memory server, seconds."
    )
    database_size_bytes: Threshold = Field(
        Threshold(warning=1_000_000_000, critical=2_000_000_000), description="Size of the memory database, bytes."
    )
    journal_pending_records: Threshold = Field(
        Threshold(warning=1_000, critical=100_000), description="Accepted alerts that wait for PostgreSQL."
    )


class Checks(Section):
    """The health-check engine."""

    interval_seconds: Seconds = Field(30, description="How often every check runs.")
    timeout_seconds: Seconds = Field(5, description="A check that takes longer is UNKNOWN.")
    failures_before_change: int = Field(
        2, ge=1, le=100, description="Results in a row that must contradict the state of a check before it changes."
    )
    history_days: int = Field(30, ge=1, description="How long results are kept.")
    definitions: list["CheckDefinition"] = Field(
        default_factory=list,
        description="Further checks. One with the name of a built-in check replaces it.",
    )
    disabled: list[str] = Field(default_factory=list, description="Names of built-in checks to leave out.")

    @model_validator(mode="after")
    def _names_differ(self) -> "Checks":
        names = [definition.name for definition in self.definitions]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"definitions: more than one check is named {twice[0]!r}")
        return self


CheckKind = Literal[
    "service",
    "http",
    "tcp",
    "postgres",
    "qdrant",
    "prometheus_target",
    "prometheus_query",
    "disk",
    "memory",
    "cpu",
    "process",
    "certificate",
    "database_size",
    "response_time",
    "writable",
]
# Kinds that measure the same thing whatever their target says, or have a target that the rest of the settings name.
KINDS_WITHOUT_TARGET = frozenset({"memory", "cpu", "postgres", "qdrant", "database_size", "response_time", "disk"})


class CheckDefinition(Section):
    """One health check. Which of the optional fields a kind takes is in docs/configuration.md."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Unique name, snake_case.")
    kind: CheckKind = Field(description="What is measured.")
    target: str | None = Field(
        None, description="What to measure: a service, URL, host:port, path, job or query, by kind."
    )
    warning: float | None = Field(None, description="WARNING at or above this value.")
    critical: float | None = Field(None, description="CRITICAL at or above this value.")
    lower_is_worse: bool = Field(False, description="Compare downwards: WARNING at or below the value.")
    timeout_seconds: Seconds | None = Field(None, description="Overrides checks.timeout_seconds.")
    failures_before_change: int | None = Field(None, ge=1, le=100, description="Overrides the global setting.")
    json_field: str | None = Field(
        None, description="Kind http: dotted path of a field in the JSON answer that must say `expect`."
    )
    expect: str = Field("ok", description="Kind http: the word that `json_field` must say.")

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "CheckDefinition":
        if self.target is None and self.kind not in KINDS_WITHOUT_TARGET:
            raise ValueError(f"target is required for kind {self.kind!r}")
        if self.json_field is not None and self.kind != "http":
            raise ValueError("json_field is for kind 'http'")
        if self.warning is not None and self.critical is not None and self._are_swapped(self.warning, self.critical):
            raise ValueError("warning must come before critical on the way to worse values")
        return self

    def _are_swapped(self, warning: float, critical: float) -> bool:
        is_lower_worse = self.lower_is_worse or self.kind == "certificate"
        return critical > warning if is_lower_worse else warning > critical


class Prometheus(Section):
    """Prometheus as we run it."""

    scrape_interval_seconds: Seconds = Field(15, description="Scrape interval of every job.")
    evaluation_interval_seconds: Seconds = Field(15, description="Rule evaluation interval.")
    alert_resend_delay_seconds: Seconds = Field(
        60,
        description="How often a firing alert is sent again; unsent for four times as long, it counts as resolved.",
    )
    retention_days: int = Field(30, ge=1, description="How long samples are kept.")
    retention_size_mb: int = Field(2048, ge=64, description="Upper bound of the sample store.")
    machines: dict[str, str] = Field(
        default_factory=dict,
        description="Name -> host:port of the node_exporter of every machine; default: this one's, by its address.",
    )


class Alertmanager(Section):
    """Alertmanager as we run it: everything is routed to the webhook of the control plane."""

    group_wait_seconds: Seconds = Field(10, description="Wait before the first notification of a group.")
    group_interval_seconds: Seconds = Field(60, description="Wait before news of a group is sent.")
    repeat_interval_seconds: Seconds = Field(4 * 3600, description="Repeat of a group that still fires.")
    resolve_timeout_seconds: Seconds = Field(300, description="Alertmanager's resolve_timeout.")
    reconcile_interval_seconds: Seconds = Field(
        60,
        description="How often the firing alerts are compared with those that Alertmanager knows. One that it has not "
        "known for the resolve timeout (and four times prometheus.alert_resend_delay_seconds) counts as over.",
    )
    further_urls: list[str] = Field(
        default_factory=list,
        description="Base URLs of other Alertmanagers that post to the webhook: what one of them knows still fires.",
    )


class AlertRules(Section):
    """How the rule files of the profile are rendered."""

    for_scale: float = Field(
        1.0, gt=0, le=1, description="Factor on every rule's `for`; below 1 only to try things out."
    )


class PostgreSQL(Section):
    """Where the databases are and who connects."""

    host: str = Field("127.0.0.1", description="Host name or address.")
    ca_file: Path | None = Field(
        None, description="Certificates to trust; set, the server must prove by TLS that it is `host`."
    )
    memory_database: str = Field("claude_memory_db", description="Database of the memory server.")
    memory_user: str = Field("claude_memory", description="Role that the memory server works as.")
    controlplane_database: str = Field("claude_memory_controlplane", description="Database of the control plane.")
    controlplane_user: str = Field("claude_memory_controlplane", description="Role that the control plane works as.")
    controlplane_password_file: Path | None = Field(
        None, description="File that holds the password; default: secrets/ in the data directory."
    )
    shared_buffers_mb: int = Field(64, ge=1, description="Embedded PostgreSQL: shared_buffers.")
    installed: InstalledPostgreSQL | None = Field(
        None, description="Deployed, written by site.yml: PostgreSQL of this host, for backups and restores."
    )


class Vectors(Section):
    """The vector store of the memory server."""

    kind: Literal["edge", "server"] = Field("edge", description="`edge` runs in the memory server's process.")
    url: str | None = Field(None, description="URL of the Qdrant server when kind is `server`.")

    @model_validator(mode="after")
    def _server_needs_url(self) -> "Vectors":
        if self.kind == "server" and not self.url:
            raise ValueError("url is required when kind is 'server'")
        return self


class Webhook(Section):
    """Limits of POST /webhook."""

    max_body_bytes: int = Field(16 * 1024 * 1024, ge=1024, description="A larger body gets 413.")
    alerts_retention_days: int = Field(400, ge=1, description="How long resolved alerts are kept.")
    max_annotation_bytes: int = Field(16 * 1024, ge=256, description="Longer annotations are cut, and say so.")
    journal_max_mb: int = Field(
        1024, ge=1, description="Alerts that wait for PostgreSQL may take this much disk; beyond it, posts get 503."
    )


class Slo(Section):
    """Service level objectives."""

    evaluation_interval_seconds: Seconds = Field(
        60, description="How often the control plane computes where the objectives stand."
    )


class Http(Section):
    """The HTTP server on the control plane's port."""

    max_concurrent_requests: int = Field(256, ge=1, description="Beyond this many, requests get 503.")


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone of the IANA database") from error
    return name


class Reports(Section):
    """SLA reports: how `cmctl slo report` writes them, and which are made and kept by themselves."""

    scheduled: list[Literal["day", "week", "month"]] = Field(
        ["day", "week", "month"], description="Reports that are made when such a calendar unit is over."
    )
    send_to: list[ReportRecipient] = Field(
        default_factory=list, description="Who is sent a message about each of them when it is made."
    )
    keep_daily_days: int = Field(35, ge=1, description="How long daily reports are kept.")
    keep_weekly_days: int = Field(200, ge=1, description="How long weekly reports are kept.")
    keep_monthly_days: int = Field(1200, ge=1, description="How long monthly reports are kept.")

    time_zone: Annotated[str, AfterValidator(_time_zone)] = Field(
        "UTC", description="IANA name, such as Asia/Shanghai: where days begin, and how times are written."
    )


class McpServer(Section):
    """Settings of the memory server that the control plane renders into ``mcp.yml``."""

    embedding_provider: Literal["wordllama", "fastembed", "openai"] = Field(
        "wordllama", description="Where sentence embeddings come from."
    )
    embedding_model: str | None = Field(None, description="fastembed, openai: name of the model.")
    embedding_dimension: int | None = Field(None, ge=1, le=65_535, description="openai: length of its vectors.")
    embedding_url: str | None = Field(
        None, pattern=r"^https?://", description="openai: base URL of the endpoint, up to and with /v1."
    )
    embedding_api_key_file: Path | None = Field(None, description="openai: file that holds the API key.")
    embedding_cache_dir: Path | None = Field(None, description="fastembed: folder with the downloaded model.")
    debug_delay_seconds: float = Field(
        0, ge=0, le=60, description="Delay added to every tool call, to rehearse a latency regression."
    )

    @model_validator(mode="after")
    def _provider_has_its_settings(self) -> "McpServer":
        needed = {"fastembed": ("model",), "openai": ("model", "dimension", "url")}.get(self.embedding_provider, ())
        missing = [f"embedding_{name}" for name in needed if getattr(self, f"embedding_{name}") is None]
        if missing:
            raise ValueError(f"{', '.join(missing)} required when embedding_provider is {self.embedding_provider!r}")
        return self


class Settings(Section):
    """The whole of ``cmctl.yml``."""

    mode: Literal["embedded", "deployed"] = Field("embedded", description="supervisor or systemd.")
    profile: str = Field("claude-memory", description="Profile: targets, thresholds, rules, dashboards.")
    data_dir: Path = Field(description="State of the stack. Set by --data-dir when absent in the file.")
    listen_host: str = Field("127.0.0.1", description="Address that every component listens on.")
    port_offset: int = Field(
        0, ge=0, le=50000, description="Added to every port, so that two stacks can share a machine."
    )
    ports: Ports = Ports()
    components_here: list[ComponentName] | None = Field(
        None,
        description="Deployed: components whose unit is on this host; default: all. The others are seen by HTTP only.",
    )
    public_url: str | None = Field(None, description="URL of the control plane as people reach it, for links.")
    checks: Checks = Checks()
    thresholds: Thresholds = Thresholds()
    prometheus: Prometheus = Prometheus()
    alertmanager: Alertmanager = Alertmanager()
    alert_rules: AlertRules = AlertRules()
    postgresql: PostgreSQL = PostgreSQL()
    vectors: Vectors = Vectors()
    webhook: Webhook = Webhook()
    http: Http = Http()
    backup: Backup = Backup()
    slo: Slo = Slo()
    notifications: Notifications = Notifications()
    flapping: Flapping = Flapping()
    incidents: Incidents = Incidents()
    remediation: Remediation = Remediation()
    mcp_server: McpServer = McpServer()
    anomaly: Anomaly = Anomaly()
    reports: Reports = Reports()
    runbook_base_url: str | None = Field(
        None, description="Base of every runbook link; default: the copy that the control plane serves at /docs."
    )

    def port(self, component: str) -> int:
        """TCP port of a component with the offset added. Raises AttributeError for an unknown component."""
        base: int = getattr(self.ports, component)
        return base + self.port_offset

    @property
    def backup_directory(self) -> Path:
        """Where recovery sets and the WAL archive are."""
        return self.backup.directory or self.data_dir / "backups"

    def url(self, component: str) -> str:
        """Base URL of a component, without a trailing slash."""
        return f"http://{self.listen_host}:{self.port(component)}"

    @model_validator(mode="after")
    def _reports_have_receivers(self) -> "Settings":
        known = {one.name for one in self.notifications.receivers}
        names = [one.receiver for one in self.reports.send_to]
        for name in names:
            if name not in known:
                raise ValueError(f"reports.send_to: {name!r} is none of notifications.receivers; add it there")
            if names.count(name) > 1:
                raise ValueError(f"reports.send_to: {name!r} is named twice; list its kinds in one entry")
        return self

    @model_validator(mode="after")
    def _ports_fit_and_differ(self) -> "Settings":
        seen: dict[int, str] = {}
        for name in Ports.model_fields:
            port = self.port(name)
            if port > 65535:
                raise ValueError(f"ports.{name} plus port_offset is {port}, above 65535")
            if port in seen:
                raise ValueError(f"ports.{name} and ports.{seen[port]} are both {port}")
            seen[port] = name
        return self
