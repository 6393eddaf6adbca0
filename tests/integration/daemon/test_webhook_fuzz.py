"""Whatever is posted, the webhook answers 2xx or 4xx, and what it accepts is stored."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.daemon import DaemonProcess
from tests.support.soak import length

pytestmark = pytest.mark.soak

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=40)  # NUL and lone surrogates too
TIMES = st.datetimes().map(lambda moment: moment.isoformat() + "Z") | ANY_TEXT | st.just("0001-01-01T00:00:00Z")
STRINGS = st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=4)
ALERTS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["firing", "resolved"]) | JSON_VALUES,
        "labels": STRINGS | JSON_VALUES,
        "annotations": STRINGS | JSON_VALUES,
        "startsAt": TIMES | JSON_VALUES,
        "endsAt": TIMES | JSON_VALUES,
        "generatorURL": ANY_TEXT | JSON_VALUES,
        "fingerprint": ANY_TEXT | JSON_VALUES,
    },
)
PAYLOADS = st.fixed_dictionaries(
    {"alerts": st.lists(ALERTS | JSON_VALUES, max_size=5) | JSON_VALUES},
    optional={
        "version": JSON_VALUES,
        "groupKey": ANY_TEXT | JSON_VALUES,
        "truncatedAlerts": JSON_VALUES,
        "receiver": ANY_TEXT | JSON_VALUES,
        "status": JSON_VALUES,
    },
)
PATIENT = settings(max_examples=length(300, 3000), deadline=None, suppress_health_check=list(HealthCheck))


@PATIENT
@given(payload=PAYLOADS)
def test_payloads_of_any_shape(daemon: DaemonProcess, payload: dict[str, Any]) -> None:
    status, answer = daemon.post(json.dumps(payload).encode("ascii"))
    assert status in (200, 400), answer
    assert status == 200 or answer["field"]


@PATIENT
@given(body=st.binary(max_size=300) | st.text().map(str.encode))
def test_bodies_of_any_bytes(daemon: DaemonProcess, body: bytes) -> None:
    status, answer = daemon.post(body)
    assert status in (200, 400), answer


@PATIENT
@given(query=st.dictionaries(st.sampled_from(["state", "severity", "since", "label", "after", "limit"]), st.text()))
def test_queries_of_any_text(daemon: DaemonProcess, query: dict[str, str]) -> None:
    from urllib.parse import urlencode

    status, body, _ = daemon.request("GET", f"/api/v1/alerts?{urlencode(query)}")
    assert status in (200, 400), body


def test_everything_accepted_is_stored_and_nothing_was_refused_by_postgresql(daemon: DaemonProcess) -> None:
    daemon.wait_until_moved()
    assert daemon.metric("cmctl_journal_refused_records_total") == 0
    assert daemon.resident_mb() < 150
