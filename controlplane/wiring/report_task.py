"""The scheduled task that keeps SLA reports. Apart from ``reports.py``, whose libraries the daemon must not load."""

from collections.abc import Callable

from controlplane.config.load import Locations
from controlplane.domain.job import Schedule
from controlplane.services.jobs import Task

TIMEOUT_SECONDS = 1800


def report_task(locations: Locations, on_sent: Callable[[frozenset[str]], None]) -> Task:
    """Make and send the reports that are due, in a process of its own, so that the daemon stays small and quick.

    ``on_sent`` is called with the receivers of new messages. Every hour, because what is missing is filled in and what
    was incomplete is tried again.
    """

    async def run() -> str:
        from controlplane.adapters.own_command import run_cmctl

        answer = await run_cmctl(
            locations.config_file, locations.data_dir, ["slo", "reports", "--make-due", "--output", "json"]
        )
        made = ", ".join(f"{one['id']} ({one['verdict']})" for one in answer["made"])
        on_sent(frozenset(one["receiver"] for one in answer["sent"]))
        sent = ", ".join(f"{one['report']} to {one['receiver']}" for one in answer["sent"])
        return f"made: {made or 'none'}; sent: {sent or 'none'}; deleted: {answer['deleted']}"

    return Task(
        "slo_reports",
        "Make, keep and send the daily, weekly and monthly SLA reports that are due; delete those that are too old.",
        Schedule(cron="12 * * * *"),
        run,
        catch_up=True,
        timeout_seconds=TIMEOUT_SECONDS,
    )
