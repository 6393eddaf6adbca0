"""When an alert flaps, from the settings."""

from datetime import timedelta

from controlplane.config.schema import Settings
from controlplane.domain.flapping import FlappingLimits


def flapping_limits(settings: Settings) -> FlappingLimits:
    """The limits of the settings."""
    section = settings.flapping
    window, calm = timedelta(seconds=section.window_seconds), timedelta(seconds=section.calm_seconds)
    return FlappingLimits(section.fires, window, calm)
