"""The daemon's scheduled tasks of backups, each a process of its own, so that the daemon stays small and quick."""

from typing import Any

from controlplane.config.load import Locations
from controlplane.config.schema import Settings
from controlplane.domain.job import Schedule
from controlplane.errors import CmctlError
from controlplane.services.jobs import Task


def backup_tasks(settings: Settings, locations: Locations) -> dict[str, Task]:
    """By name."""
    backup, runs = settings.backup, _Runs(locations, bool(settings.backup.copies), settings.mode == "deployed")
    made = "Make a recovery set: PostgreSQL, vectors, configuration."
    verified = "Verify the recovery sets that are due for it."
    pruned = "Delete the recovery sets and the WAL that the retention policy wants no longer."
    drilled = "Restore the newest recovery set beside production, look at it, measure."
    copied = "Bring recovery sets and WAL to the places of backup.copies."
    seconds = backup.timeout_seconds
    tasks = [
        Task("backup", made, Schedule(cron=backup.schedule), runs.create, catch_up=True, timeout_seconds=seconds),
        Task("backup_verify", verified, Schedule(cron=backup.verify_schedule), runs.verify, timeout_seconds=seconds),
        Task("backup_prune", pruned, Schedule(cron=backup.prune_schedule), runs.prune, timeout_seconds=seconds),
        Task(
            "backup_drill",
            drilled,
            Schedule(cron=backup.drill.schedule),
            runs.drill,
            catch_up=True,
            timeout_seconds=seconds,
        ),
    ]
    if backup.copies:
        cron = Schedule(cron=backup.copy_schedule)
        tasks.append(Task("backup_copy", copied, cron, runs.copy, timeout_seconds=seconds))
    return {task.name: task for task in tasks}


class _Runs:
    """What the tasks run. Each returns what the ledger says of it; raises CmctlError."""

    def __init__(self, locations: Locations, copies: bool, is_deployed: bool) -> None:
        self._locations = locations
        self._copies = copies
        self._is_deployed = is_deployed

    async def create(self) -> str:
        made = await self._cmctl("create", "--scheduled")
        told = f"{made['id']}, {made['kind']}, {made['size_bytes']} bytes"
        if not self._copies:
            return told
        try:
            return f"{told}; {await self.copy()}"
        except CmctlError as error:  # the set is there; the task backup_copy tries again and tells
            return f"{told}; not copied: {error.message}"

    async def copy(self) -> str:
        copied = await self._cmctl("copy")
        return "; ".join(
            f"{len(item['sets'])} sets, {item['wal_files']} WAL files to {item['place']}" for item in copied
        )

    async def verify(self) -> str:
        return f"{len(await self._cmctl('verify'))} sets verified"

    async def prune(self) -> str:
        pruned = await self._cmctl("prune")
        gone = sum(not item["keep"] for item in pruned["sets"])
        return f"{gone} sets and {len(pruned['wal_files'])} WAL files deleted"

    async def drill(self) -> str:
        done = await (self._drill_in_unit() if self._is_deployed else self._cmctl("drill", "--scheduled"))
        return f"{done['set_id']} restored in {done['rto_seconds']} s"

    async def _drill_in_unit(self) -> Any:
        """A restored system needs more memory than the daemon's unit may take: it gets one of its own."""
        from controlplane.adapters.service_managers.drill_unit import drill_in_unit

        return await drill_in_unit()

    async def _cmctl(self, *arguments: str) -> Any:
        from controlplane.adapters.own_command import run_cmctl

        locations = self._locations
        return await run_cmctl(locations.config_file, locations.data_dir, ["backup", *arguments, "--json"])
