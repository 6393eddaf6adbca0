"""What receivers are told of an alert that flaps."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from controlplane.domain.alert import Alert, AlertState
from controlplane.domain.flapping import Flapping
from controlplane.domain.notification.cooldown import Told
from controlplane.domain.notification.delivery import Change
from controlplane.domain.notification.plan import Policy, plan
from controlplane.domain.notification.routing import Route, TimeWindow

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FLAPS = Flapping(NOON - 20 * MINUTE, NOON, NOON, NOON, 4)
CALM = replace(FLAPS, ended_at=NOON + 20 * MINUTE)
POLICY = Policy([Route("all", ("people",))], "claude-memory", {"critical": 60.0}, ["alertname"])
NEVER = TimeWindow("UTC", frozenset({"sun"}), time(1), time(2))

FIRING, RESOLVED = Told("firing", NOON, NOON), Told("resolved", NOON, NOON)
TOLD = Told("firing", NOON, NOON, untold_changes=6, flapping_since=FLAPS.began_at)
TOLD_BEFORE = replace(TOLD, flapping_since=NOON - timedelta(days=1))


def change(state: AlertState, flapping: Flapping | None) -> Change:
    alert = Alert("a", "X", state, "critical", "P0", NOON, NOON if state == "resolved" else None, NOON)
    return Change(alert, NOON, flapping=flapping)


@pytest.mark.parametrize(
    ("case", "state", "flapping", "told", "expected"),
    [
        ("it begins to flap", "firing", FLAPS, RESOLVED, "flaps"),
        ("whatever the cooldown says", "firing", FLAPS, FIRING, "flaps"),
        ("recognised when it is over for a moment", "resolved", FLAPS, FIRING, "flaps"),
        ("who never heard of it is told when it fires", "firing", FLAPS, None, "flaps"),
        ("and not of its end", "resolved", FLAPS, None, None),
        ("told once", "firing", FLAPS, TOLD, None),
        ("whatever it does", "resolved", FLAPS, TOLD, None),
        ("another time is news", "firing", FLAPS, TOLD_BEFORE, "flaps"),
        ("calm and over", "resolved", CALM, TOLD, "calm"),
        ("calm and firing", "firing", CALM, TOLD, "calm"),
        ("calm, and nobody remembers why", "firing", None, TOLD, "calm"),
        ("it fires again long after", "firing", CALM, RESOLVED, "state"),
        ("who was not told that it flapped is not told that it is calm", "resolved", CALM, RESOLVED, None),
    ],
)
def test_what_is_told(
    case: str, state: AlertState, flapping: Flapping | None, told: Told | None, expected: str | None
) -> None:
    known = {("people", "a"): told} if told else {}
    result = plan([change(state, flapping)], known, POLICY, NOON + 30 * MINUTE)
    assert [bundle.changes[0].telling for bundle in result.bundles] == ([expected] if expected else []), case
    for knowledge in result.knowledge:
        assert (knowledge.told.flapping_since is not None) == (flapping is FLAPS), case


def test_what_it_did_meanwhile_is_counted() -> None:
    untold = plan([change("firing", FLAPS)], {("people", "a"): TOLD}, POLICY, NOON).knowledge[0].told
    assert untold == replace(TOLD, untold_changes=7)


@pytest.mark.parametrize("state", ["firing", "resolved"])
def test_who_was_told_that_it_flaps_is_told_that_it_is_calm_although_no_route_leads_there_now(
    state: AlertState,
) -> None:
    policy = replace(POLICY, routes=[Route("night", ("people",), windows=(NEVER,))])
    result = plan([change(state, CALM)], {("people", "a"): TOLD}, policy, NOON)
    assert [(bundle.receiver, bundle.changes[0].telling) for bundle in result.bundles] == [("people", "calm")]


def test_a_receiver_that_wants_no_endings_notes_a_calm_one() -> None:
    policy = replace(POLICY, without_resolved=frozenset({"people"}))
    result = plan([change("resolved", CALM)], {("people", "a"): TOLD}, policy, NOON)
    assert result.bundles == []
    assert result.knowledge[0].told == Told("resolved", NOON, NOON)


def test_alerts_that_flap_and_alerts_that_fire_do_not_share_a_message() -> None:
    other = Change(replace(change("firing", None).alert, fingerprint="b"), NOON)
    result = plan([change("firing", FLAPS), other], {}, POLICY, NOON)
    assert [[one.telling for one in bundle.changes] for bundle in result.bundles] == [["flaps"], ["state"]]
