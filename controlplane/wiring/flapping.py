"""When an alert flaps, from the settings, and who says that it is calm."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from controlplane.adapters.store.database import Database
from controlplane.adapters.store.flapping import PostgresFlapping
from controlplane.config.schema import Settings
from controlplane.domain.flapping import FlappingLimits
from controlplane.services.flapping import FlappingWatch
from controlplane.wiring.notifications import wants_notifications


def flapping_limits(settings: Settings) -> FlappingLimits:
    """The limits of the settings."""
    section = settings.flapping
    window, calm = timedelta(seconds=section.window_seconds), timedelta(seconds=section.calm_seconds)
    return FlappingLimits(section.fires, window, calm)


def build_flapping_watch(
    settings: Settings, database: Database, is_all_moved: Callable[[], bool], on_calm: Callable[[], None]
) -> FlappingWatch:
    """The daemon's look for alerts that are calm again."""
    store = PostgresFlapping(database, flapping_limits(settings), wants_notifications(settings))
    return FlappingWatch(store, is_all_moved, on_calm, lambda: datetime.now(UTC))
