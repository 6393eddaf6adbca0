"""Log lines as text or JSON, to standard error or a file; never to standard output, which is the protocol's."""

import json
import logging
import sys
import time
from datetime import UTC, datetime

from mcp_server.config import Log

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class TextFormatter(logging.Formatter):
    """``2025-01-31T12:00:00Z INFO module sentence key=value …``."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line with the extra fields appended."""
        line = super().formatMessage(record)
        return " ".join([line, *(f"{key}={value!r}" for key, value in _fields(record).items())])


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def configure(settings: Log) -> None:
    """Send all log lines where the settings say. Call it before the heavy imports, which add handlers of their own."""
    handler: logging.Handler = (
        logging.FileHandler(settings.file, encoding="utf-8") if settings.file else logging.StreamHandler(sys.stderr)
    )
    handler.setFormatter(JsonFormatter() if settings.format == "json" else TextFormatter())
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # it repeats what StoreUnavailable says
    for name in ("httpx", "httpx2", "httpcore", "mcp", "uvicorn", "wordllama"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
