"""Prometheus durations."""

import pytest

from controlplane.domain.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("1m30s", 90), ("500ms", 0.5), ("2h", 7200), ("1d", 86400), ("0", 0), ("0s", 0)]
)
def test_parses(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "1.5s", "5 s", "-5s", "5x"])
def test_refuses_what_prometheus_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="not a Prometheus duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(15, "15s"), (0.5, "500ms"), (1.25, "1250ms"), (0, "0s"), (0.6, "600ms")]
)
def test_formats_to_the_millisecond(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
