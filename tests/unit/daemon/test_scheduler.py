"""The scheduler, when the clock steps back."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from controlplane.daemon.scheduler import Scheduler, SchedulerTimetable
from controlplane.domain.job import Schedule
from controlplane.services.jobs import JobService, Task

HOUR = timedelta(hours=1)


class Jobs:
    """Stands for the job service: notes that a task ran."""

    def __init__(self) -> None:
        self.has_run = asyncio.Event()

    async def run(self, name: str, trigger: str, scheduled_for: datetime) -> None:
        self.has_run.set()


async def never() -> str:
    raise AssertionError


async def test_jobs_whose_next_time_is_ahead_run_after_the_clock_stepped_back() -> None:
    jobs, behind = Jobs(), [timedelta(0)]
    task = Task("quick", "A job.", Schedule(every_seconds=1), never)
    scheduler = Scheduler(
        cast("JobService", jobs),
        SchedulerTimetable(),
        [task],
        lambda: datetime.now(UTC) - behind[0],
        lambda seconds: asyncio.sleep(0.001),
    )
    scheduler.start()
    try:
        waiting: Any = scheduler._scheduler
        waiting.modify_job("quick", next_run_time=datetime.now(UTC) + HOUR)  # what a step back leaves
        behind[0] = HOUR
        async with asyncio.timeout(20):
            await jobs.has_run.wait()
    finally:
        scheduler.stop()
