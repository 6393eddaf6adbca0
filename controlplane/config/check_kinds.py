"""What each check kind takes as its target and what it measures; the reference page is made from this."""

from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.config.schema import CheckKind


@dataclass(frozen=True)
class KindText:
    """Words for people. ``limits`` names the settings that apply when a check has no limits of its own."""

    target: str
    measures: str
    limits: str = "none"


CHECK_KINDS: Mapping[CheckKind, KindText] = {
    "service": KindText("component", "whether the service manager says that it runs"),
    "http": KindText("URL", "status 2xx, `json_field` where given, and the seconds taken"),
    "tcp": KindText("`host:port`", "whether it accepts connections, and the seconds taken"),
    "postgres": KindText(
        "database; default: the control plane's", "login and a query; percentage of `max_connections` in use"
    ),
    "qdrant": KindText("URL of a Qdrant server; default: the one of the memory server", "whether it answers"),
    "prometheus_target": KindText("scrape job", "whether Prometheus reaches every target of the job"),
    "prometheus_query": KindText("PromQL expression", "its value; of several series the worst"),
    "disk": KindText(
        "path; default: the data directory", "used percentage of space or inodes", "`thresholds.disk_used_percent`"
    ),
    "memory": KindText("-", "used percentage", "`thresholds.memory_used_percent`"),
    "cpu": KindText("-", "busy percentage of all cores", "`thresholds.cpu_used_percent`"),
    "process": KindText("path of a pid file, or name of a program", "whether it runs, and its resident bytes"),
    "certificate": KindText(
        "`host:port`, or path of a PEM file", "days until it ends; lower is worse", "21 and 7 days"
    ),
    "database_size": KindText(
        "database; default: the memory server's", "its size in bytes", "`thresholds.database_size_bytes`"
    ),
    "response_time": KindText(
        "URL; default: the memory server's metrics",
        "the average in its metrics, else the seconds that a GET takes",
        "`thresholds.response_time_seconds`",
    ),
    "writable": KindText("path of a file or folder", "whether it could be written"),
}
