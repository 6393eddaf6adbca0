"""Kind ``postgres``: PostgreSQL takes a login and answers a query."""

from controlplane.adapters.postgresql_client import Connect, ask
from controlplane.adapters.probes.answers import failure
from controlplane.adapters.probes.context import ProbeContext
from controlplane.adapters.threads import ThreadSlot
from controlplane.domain.check import CheckSpec, Limits, Observation
from controlplane.errors import CmctlError

_QUERY = """
SELECT pg_is_in_recovery(),
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
       current_setting('max_connections')::integer
"""


class PostgresProbe:
    """Logs in anew each time. Limits apply to the percentage of connections in use."""

    def __init__(self, target: Connect, timeout_seconds: float, limits: Limits) -> None:
        self._target = target
        self._timeout_seconds = timeout_seconds
        self._limits = limits
        self._slot = ThreadSlot("the PostgreSQL check")

    async def observe(self) -> Observation:
        """CRITICAL when refused; says whether the server is in recovery and how many connections are open."""
        call = self._slot.call(lambda: ask(self._target, _QUERY, (), self._timeout_seconds))
        try:
            in_recovery, connections, maximum = await call
        except CmctlError as error:
            return failure(error)
        used = 100 * connections / maximum
        role = "in recovery, read-only" if in_recovery else "read-write"
        message = f"{self._target.database} answers, {role}, {connections} of {maximum} connections"
        return Observation(self._limits.judge(used), message, round(used, 2), "%")


def build(spec: CheckSpec, context: ProbeContext) -> PostgresProbe:
    """The target is the name of a database."""
    return PostgresProbe(context.connect(spec.target), spec.timeout_seconds, spec.limits)
