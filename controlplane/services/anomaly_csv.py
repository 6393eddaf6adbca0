"""Rows of ``timestamp,value`` text: what counts as a time, as a number, as a header."""

from datetime import UTC, datetime

from controlplane.errors import CmctlError

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive times are read as UTC, and compared with naive
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
# Epoch numbers beyond these are milliseconds, microseconds, nanoseconds: seconds would lie after the year 5000.
_LEAST_MILLISECONDS = 1e11
_UNITS = ((1e17, 1e9), (1e14, 1e6), (_LEAST_MILLISECONDS, 1e3))
_TOO_LATE = 1e30
_NO_NUMBER = frozenset({"", "nan", "null", "none", "na", "n/a", "-"})
_HINT = "the first line must be: timestamp,value"


class BadSeries(CmctlError):
    """The input is not a series of ``timestamp,value`` rows."""


def check_header(line: bytes, name: str) -> None:
    """Accept the header line.

    Raises:
        BadSeries: when the input is empty, binary, or has other columns.
    """
    if not line:
        raise BadSeries(f"{name} is empty", hint=_HINT)
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadSeries(f"{name} is not a text file", hint=_HINT) from error
    if "\0" in text:
        raise BadSeries(f"{name} is not a text file", hint=_HINT)
    columns = [column.strip().strip('"').lower() for column in text.split(",")]
    if columns[:2] != ["timestamp", "value"]:
        raise BadSeries(f"{name} starts with {text.strip()[:60]!r}, not with the header", hint=_HINT)


def parse_time(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 time (UTC unless it names a zone) or an epoch number.

    Raises:
        ValueError: when it is neither.
    """
    # The plain number of seconds comes first, as it is the commonest; a date with its hyphen is not tried in vain.
    if text[4:5] != "-":
        try:
            number = float(text)
        except ValueError:
            pass
        else:
            if -_LEAST_MILLISECONDS < number < _LEAST_MILLISECONDS:
                return number
    return _other_time(text)


def _other_time(text: str) -> float:
    """A date, quoted text, or a number of smaller units."""
    if "-" in text[1:] or ":" in text:
        moment = datetime.fromisoformat(text.strip(' "'))
        return (moment - (_EPOCH if moment.tzinfo is None else _EPOCH_UTC)).total_seconds()
    number = float(text.strip(' "'))
    size = abs(number)
    if size < _LEAST_MILLISECONDS:
        return number
    if not size < _TOO_LATE:
        raise ValueError(text)
    return number / next(factor for limit, factor in _UNITS if size >= limit)


def parse_value(text: str) -> float:
    """The number, or NaN where the text says that there is none.

    Raises:
        ValueError: when it is neither.
    """
    try:
        return float(text)
    except ValueError:
        plain = text.strip(' "\r\n')
        return float("nan") if plain.lower() in _NO_NUMBER else float(plain)
