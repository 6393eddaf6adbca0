"""What is forecast: the built-in resources. One whose series do not exist costs a query and has no forecast."""

from controlplane.config.schema import Settings
from controlplane.domain.forecast import Resource
from controlplane.errors import InvalidConfiguration

_REAL_FILE_SYSTEMS = '{fstype!~"tmpfs|overlay|squashfs|ramfs"}'
# What PostgreSQL lets its WAL grow to before it counts as full, where nothing says otherwise.
_WAL_LIMIT_BYTES = 10e9


def resources(settings: Settings) -> list[Resource]:
    """The built-in resources, each replaced by the user's of that name, then the user's own.

    Raises InvalidConfiguration when ``anomaly.forecasts_disabled`` names one that does not exist.
    """
    section = settings.anomaly
    own = {
        one.name: Resource(
            name=one.name,
            used=one.used,
            limit=one.limit,
            title=one.title or one.name,
            title_zh=one.title_zh or one.title or one.name,
            unit=one.unit,
            service=one.service,
            labels=tuple(one.labels),
        )
        for one in section.forecasts
    }
    built_in = _built_in(settings)
    known = {*own, *(one.name for one in built_in)}
    if unknown := [name for name in section.forecasts_disabled if name not in known]:
        problems = [f"anomaly.forecasts_disabled: there is no forecast {name!r}" for name in unknown]
        raise InvalidConfiguration(f"{len(problems)} invalid setting(s)", problems)
    chosen = [own.pop(one.name, one) for one in built_in]
    return [one for one in [*chosen, *own.values()] if one.name not in section.forecasts_disabled]


def _built_in(settings: Settings) -> list[Resource]:
    size = f"node_filesystem_size_bytes{_REAL_FILE_SYSTEMS}"
    free = f"node_filesystem_avail_bytes{_REAL_FILE_SYSTEMS}"
    database_limit = f"{settings.thresholds.database_size_bytes.critical:.0f}"
    by_place = ("instance", "mountpoint")
    return [
        Resource(
            "disk",
            f"max by (instance, mountpoint) ({size} - {free})",
            f"max by (instance, mountpoint) ({size})",
            "Disk",
            "磁盘",
            "B",
            "node",
            by_place,
        ),
        Resource(
            "database",
            "max by (instance) (claude_memory_database_size_bytes)",
            database_limit,
            "Memory database",
            "记忆数据库",
            "B",
            "postgresql",
            ("instance",),
        ),
        Resource(
            "connections",
            "sum by (instance) (pg_stat_activity_count)",
            "max by (instance) (pg_settings_max_connections)",
            "PostgreSQL connections",
            "PostgreSQL 连接数",
            "",
            "postgresql",
            ("instance",),
        ),
        Resource(
            "wal",
            "max by (instance) (pg_wal_size_bytes)",
            f"{_WAL_LIMIT_BYTES:.0f}",
            "PostgreSQL WAL",
            "PostgreSQL WAL",
            "B",
            "postgresql",
            ("instance",),
        ),
        Resource(
            "backup_disk",
            "max by (instance) (cmctl_backup_directory_size_bytes - cmctl_backup_directory_free_bytes)",
            "max by (instance) (cmctl_backup_directory_size_bytes)",
            "Disk of the backups",
            "备份磁盘",
            "B",
            "backup",
            ("instance",),
        ),
        Resource(
            "error_budget",
            "1 - slo:period_error_budget_remaining:ratio",
            "1",
            "Spent error budget",
            "已消耗的错误预算",
            "",
            "slo",
            ("sloth_id",),
        ),
    ]
