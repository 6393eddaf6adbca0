"""The built-in watches of every profile. One whose series do not exist costs a query and is shown as "no data"."""

from controlplane.config.anomaly import AnomalyWatch
from controlplane.config.schema import Settings
from controlplane.domain.anomaly.watch import Watch
from controlplane.errors import InvalidConfiguration

# Growth is slow and smooth: a sample every five minutes shows it, and a week of them fits in one query.
_SLOW_SECONDS = 300.0


def _watch(name: str, query: str, title: str, title_zh: str, unit: str, service: str, *labels: str) -> AnomalyWatch:
    return AnomalyWatch(
        name=name, query=query, title=title, title_zh=title_zh, unit=unit, service=service, labels=list(labels)
    )


def _slow(watch: AnomalyWatch) -> AnomalyWatch:
    return watch.model_copy(update={"interval_seconds": _SLOW_SECONDS})


def _ratio(bad: str, total: str, by: str = "") -> str:
    """Share of bad events, 0 while there are events and none is bad; nothing while there are no events."""
    grouping = f" by ({by})" if by else ""
    events = f"sum{grouping}(rate({total}[5m]))"
    return f"(sum{grouping}(rate({bad}[5m])) or 0 * {events}) / ({events} > 0)"


def _mean(histogram: str, selector: str = "", by: str = "") -> str:
    """Mean of what a histogram observed in five minutes; nothing while nothing was observed."""
    grouping = f" by ({by})" if by else ""
    events = f"sum{grouping}(rate({histogram}_count{selector}[5m]))"
    return f"sum{grouping}(rate({histogram}_sum{selector}[5m])) / ({events} > 0)"


_MACHINE = [
    _watch(
        "cpu_busy",
        '100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])))',
        "CPU busy",
        "CPU 使用率",
        "%",
        "node",
        "instance",
    ),
    _watch(
        "memory_used",
        "100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)",
        "Memory used",
        "内存使用率",
        "%",
        "node",
        "instance",
    ),
    _watch(
        "disk_io_busy",
        "sum by (instance) (rate(node_disk_io_time_seconds_total[5m]))",
        "Disks busy",
        "磁盘繁忙度",
        "",
        "node",
        "instance",
    ),
    _slow(
        _watch(
            "disk_growth",
            'deriv(max by (instance, mountpoint) (node_filesystem_size_bytes{fstype!~"tmpfs|overlay|squashfs|ramfs"}'
            ' - node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|squashfs|ramfs"})[30m:1m])',
            "Growth of the disk's use",
            "磁盘用量增长",
            "B/s",
            "node",
            "instance",
            "mountpoint",
        )
    ),
]

_CLAUDE_MEMORY = [
    _watch(
        "memory_latency",
        _mean("claude_memory_request_duration_seconds"),
        "Response time of the memory server",
        "记忆服务响应时间",
        "s",
        "claude-memory-mcp",
    ),
    _watch(
        "memory_traffic",
        "sum(rate(claude_memory_requests_total[5m]))",
        "Tool calls of the memory server",
        "记忆服务调用量",
        "1/s",
        "claude-memory-mcp",
    ),
    _watch(
        "memory_errors",
        _ratio(
            'claude_memory_request_duration_seconds_count{outcome!~"ok|invalid_argument|not_found"}',
            "claude_memory_request_duration_seconds_count",
        ),
        "Share of failed tool calls",
        "记忆服务失败率",
        "",
        "claude-memory-mcp",
    ),
    _watch(
        "vector_queue",
        "claude_memory_pending_vectors",
        "Memories that wait for vectors",
        "等待向量化的记忆",
        "",
        "claude-memory-mcp",
        "instance",
    ),
    _slow(
        _watch(
            "database_growth",
            "deriv(claude_memory_database_size_bytes[30m])",
            "Growth of the memory database",
            "记忆数据库增长",
            "B/s",
            "postgresql",
            "instance",
        )
    ),
    _watch(
        "journal_queue",
        "cmctl_journal_pending_records",
        "Accepted alerts that wait for PostgreSQL",
        "等待入库的告警",
        "",
        "controlplane",
        "instance",
    ),
    _watch(
        "alerts_received",
        "sum(rate(cmctl_alerts_received_total[5m]))",
        "Alerts received",
        "收到的告警",
        "1/s",
        "controlplane",
    ),
]

