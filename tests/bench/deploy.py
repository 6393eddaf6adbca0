"""Time the deployment: a blank Debian 13 host to green, a second run, one changed line.

Usage (root): python -m tests.bench.deploy. Results go to tests/bench/results/deploy.json with the machine's cores and
its load before the start, because the numbers mean little without them.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.deploy.harness.base import base_tree
from tests.deploy.harness.deployment import SETTINGS, Deployment
from tests.deploy.harness.host import Host
from tests.deploy.harness.network import make_bridge
from tests.deploy.harness.playbooks import copy_checkout
from tests.deploy.harness.session import session

RESULTS = Path(__file__).parent / "results" / "deploy.json"


def measure(deployment: Deployment) -> dict[str, object]:
    """Run the three cases; seconds each."""
    started = time.monotonic()
    first = deployment.deploy()
    deployment.wait_until_green()
    blank_to_green = time.monotonic() - started
    second = deployment.deploy()
    deployment.settings = {**SETTINGS, "alert_rules": {"for_scale": 0.04}}
    line = deployment.deploy("--tags", "prometheus_configure,prometheus_service")
    return {
        "blank_to_green_seconds": round(blank_to_green, 1),
        "second_run_seconds": round(second.seconds, 1),
        "second_run_changed": second.changed,
        "one_line_seconds": round(line.seconds, 1),
        "one_line_changes": line.changes(),
        "slowest_tasks_of_the_first_run": slowest(first.output),
        "slowest_tasks_of_the_second_run": slowest(second.output),
    }


def slowest(output: str) -> list[str]:
    """The table that profile_tasks prints last."""
    table = output.rpartition("=" * 60)[2]
    return [" ".join(line.split()) for line in table.splitlines() if line.endswith("s") and " -" in line]


def main() -> None:
    """Boot a host, measure, write the results."""
    load_before = os.getloadavg()[0]
    base_tree("trixie")
    with session(f"bench-{os.getpid()}") as run_dir:
        bridge = make_bridge()
        (run_dir / "bridge").write_text(bridge.name)
        host = Host("bench", "trixie", 10, bridge, run_dir, is_volatile=False)
        host.create()
        host.start()
        result = measure(Deployment(host, copy_checkout(run_dir / "checkout"), run_dir / "inventory"))
    result |= {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load_before": round(load_before, 1),
        "goals": {"blank_to_green_seconds": 150, "second_run_seconds": 25, "one_line_seconds": 10},
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    json.dump(result, sys.stdout, indent=2)


if __name__ == "__main__":
    main()
