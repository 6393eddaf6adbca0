"""The configuration of the memory server (``mcp.yml``), as one pydantic schema.

Defaults fit a PostgreSQL and a data directory on this machine. Unknown keys are errors. Durations are seconds.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


class Section(BaseModel):
    """Base of every section: unknown keys are errors, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Secret(Section):
    """Reference to a secret: exactly one of the three. It is read when it is needed and never logged."""

    file: Path | None = Field(None, description="File whose content, without the final newline, is the secret.")
    environment: str | None = Field(None, description="Environment variable that holds it.")
    credential: str | None = Field(None, pattern=r"^[A-Za-z0-9_.-]+$", description="Name of a systemd credential.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "Secret":
        if sum(value is not None for value in (self.file, self.environment, self.credential)) != 1:
            raise ValueError("name exactly one of file, environment and credential")
        return self


class Listen(Section):
    """The HTTP server."""

    host: str = Field("127.0.0.1", description="Address to listen on. Any but loopback needs a token.")
    port: Port = Field(8080, description="TCP port of /mcp, /health and /metrics.")
    token: Secret | None = Field(
        None, description="Bearer token for requests that do not come from this machine, and for /admin."
    )
    allowed_hosts: list[str] = Field(
        default_factory=list, description="Host names, without port, by which others may address this server."
    )
    max_body_bytes: int = Field(
        4 * 1024 * 1024, ge=1024, le=256 * 1024 * 1024, description="A larger request gets 413."
    )
    max_concurrent_requests: int = Field(64, ge=1, description="Beyond this many at once, requests get 503.")


class PostgreSQL(Section):
    """Where memories are kept."""

    host: str = Field("127.0.0.1", description="Host name, address or socket folder.")
    port: Port = Field(5432, description="TCP port.")
    database: str = Field("claude_memory_db", description="Database; the user owns it.")
    user: str = Field("claude_memory", description="Role that logs in.")
    password: Secret | None = Field(None, description="Its password; none for peer authentication.")
    ca_file: Path | None = Field(
        None, description="Certificates to trust; set, the server must prove by TLS that it is `host`."
    )
    connect_timeout_seconds: Seconds = Field(2, le=10, description="A tool call gives up after this.")
    statement_timeout_seconds: Seconds = Field(10, description="A single statement is cancelled after this.")
    max_connections: int = Field(8, ge=1, le=100, description="Upper bound of the connection pool.")


class Vectors(Section):
    """Where vectors are kept. They can always be rebuilt from PostgreSQL."""

    kind: Literal["edge", "server"] = Field("edge", description="Qdrant in this process, or a Qdrant server.")
    path: Path | None = Field(None, description="edge: folder of the shard.")
    url: str | None = Field(None, pattern=r"^https?://", description="server: URL of its REST interface.")
    api_key: Secret | None = Field(None, description="server: API key.")
    collection: str = Field(
        "claude_memory", pattern=r"^[A-Za-z0-9_-]{1,128}$", description="server: name of the collection."
    )
    timeout_seconds: Seconds = Field(2, description="server: a request is given up after this.")

    @model_validator(mode="after")
    def _kind_has_its_place(self) -> "Vectors":
        if self.kind == "edge" and self.path is None:
            raise ValueError("path is required when kind is 'edge'")
        if self.kind == "server" and self.url is None:
            raise ValueError("url is required when kind is 'server'")
        return self


class Embeddings(Section):
    """Which model turns text into vectors. After a change: ``claude-memory-mcp reindex``."""

    provider: Literal["wordllama", "fastembed", "openai"] = Field(
        "wordllama", description="wordllama comes with the program; openai means any endpoint with that interface."
    )
    model: str | None = Field(None, description="fastembed, openai: name of the model.")
    dimension: int | None = Field(None, ge=1, le=65_535, description="openai: length of its vectors.")
    url: str | None = Field(None, pattern=r"^https?://", description="openai: base URL, up to and with /v1.")
    api_key: Secret | None = Field(None, description="openai: API key.")
    cache_dir: Path | None = Field(None, description="fastembed: folder with the downloaded model.")
    timeout_seconds: Seconds = Field(10, description="openai: a request is given up after this.")

    @model_validator(mode="after")
    def _provider_has_its_settings(self) -> "Embeddings":
        needed = {"wordllama": (), "fastembed": ("model",), "openai": ("model", "url", "dimension")}[self.provider]
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(f"{', '.join(missing)} required when provider is {self.provider!r}")
        return self


class Log(Section):
    """Where messages go."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least important level kept.")
    format: Literal["text", "json"] = Field("text", description="Plain lines, or one JSON object a line.")
    file: Path | None = Field(None, description="File to append to; default: standard error.")


class Settings(Section):
    """The whole of ``mcp.yml``."""

    listen: Listen = Listen()
    postgresql: PostgreSQL = PostgreSQL()
    vectors: Vectors
    embeddings: Embeddings = Embeddings()
    log: Log = Log()
    probe_interval_seconds: Seconds = Field(2, description="How often PostgreSQL and Qdrant are looked at.")
    debug_delay_seconds: float = Field(
        0, ge=0, le=60, description="Added to every tool call, to rehearse a latency regression. SIGHUP re-reads it."
    )

    @model_validator(mode="after")
    def _strangers_need_a_token(self) -> "Settings":
        if self.listen.host not in LOOPBACK_HOSTS and self.listen.token is None:
            raise ValueError("listen.token is required when listen.host is not loopback")
        return self
