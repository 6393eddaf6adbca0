"""Kind ``database_size``: how many bytes a database takes."""

from controlplane.adapters.http import TimedOut
from controlplane.adapters.postgresql_client import Connect, Denied, ask
from controlplane.adapters.probes.answers import bytes_text, failure
from controlplane.adapters.probes.context import ProbeContext
from controlplane.adapters.threads import ThreadSlot
from controlplane.domain.check import CheckSpec, CheckState, Limits, Observation
from controlplane.errors import DependencyUnreachable

# No row for a database that does not exist, where the bare function would raise.
_QUERY = "SELECT pg_database_size(oid) FROM pg_database WHERE datname = %s"


class DatabaseSizeProbe:
    """Asks the server that ``connect`` leads to about any of its databases."""

    def __init__(self, connect: Connect, database: str, timeout_seconds: float, limits: Limits) -> None:
        self._connect = connect
        self._database = database
        self._timeout_seconds = timeout_seconds
        self._limits = limits
        self._slot = ThreadSlot("the database size check")

    async def observe(self) -> Observation:
        """UNKNOWN when the size cannot be learnt: a server that is down is the business of kind ``postgres``."""
        try:
            row = await self._slot.call(lambda: ask(self._connect, _QUERY, (self._database,), self._timeout_seconds))
        except TimedOut as error:
            return failure(error)
        except (DependencyUnreachable, Denied) as error:
            return Observation(CheckState.UNKNOWN, error.message)
        if not row:
            return Observation(CheckState.UNKNOWN, f"database {self._database} does not exist")
        size = float(row[0])
        return Observation(self._limits.judge(size), f"{self._database} takes {bytes_text(size)}", size, "B")


def build(spec: CheckSpec, context: ProbeContext) -> DatabaseSizeProbe:
    """The target is the name of a database."""
    return DatabaseSizeProbe(context.connect(""), spec.target, spec.timeout_seconds, spec.limits)
