"""The clock: APScheduler tells when, the job service does the rest."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from controlplane.domain.job import Schedule, interval_times
from controlplane.errors import Refused
from controlplane.services.jobs import JobService, Task
from controlplane.services.ports import Clock

logger = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_TIMES = 100_000
CLOCK_LOOK_SECONDS = 2.0
STEP_SECONDS = 2.0
"""A clock that is set back by less is being kept right."""


class SchedulerTimetable:
    """Implements Timetable with APScheduler's triggers, so that the ledger and the clock agree."""

    def due_between(self, schedule: Schedule, after: datetime, until: datetime) -> list[datetime]:
        """Times a schedule was due, later than ``after`` and not later than ``until``; the newest MAX_TIMES."""
        if schedule.every_seconds is not None:
            earliest = until - timedelta(seconds=schedule.every_seconds * MAX_TIMES)
            return interval_times(schedule.every_seconds, max(after, earliest), until)
        trigger = trigger_of(schedule)
        times: list[datetime] = []
        moment = after
        while len(times) < MAX_TIMES:
            moment = trigger.get_next_fire_time(None, moment + timedelta(microseconds=1))
            if moment is None or moment > until:
                break
            times.append(moment)
        return times

    def next_due(self, schedule: Schedule, after: datetime) -> datetime | None:
        """The next time a schedule is due."""
        moment: datetime | None = trigger_of(schedule).get_next_fire_time(None, after + timedelta(microseconds=1))
        return moment.astimezone(UTC) if moment else None


def trigger_of(schedule: Schedule) -> BaseTrigger:
    """APScheduler's trigger for a schedule; intervals are counted from the epoch, so restarts do not shift them."""
    if schedule.cron is not None:
        return CronTrigger.from_crontab(schedule.cron, timezone=UTC)
    return IntervalTrigger(seconds=schedule.every_seconds or 0, start_date=_EPOCH, timezone=UTC)


class Scheduler:
    """Calls the job service at each task's times."""

    def __init__(
        self,
        jobs: JobService,
        timetable: SchedulerTimetable,
        tasks: Iterable[Task],
        now: Clock = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._jobs = jobs
        self._timetable = timetable
        self._tasks = list(tasks)
        self._now = now
        self._sleep = sleep
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tick, also again. Call inside the event loop."""
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        for task in self._tasks:
            self._scheduler.add_job(
                self._fire,
                trigger_of(task.schedule),
                args=[task],
                id=task.name,
                misfire_grace_time=None,  # the default of one second would skip a late job silently
                coalesce=True,
                max_instances=2,  # the second one finds the lock taken, and says so
            )
        self._scheduler.start()
        self._watching = asyncio.create_task(self._watch_clock(self._drift()), name="scheduler-clock")

    async def _watch_clock(self, drift: float) -> None:
        """When the clock steps back, the next times of jobs are ahead by as much: work them out anew."""
        while True:
            await self._sleep(CLOCK_LOOK_SECONDS)
            before, drift = drift, self._drift()
            if drift < before - STEP_SECONDS:
                logger.warning(
                    "The clock has stepped back; times of jobs are worked out anew",
                    extra={"action": "clock_stepped_back", "seconds": round(before - drift, 1)},
                )
                for task in self._tasks:
                    self._scheduler.reschedule_job(task.name, trigger=trigger_of(task.schedule))

    def _drift(self) -> float:
        """Seconds by which the clock is ahead of one that never steps; only its changes mean something."""
        return self._now().timestamp() - time.monotonic()

    def stop(self) -> None:
        """Stop ticking; running jobs are the job service's."""
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def _fire(self, task: Task) -> None:
        now = datetime.now(UTC)
        try:
            await self._jobs.run(task.name, "schedule", self._scheduled_for(task, now))
        except Refused as error:
            logger.info("A job was due while it still ran", extra={"action": "skip_job", "problem": error.message})

    def _scheduled_for(self, task: Task, now: datetime) -> datetime:
        """The time this call is for: the latest at which the task was due."""
        period = task.schedule.every_seconds or 24 * 3600
        due = self._timetable.due_between(task.schedule, now - timedelta(seconds=period + 1), now)
        return due[-1] if due else now
