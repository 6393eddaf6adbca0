"""Requests made from the daemon's own OpenAPI description, good and bad: no 5xx but one that a retry can mend."""

from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from tests.support.daemon import DaemonProcess
from tests.support.soak import length

WEBHOOK_EXAMPLES = length(100, 4000)  # each in two modes; test_webhook_fuzz.py makes the rest of the 10,000
OTHER_EXAMPLES = length(3, 100)
MEMORY_MB = 150
MENDED_BY_A_RETRY = 503

pytestmark = pytest.mark.soak


def fuzz(operation: Any, mode: GenerationMode, examples: int, headers: dict[str, str]) -> Counter[int]:
    """Send generated requests; returns how often each status came."""
    seen: Counter[int] = Counter()

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def one(case: Any) -> None:
        response = case.call(headers=headers, timeout=30)
        seen[response.status_code] += 1
        assert response.status_code < 500 or response.status_code == MENDED_BY_A_RETRY, case.as_curl_command()

    one()
    return seen


def description(daemon: DaemonProcess) -> Any:
    """The API as the daemon describes it."""
    schema = schemathesis.openapi.from_dict(daemon.get("/api/openapi.json"))
    schema.config.update(base_url=f"http://127.0.0.1:{daemon.port}")
    return schema


def test_the_webhook(daemon: DaemonProcess) -> None:
    operation = description(daemon)["/webhook"]["POST"]
    good = fuzz(operation, GenerationMode.POSITIVE, WEBHOOK_EXAMPLES, {})
    bad = fuzz(operation, GenerationMode.NEGATIVE, WEBHOOK_EXAMPLES, {})
    assert good[200] > WEBHOOK_EXAMPLES / 2
    assert bad[400] > 0
    assert set(good + bad) <= {200, 400}
    daemon.wait_until_moved(600)
    assert daemon.metric("cmctl_journal_refused_records_total") == 0
    assert daemon.resident_mb() < MEMORY_MB


def test_everything_else(daemon: DaemonProcess) -> None:
    headers = {"Authorization": f"Bearer {daemon.token}"}
    operations = [found.ok() for found in description(daemon).get_all_operations()]
    assert len(operations) > 20
    for operation in operations:
        if operation.path == "/webhook":
            continue
        for mode in GenerationMode:
            try:
                fuzz(operation, mode, OTHER_EXAMPLES, headers)
            except Unsatisfiable:  # nothing about it can be wrong
                assert mode is GenerationMode.NEGATIVE
    assert daemon.resident_mb() < MEMORY_MB
