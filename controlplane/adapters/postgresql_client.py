"""A short look into PostgreSQL: connect, ask once, leave. Imported lazily, because psycopg is heavy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

from controlplane.adapters.http import TimedOut
from controlplane.errors import CmctlError, DependencyUnreachable


class Denied(CmctlError):
    """PostgreSQL answers, and refuses the user, the password, the database or the permission."""


@dataclass(frozen=True)
class Connect:
    """How to connect; ``password`` is asked for when it is needed, and never kept."""

    host: str
    port: int
    database: str
    user: str
    password: Callable[[], str]
    ca_file: Path | None = None


def tls_parameters(ca_file: Path | None) -> dict[str, Any]:
    """What libpq needs to insist that the server is who it says; nothing without certificates to trust."""
    return {"sslmode": "verify-full", "sslrootcert": str(ca_file)} if ca_file else {}


def ask(
    target: Connect, query: LiteralString, arguments: Sequence[Any] | Mapping[str, Any], timeout_seconds: float
) -> tuple[Any, ...]:
    """First row of a query, over a connection of its own. Blocks; call it in a thread.

    Raises TimedOut, Denied (SQLSTATE classes 28, 3D, 42), DependencyUnreachable.
    """
    import psycopg

    try:
        with psycopg.connect(
            host=target.host,
            port=target.port,
            dbname=target.database,
            user=target.user,
            password=target.password(),
            connect_timeout=max(2, round(timeout_seconds)),
            application_name="cmctl check",
            options=f"-c statement_timeout={round(timeout_seconds * 1000)}",
            autocommit=True,
            **tls_parameters(target.ca_file),
        ) as connection:
            row = connection.execute(query, arguments).fetchone()
    except (psycopg.errors.ConnectionTimeout, psycopg.errors.QueryCanceled) as error:
        raise TimedOut(f"PostgreSQL does not answer within {timeout_seconds:g} s") from error
    except psycopg.Error as error:
        raise _translated(error, target) from error
    return row or ()


def _translated(error: Any, target: Connect) -> CmctlError:
    state = error.sqlstate or _state_of_refusal(str(error))
    reason = _last_part(str(error))
    if state[:2] in ("28", "3D", "42"):
        return Denied(f"PostgreSQL refuses {target.user} on {target.database}: {reason}")
    return DependencyUnreachable(f"PostgreSQL at {target.host}:{target.port}: {reason}")


def _state_of_refusal(message: str) -> str:
    """SQLSTATE class of a refused connection: libpq passes the server's words on, but not its code."""
    if "authentication failed" in message or "no pg_hba.conf entry" in message or "role " in message:
        return "28000"
    return "3D000" if "does not exist" in message else ""


def _last_part(message: str) -> str:
    """The reason in libpq's ``connection to server at …, port … failed: FATAL:  reason``."""
    first = (message.strip().splitlines() or ["no reason given"])[0]
    return first.rpartition("failed: ")[2].removeprefix("FATAL:").strip()
