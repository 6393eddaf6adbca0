"""Log lines: one sentence, its fields, no way to forge a line."""

import json
import logging

from controlplane.daemon.logs import JsonFormatter, TextFormatter


def record(**extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "a.b", "levelname": "INFO", "msg": "It happened", "created": 0.0})
    vars(made).update(extra)
    return made


def test_text_has_the_sentence_and_the_fields() -> None:
    line = TextFormatter().format(record(action="test", count=3))
    assert line == "1970-01-01T00:00:00.000Z INFO a.b: It happened action=test count=3"


def test_text_cannot_be_forged_by_a_value() -> None:
    line = TextFormatter().format(record(problem="x\n1970 INFO forged action=y"))
    assert "\n" not in line
    assert line.endswith(r"problem='x\n1970 INFO forged action=y'")


def test_json_is_one_object_a_line() -> None:
    entry = json.loads(JsonFormatter().format(record(action="test", odd={1})))
    assert entry == {
        "time": "1970-01-01T00:00:00.000Z",
        "level": "INFO",
        "logger": "a.b",
        "message": "It happened",
        "action": "test",
        "odd": "{1}",
    }
