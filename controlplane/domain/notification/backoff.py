"""When a delivery that failed is tried again, and when it is given up."""

from datetime import timedelta

FIRST_SECONDS = 2.0
LONGEST_SECONDS = 300.0


def retry_after(attempts: int, chance: float) -> timedelta:
    """Pause after the given number of failed attempts: doubled each time, capped, and spread by ``chance`` (0..1).

    At least half of the pause is kept, so that many deliveries that failed
    together neither come back together nor at once.
    """
    pause = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(max(attempts, 1) - 1, 30))
    return timedelta(seconds=pause * (0.5 + chance / 2))


def is_given_up(attempts: int, max_attempts: int, can_retry: bool) -> bool:
    """Whether a delivery becomes a dead letter after a failed attempt."""
    return not can_retry or attempts >= max_attempts