_AGENT_V3 = [
    _watch(
        "agent_latency",
        _mean("http_request_duration_seconds", '{job="agent-v3"}'),
        "Response time of Agent-V3",
        "Agent-V3 响应时间",
        "s",
        "agent-v3",
    ),
    _watch(
        "agent_traffic",
        'sum(rate(http_requests_total{job="agent-v3"}[5m]))',
        "Requests of Agent-V3",
        "Agent-V3 请求量",
        "1/s",
        "agent-v3",
    ),
    _watch(
        "agent_errors",
        _ratio('http_requests_total{job="agent-v3",status=~"5.."}', 'http_requests_total{job="agent-v3"}'),
        "Share of server errors of Agent-V3",
        "Agent-V3 错误率",
        "",
        "agent-v3",
    ),
]

_CLAUDE_ENHANCER = [
    _watch(
        "enhancer_latency",
        _mean("auth_response_time"),
        "Response time of Claude Enhancer",
        "Claude Enhancer 响应时间",
        "s",
        "claude-enhancer",
    ),
    _watch(
        "enhancer_traffic",
        "sum(rate(auth_requests_total[5m]))",
        "Authentication requests",
        "认证请求量",
        "1/s",
        "claude-enhancer",
    ),
    _watch(
        "enhancer_errors",
        _ratio('auth_requests_total{status=~"5.."}', "auth_requests_total"),
        "Share of server errors of Claude Enhancer",
        "Claude Enhancer 错误率",
        "",
        "claude-enhancer",
    ),
    _watch(
        "enhancer_login_failures",
        "sum(rate(login_failures_total[5m]))",
        "Failed logins",
        "登录失败",
        "1/s",
        "claude-enhancer",
    ),
]

_CLAUDE_MEM = [
    _watch(
        "mem_latency",
        _mean("claude_mem_http_request_duration_seconds"),
        "Response time of Claude-Mem",
        "Claude-Mem 响应时间",
        "s",
        "claude-mem",
    ),
    _watch(
        "mem_traffic",
        "sum(rate(claude_mem_http_requests_total[5m]))",
        "Requests of Claude-Mem",
        "Claude-Mem 请求量",
        "1/s",
        "claude-mem",
    ),
    _watch(
        "mem_errors",
        _ratio('claude_mem_http_requests_total{status_code=~"5.."}', "claude_mem_http_requests_total"),
        "Share of server errors of Claude-Mem",
        "Claude-Mem 错误率",
        "",
        "claude-mem",
    ),
    _watch(
        "mem_vector_search",
        _mean("claude_mem_vector_search_duration_seconds"),
        "Time of a vector search",
        "向量检索耗时",
        "s",
        "claude-mem",
    ),
    _slow(
        _watch(
            "mem_wal_size",
            "claude_mem_sqlite_wal_size_bytes",
            "Size of the SQLite WAL",
            "SQLite WAL 大小",
            "B",
            "claude-mem",
            "instance",
        )
    ),
]

DEFAULT_WATCHES = [*_MACHINE, *_CLAUDE_MEMORY, *_AGENT_V3, *_CLAUDE_ENHANCER, *_CLAUDE_MEM]


def watches(settings: Settings) -> list[Watch]:
    """What is watched: the built-in ones, each replaced by the user's of that name, then the user's own.

    Raises InvalidConfiguration when ``anomaly.disabled`` names a watch that does not exist.
    """
    section = settings.anomaly
    own = {watch.name: watch for watch in section.watches}
    known = {*own, *(watch.name for watch in DEFAULT_WATCHES)}
    if unknown := [name for name in section.disabled if name not in known]:
        problems = [f"anomaly.disabled: there is no watch {name!r}" for name in unknown]
        raise InvalidConfiguration(f"{len(problems)} invalid setting(s)", problems)
    chosen = [own.pop(watch.name, watch) for watch in DEFAULT_WATCHES]
    return [
        _domain(watch, section.interval_seconds)
        for watch in [*chosen, *own.values()]
        if watch.name not in section.disabled
    ]


def _domain(watch: AnomalyWatch, interval_seconds: float) -> Watch:
    return Watch(
        name=watch.name,
        query=watch.query,
        title=watch.title or watch.name,
        title_zh=watch.title_zh or watch.title or watch.name,
        unit=watch.unit,
        service=watch.service,
        labels=tuple(watch.labels),
        interval_ms=round(1000 * (watch.interval_seconds or interval_seconds)),
    )
