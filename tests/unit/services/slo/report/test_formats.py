"""Numbers as a report writes them: never rounded to the better side."""

from datetime import UTC, datetime

import pytest

from controlplane.services.slo.report.formats import Formats
from controlplane.services.slo.report.words import Speaker

EN = Formats(Speaker("en"), "UTC")
ZH = Formats(Speaker("zh"), "Asia/Shanghai")


@pytest.mark.parametrize(
    ("ratio", "digits", "text"),
    [
        (1.0, 3, "100.000 %"),
        (0.9999999, 3, "99.999 %"),
        (0.99899999, 3, "99.899 %"),
        (0.999, 3, "99.900 %"),
        (0.29, 3, "29.000 %"),
        (0.0, 2, "0.00 %"),
        (-0.0001, 1, "−0.1 %"),
        (-1.5083, 1, "−150.9 %"),
        (None, 3, "–"),
    ],
)
def test_a_share_is_rounded_down(ratio: float | None, digits: int, text: str) -> None:
    assert EN.share(ratio, digits) == text


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "0 s", "0 秒"),
        (7.5, "7.5 s", "7.5 秒"),
        (60, "1 min", "1 分"),
        (814, "13 min 34 s", "13 分 34 秒"),
        (3600, "1 h", "1 小时"),
        (43_170, "12 h", "12 小时"),
        (5025, "1 h 24 min", "1 小时 24 分"),
        (108_000, "1 d 6 h", "1 天 6 小时"),
        (-90, "−1 min 30 s", "−1 分 30 秒"),
    ],
)
def test_a_span_has_its_two_largest_units(seconds: float, english: str, chinese: str) -> None:
    assert (EN.span(seconds), ZH.span(seconds)) == (english, chinese)


def test_events() -> None:
    assert [EN.amount("events", value) for value in (0, 1, 1.5, 3156)] == [
        "0 events",
        "1 event",
        "1.5 events",
        "3,156 events",
    ]
    assert ZH.amount("events", 1) == "1 个事件"


def test_moments_are_written_in_the_time_zone() -> None:
    moment = datetime(2026, 11, 20, 16, 0, 5, tzinfo=UTC)
    assert (EN.moment(moment), ZH.moment(moment)) == ("2026-11-20 16:00:05", "2026-11-21 00:00:05")


def test_stretches_are_as_short_as_they_can_be() -> None:
    def at(day: int, hour: int, second: int = 0) -> datetime:
        return datetime(2026, 11, day, hour, 0, second, tzinfo=UTC)

    assert EN.stretch(at(20, 0), at(21, 0)) == "2026-11-20"
    assert EN.stretch(at(20, 0), at(22, 0)) == "2026-11-20 – 2026-11-21"
    assert EN.stretch(at(20, 10), at(20, 11)) == "2026-11-20 10:00 – 11:00"
    assert EN.stretch(at(20, 10), at(21, 11)) == "2026-11-20 10:00 – 2026-11-21 11:00"
    assert EN.until(at(20, 10), at(20, 11, 15)) == "11:00:15"
    assert EN.until(at(20, 10), at(21, 11, 15)) == "2026-11-21 11:00:15"
