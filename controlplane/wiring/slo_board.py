"""The daemon's part of objectives: a board and its two tasks. Nothing here loads numpy."""

from datetime import UTC, datetime
from functools import partial

from controlplane.adapters.own_command import run_cmctl
from controlplane.config.load import Locations
from controlplane.config.schema import Settings
from controlplane.domain.job import Schedule
from controlplane.services.jobs import Task
from controlplane.services.slo_board import SloBoard

ROLL_UP_MINUTE = 5


def build_slo_board(locations: Locations) -> SloBoard:
    """The board over ``cmctl`` with the daemon's own configuration."""
    return SloBoard(partial(run_cmctl, locations.config_file, locations.data_dir), lambda: datetime.now(UTC))


def slo_tasks(settings: Settings, board: SloBoard) -> dict[str, Task]:
    """What is computed when."""
    tasks = [
        Task(
            "slo_evaluation",
            "Compute where the objectives stand, for /api/v1/slos, the metrics and cmctl status.",
            Schedule(every_seconds=settings.slo.evaluation_interval_seconds),
            board.evaluate,
            timeout_seconds=max(60.0, settings.slo.evaluation_interval_seconds),
        ),
        Task(
            "slo_rollup",
            "Keep the days of objectives that are over, and those whose maintenance changed.",
            Schedule(cron=f"{ROLL_UP_MINUTE} * * * *"),
            board.roll_up,
            catch_up=True,
        ),
    ]
    return {task.name: task for task in tasks}
