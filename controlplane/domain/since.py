"""Moments as people give them: a time with a zone, or how long ago."""

from datetime import UTC, datetime, timedelta

from controlplane.domain.duration import parse_duration


def parse_since(text: str, now: datetime) -> datetime:
    """A time with a zone, or a duration before ``now`` such as ``90m``. Raises ValueError."""
    try:
        if text[:1].isdigit() and "-" not in text:
            return now - timedelta(seconds=parse_duration(text))
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("no zone")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:50]!r} is neither a duration such as 90m nor a time with a zone") from error
