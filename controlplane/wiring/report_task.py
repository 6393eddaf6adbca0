"""The scheduled task that keeps SLA reports. Apart from ``reports.py``, whose libraries the daemon must not load."""

from controlplane.config.load import Locations
from controlplane.domain.job import Schedule
from controlplane.services.jobs import Task

TIMEOUT_SECONDS = 1800


def report_task(locations: Locations) -> Task:
    """Make the reports that are due, in a process of its own, so that the daemon stays small and quick.

    Every hour, because what is missing is filled in and what was incomplete is tried again.
    """

    async def run() -> str:
        from controlplane.adapters.own_command import run_cmctl

        answer = await run_cmctl(
            locations.config_file, locations.data_dir, ["slo", "reports", "--make-due", "--output", "json"]
        )
        made = ", ".join(f"{one['id']} ({one['verdict']})" for one in answer["made"])
        return f"made: {made or 'none'}; deleted: {answer['deleted']}"

    return Task(
        "slo_reports",
        "Make and keep the daily, weekly and monthly SLA reports that are due; delete those that are too old.",
        Schedule(cron="12 * * * *"),
        run,
        catch_up=True,
        timeout_seconds=TIMEOUT_SECONDS,
    )
