"""What counts as a time and as a number in a series file."""

import math

import pytest

from controlplane.services.anomaly_csv import parse_time, parse_value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1700000000", 1.7e9),
        ("1700000000.5", 1.7e9 + 0.5),
        ("1700000000000", 1.7e9),
        ("1700000000000000", 1.7e9),
        ("-300", -300.0),
        ("2023-11-14T22:13:20Z", 1.7e9),
        ("2023-11-14 22:13:20", 1.7e9),
        ("2023-11-15T00:13:20+02:00", 1.7e9),
        ('"2023-11-14 22:13:20"', 1.7e9),
    ],
)
def test_times_are_seconds_in_utc(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "yesterday", "nan", "inf", "2023-13-01", "1e300"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)


def test_blank_and_named_absences_are_not_numbers() -> None:
    assert all(math.isnan(parse_value(text)) for text in ("", "NaN", "null", " None ", "n/a"))
    assert parse_value(" 1e3 ") == 1000.0
    assert parse_value('"7"') == 7.0
    with pytest.raises(ValueError):
        parse_value("many")
