"""Logging of the daemon: a fixed sentence plus fields, as text or as JSON lines, to stderr."""

import logging
from datetime import UTC, datetime
from typing import Any

import orjson

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_NOISY = ("apscheduler", "psycopg", "asyncio", "aiohttp.server")


def configure(level: str, log_format: str) -> None:
    """Send the log of the whole process to stderr. ``log_format`` is ``text`` or ``json``."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """The structured fields that were given with ``extra``."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _time_of(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TextFormatter(logging.Formatter):
    """``time LEVEL module: sentence field=value``."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={_shown(value)}" for name, value in fields_of(record).items())
        text = f"{_time_of(record)} {record.levelname} {record.name}: {record.getMessage()}{fields}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def _shown(value: Any) -> str:
    """A value on one line, quoted when it would not read as one word: log lines cannot be forged by input."""
    text = str(value)
    return (
        text if text and text.isascii() and text.isprintable() and " " not in text and '"' not in text else repr(text)
    )


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": _time_of(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(entry, default=str).decode("utf-8")
