"""``make bench`` = ``python -m tests.bench [NAME…]``: run the benchmarks, print and keep what they measured.

A benchmark is a module of this package with ``run() -> dict``: medians, with the ratio to a baseline measured in the
same run. Modules with ``ONLY_WHEN_NAMED = True`` run only when their name is given. Results go to
``tests/bench/results/<date>-<cores>c.json`` and ``.md``; results of the same day are merged by name.
"""

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.bench.machine import describe_machine
from tests.bench.report import as_markdown, as_text

RESULTS = Path(__file__).parent / "results"


def main(names: Sequence[str]) -> int:
    """Run the named benchmarks, or all; returns the exit code, 1 when one failed."""
    found = discover()
    if unknown := [name for name in names if name not in found]:
        say(f"no such benchmark: {', '.join(unknown)}; there are: {', '.join(sorted(found))}")
        return 2
    chosen = list(names) or [name for name, module in found.items() if not getattr(module, "ONLY_WHEN_NAMED", False)]
    machine = describe_machine()
    results = {name: measure(name, found[name].run) for name in chosen}
    measured = {name: result for name, result in results.items() if result is not None}
    sys.stdout.write(as_text(measured))
    if measured:
        say(f"kept in {keep(machine, measured)}")
    return 0 if len(measured) == len(chosen) else 1


def discover() -> dict[str, ModuleType]:
    """Benchmarks by name, in alphabetical order."""
    folder = Path(__file__).parent
    names = sorted(file.stem for file in folder.glob("*.py") if "\ndef run() -> " in file.read_text(encoding="utf-8"))
    return {name: importlib.import_module(f"tests.bench.{name}") for name in names}


def measure(name: str, run: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """What a benchmark returns, with the load before it and its own duration; None when it failed."""
    say(f"{name}: measuring")
    load, started = os.getloadavg()[0], time.monotonic()
    try:
        result = run()
    except Exception:
        say(f"{name}: failed\n{traceback.format_exc()}")
        return None
    return {**result, "load_before": round(load, 2), "took_seconds": round(time.monotonic() - started, 1)}


def keep(machine: dict[str, Any], measured: dict[str, Any]) -> Path:
    """Write both files; returns the JSON one."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{machine['date'][:10]}-{machine['cores']}c.json"
    earlier = json.loads(file.read_text(encoding="utf-8"))["results"] if file.exists() else {}
    document = {"machine": machine, "results": {**earlier, **measured}}
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    file.with_suffix(".md").write_text(as_markdown(document), encoding="utf-8")
    return file


def say(text: str) -> None:
    """One message for people."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
