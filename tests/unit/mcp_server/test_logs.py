"""Log lines."""

import json
import logging

from mcp_server.logs import JsonFormatter, TextFormatter


def record() -> logging.LogRecord:
    made = logging.LogRecord("mcp_server.x", logging.INFO, "x.py", 1, "Component changed state", None, None)
    made.created = 1_735_689_600.0
    made.__dict__.update({"action": "probe", "component": "qdrant"})
    return made


def test_text_has_the_fields_at_the_end() -> None:
    line = TextFormatter().format(record())
    assert line == ("2025-01-01T00:00:00Z INFO mcp_server.x Component changed state action='probe' component='qdrant'")


def test_json_is_one_object_a_line() -> None:
    assert json.loads(JsonFormatter().format(record())) == {
        "time": "2025-01-01T00:00:00+00:00",
        "level": "info",
        "logger": "mcp_server.x",
        "message": "Component changed state",
        "action": "probe",
        "component": "qdrant",
    }
