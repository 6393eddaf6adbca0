"""Examiners of PostgreSQL: its folder, logins, tables, connections."""

import stat
from collections.abc import Sequence
from pathlib import Path

from controlplane.adapters.diagnosis import faulty, fine, unknown
from controlplane.adapters.postgresql_client import Connect, ask
from controlplane.adapters.threads import in_thread
from controlplane.domain.diagnosis import Examination

# Tables without which a service cannot work; each creates its own at its start.
MEMORY_TABLES = ("sessions", "memories", "vector_outbox", "vector_collection")
CONTROLPLANE_TABLES = ("alerts", "alert_states", "journal_positions", "job_runs", "check_results")
_USED_PERCENT = 90
_OTHERS = stat.S_IRWXO | stat.S_IWGRP
_TABLES = "SELECT array_agg(tablename::text) FROM pg_tables WHERE tablename = ANY(%s)"
_STATE = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
       current_setting('max_connections')::integer,
       pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'
"""


async def login(target: Connect, timeout_seconds: float) -> Examination:
    """Whether the role gets in and may query."""
    await in_thread(lambda: ask(target, "SELECT 1", (), timeout_seconds), "login")
    return fine(f"{target.user} gets into {target.database}")


async def tables(target: Connect, names: Sequence[str], timeout_seconds: float) -> Examination:
    """Whether the tables exist."""
    row = await in_thread(lambda: ask(target, _TABLES, (list(names),), timeout_seconds), "tables")
    missing = sorted(set(names) - set(row[0] or ()))
    if missing:
        return faulty(f"{target.database} has no {', '.join(missing)}")
    return fine(f"{len(names)} tables are in {target.database}")


async def connections(target: Connect, timeout_seconds: float) -> Examination:
    """Whether there are connections left and writing is possible."""
    used, maximum, is_read_only = await in_thread(lambda: ask(target, _STATE, (), timeout_seconds), "connections")
    text = f"{used} of {maximum} connections"
    if is_read_only:
        return faulty(f"it is read-only; {text}")
    return faulty(text) if 100 * used >= _USED_PERCENT * maximum else fine(f"it can write; {text}")


async def folder(path: Path) -> Examination:
    """Whether the data directory is one, and closed to other users, as PostgreSQL demands."""
    return await in_thread(lambda: _folder(path), "data directory")


def _folder(path: Path) -> Examination:
    try:
        mode = path.stat().st_mode
        has_version = (path / "PG_VERSION").is_file()
    except PermissionError:
        return unknown(f"{path}: permission denied for this user")
    except OSError as error:
        return faulty(f"{path}: {error.strerror}")
    if not has_version:
        return faulty(f"{path} is not a PostgreSQL data directory: PG_VERSION is missing")
    if mode & _OTHERS:
        return faulty(f"{path} has mode {stat.S_IMODE(mode):04o}; PostgreSQL wants 0700 or 0750")
    return fine(f"{path}, mode {stat.S_IMODE(mode):04o}")
