"""Examiners of any component: its process, its port, its log, its pages."""

from collections.abc import Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import yaml

from controlplane.adapters.diagnosis import faulty, fine, unknown
from controlplane.adapters.http import Request, send
from controlplane.adapters.log_files import LogFile
from controlplane.adapters.probes.http_endpoint import field_of
from controlplane.adapters.processes import describe, port_holder
from controlplane.adapters.threads import in_thread
from controlplane.domain.component import ComponentState
from controlplane.domain.diagnosis import Examination, Outcome
from controlplane.domain.logline import LogFilter
from controlplane.services.ports import ServiceManager

_LOG_LINES_READ = 500


async def process(manager: ServiceManager, component: str) -> Examination:
    """Whether the service manager says that it runs."""
    status = await in_thread(lambda: manager.status(component), "component status")
    text = f"{component} is {status.state.value}" + (f": {status.detail}" if status.detail else "")
    if status.state == ComponentState.RUNNING:
        return fine(f"{text} (pid {status.pid})")
    return unknown(text) if status.state == ComponentState.UNKNOWN else faulty(text)


async def port(manager: ServiceManager, component: str, number: int) -> Examination:
    """Whether someone else than the component itself holds its port."""
    own = (await in_thread(lambda: manager.status(component), "component status")).pid
    holder = await in_thread(lambda: port_holder(number), "port holder")
    if holder is None:
        return fine(f"port {number} is free, or held by a process that this user cannot see")
    lineage = {holder.pid, *(parent.pid for parent in holder.parents())}
    return fine(f"{component} holds it") if own in lineage else faulty(f"port {number} is held by {describe(holder)}")


async def log(log_file: LogFile) -> Examination:
    """The last error near the end of a log."""

    def last_error() -> str | None:
        wanted = LogFilter(level="error")
        lines = islice(log_file.backward(), _LOG_LINES_READ)
        return next((line.message for line in lines if wanted.wants(line) and line.message.strip()), None)

    found = await in_thread(last_error, "log")
    return fine("no error in its last lines") if found is None else faulty(found.strip())


async def configuration(path: Path) -> Examination:
    """Whether a rendered file is there and is a mapping."""
    return await in_thread(lambda: _configuration(path), "configuration")


def _configuration(path: Path) -> Examination:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        return faulty(f"{path}: {error.strerror}")
    except (yaml.YAMLError, UnicodeDecodeError):
        return faulty(f"{path} is not YAML")
    return fine(f"{path} can be read") if isinstance(content, dict) else faulty(f"{path} holds no settings")


async def packages(names: Sequence[str]) -> Examination:
    """Whether Python finds the packages."""
    missing = [name for name in names if find_spec(name) is None]
    return faulty(f"missing: {', '.join(missing)}") if missing else fine(f"{len(names)} packages are there")


async def page(url: str, timeout_seconds: float) -> Examination:
    """Whether a page answers 2xx."""
    response = await send(Request(url), timeout_seconds)
    text = f"{url}: HTTP status {response.status}"
    return fine(text) if response.is_success else faulty(text)


async def health_document(url: str, timeout_seconds: float) -> Examination:
    """Whether a health page says ok; names the parts that are not."""
    response = await send(Request(url), timeout_seconds)
    try:
        document = response.json()
    except ValueError:
        return faulty(f"{url}: HTTP status {response.status}, and the answer is not JSON")
    if field_of(document, "status") == "ok":
        return fine(f"{url} says ok")
    parts = field_of(document, "components")
    named = parts.items() if isinstance(parts, dict) else ()
    down = [f"{name}: {field_of(part, 'detail')}" for name, part in named if field_of(part, "status") != "ok"]
    return faulty("; ".join(down) or f"{url} says {field_of(document, 'status')}")


async def health_part(url: str, part: str, timeout_seconds: float) -> Examination:
    """Whether a health page calls one of its components ok."""
    response = await send(Request(url), timeout_seconds)
    try:
        status = field_of(response.json(), f"components.{part}.status")
        detail = field_of(response.json(), f"components.{part}.detail")
    except ValueError:
        return unknown(f"{url}: the answer is not JSON")
    if status is None:
        return unknown(f"{url} says nothing about {part}")
    outcome = Outcome.FINE if status == "ok" else Outcome.FAULTY
    return Examination(outcome, f"{part} is {status}" + (f": {detail}" if detail else ""))
