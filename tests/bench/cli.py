"""``cmctl --help`` against the bare interpreter and click's import; ``cmctl status`` against its slowest check."""

import statistics
import sys
from typing import Any

from tests.bench.timing import medians
from tests.support.stack import CMCTL, EmbeddedStack, wait_until

HELP_ROUNDS = 21
STATUS_ROUNDS = 9


def run() -> dict[str, Any]:
    """Medians in milliseconds, and ratios.

    Goals: help within five times the interpreter plus click's import; status within 1.2 times its slowest check.
    """
    return {"help": _help(), "status": _status()}


def _help() -> dict[str, Any]:
    taken = medians(
        {
            "interpreter": [sys.executable, "-c", "pass"],
            "click": [sys.executable, "-c", "import click"],
            "help": [str(CMCTL), "--help"],
        },
        HELP_ROUNDS,
    )
    goal = 5 * taken["interpreter"] + (taken["click"] - taken["interpreter"])
    return {
        "interpreter_ms": _ms(taken["interpreter"]),
        "import_click_ms": _ms(taken["click"]),
        "cmctl_help_ms": _ms(taken["help"]),
        "goal_ms": _ms(goal),
        "ratio_to_interpreter": round(taken["help"] / taken["interpreter"], 2),
        "ratio_to_goal": round(taken["help"] / goal, 2),
    }


def _status() -> dict[str, Any]:
    stack = EmbeddedStack(settings={"checks": {"interval_seconds": 30}})
    try:
        stack.up()
        wait_until(lambda: _targets_are_scraped(stack), 120, "a first scrape of every target")
        slowest = statistics.median(_slowest_check(stack) for _ in range(STATUS_ROUNDS))
        commands = {"status": stack.command("status"), "check_run": stack.command("check", "run")}
        taken = medians(commands, STATUS_ROUNDS, stack.environment)
    finally:
        stack.remove()
    return {
        "slowest_check_ms": _ms(slowest),
        "cmctl_status_ms": _ms(taken["status"]),
        "cmctl_check_run_ms": _ms(taken["check_run"]),
        "goal_ms": _ms(1.2 * slowest),
        "ratio_to_slowest_check": round(taken["status"] / slowest, 2),
    }


def _targets_are_scraped(stack: EmbeddedStack) -> bool:
    checks = stack.json("check", "run")
    return all(check["state"] == "OK" for check in checks if check["kind"] == "prometheus_target")


def _slowest_check(stack: EmbeddedStack) -> float:
    return max(check["duration_seconds"] for check in stack.json("check", "run"))


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
