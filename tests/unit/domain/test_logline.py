"""Lines of every program in the stack are understood."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from controlplane.domain.logline import LogFilter, LogLine, parse_line

NOON = datetime(2026, 11, 20, 12, 0, 0, 250000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time", "level"),
    [
        pytest.param('ts=2026-11-20T12:00:00.250Z caller=main.go:1 level=info msg="x"', NOON, "info", id="prometheus"),
        pytest.param("time=2026-11-20T12:00:00.250Z level=WARN source=x msg=y", NOON, "warning", id="slog"),
        pytest.param("2026-11-20 12:00:00.250 UTC [7] LOG:  started", NOON, "info", id="postgresql log"),
        pytest.param('2026-11-20 12:00:00.250 UTC [7] u@d FATAL:  password "LOG"', NOON, "critical", id="postgresql"),
        pytest.param("2026-11-20 12:00:00.250 UTC [7] u@d STATEMENT:  SELECT", NOON, None, id="postgresql statement"),
        pytest.param("2026-11-20 13:00:00,250 INFO spawned: 'x'", NOON, "info", id="supervisord, local time"),
        pytest.param('{"time":"2026-11-20T12:00:00.25Z","level":"ERROR","message":"m"}', NOON, "error", id="json"),
        pytest.param('{"timestamp":"2026-11-20T13:00:00.250+01:00","level":"info"}', NOON, "info", id="json with zone"),
        pytest.param("Traceback (most recent call last):", None, None, id="continuation"),
        pytest.param("{not json", None, None, id="almost json"),
        pytest.param('["a list"]', None, None, id="json that is no object"),
        pytest.param("2026-99-99 12:00:00 INFO x", None, "info", id="impossible date"),
        pytest.param("", None, None, id="empty"),
    ],
)
def test_parse_line(text: str, time: datetime | None, level: str | None) -> None:
    line = parse_line("c", text, timezone(timedelta(hours=1)))
    assert (line.time, line.level, line.text) == (time, level, text)


def test_a_continuation_takes_time_and_level_from_the_line_before() -> None:
    head = LogLine("c", "boom", NOON, "error", "boom")
    assert parse_line("c", "  File x").after(head).level == "error"
    assert parse_line("c", "  File x").after(head).time == NOON
    assert parse_line("c", "  File x").after(None).time is None


@pytest.mark.parametrize(
    ("wanted", "is_wanted"),
    [
        pytest.param(LogFilter(), True, id="everything"),
        pytest.param(LogFilter(level="warning"), True, id="grave enough"),
        pytest.param(LogFilter(level="critical"), False, id="too mild"),
        pytest.param(LogFilter(since=NOON), True, id="at that moment"),
        pytest.param(LogFilter(since=NOON + timedelta(seconds=1)), False, id="too old"),
        pytest.param(LogFilter(pattern=re.compile("b..m")), True, id="pattern matches"),
        pytest.param(LogFilter(pattern=re.compile("^x")), False, id="pattern does not match"),
    ],
)
def test_filter(wanted: LogFilter, is_wanted: bool) -> None:
    assert wanted.wants(LogLine("c", "boom", NOON, "error", "boom")) == is_wanted
