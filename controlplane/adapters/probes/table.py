"""The table of check kinds: which module looks, for each kind of the configuration."""

from collections.abc import Callable, Mapping

from controlplane.adapters.probes import (
    certificate,
    cpu,
    database_size,
    disk,
    http_endpoint,
    memory,
    postgres,
    process,
    prometheus_query,
    prometheus_target,
    qdrant,
    response_time,
    service,
    tcp,
    writable,
)
from controlplane.adapters.probes.context import ProbeContext
from controlplane.domain.check import CheckSpec
from controlplane.services.ports import Probe

PROBES: Mapping[str, Callable[[CheckSpec, ProbeContext], Probe]] = {
    "service": service.build,
    "http": http_endpoint.build,
    "tcp": tcp.build,
    "postgres": postgres.build,
    "qdrant": qdrant.build,
    "prometheus_target": prometheus_target.build,
    "prometheus_query": prometheus_query.build,
    "disk": disk.build,
    "memory": memory.build,
    "cpu": cpu.build,
    "process": process.build,
    "certificate": certificate.build,
    "database_size": database_size.build,
    "response_time": response_time.build,
    "writable": writable.build,
}
