"""Who is told, when and in how many messages."""

import re
from datetime import UTC, datetime, time, timedelta

import pytest

from controlplane.domain.alert import Alert, AlertState
from controlplane.domain.notification.backoff import LONGEST_SECONDS, is_given_up, retry_after
from controlplane.domain.notification.budget import Allowance, allow
from controlplane.domain.notification.cooldown import Decision, Told, cooldown_of, decide
from controlplane.domain.notification.delivery import Change
from controlplane.domain.notification.hostile import (
    cut_to_json_length,
    harmless,
    harmless_link,
    json_length,
    redact,
)
from controlplane.domain.notification.plan import Policy, plan
from controlplane.domain.notification.routing import Route, TimeWindow, receivers_of

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)  # a Monday; 20:00 in Shanghai, 08:00 in New York
COOLDOWNS = {"critical": 60.0, "error": 300.0, "warning": 900.0, "info": 3600.0}


def alert(fingerprint: str = "a", state: AlertState = "firing", minutes: float = 0, **fields: object) -> Alert:
    values = {
        "fingerprint": fingerprint,
        "name": "X",
        "state": state,
        "severity": "critical",
        "priority": "P0",
        "starts_at": NOON + timedelta(minutes=minutes),
        "ends_at": NOON + timedelta(minutes=minutes + 1) if state == "resolved" else None,
        "received_at": NOON + timedelta(minutes=minutes),
        "labels": {"alertname": "X", "team": "db"},
        **fields,
    }
    return Alert(**values)  # type: ignore[arg-type]


SHANGHAI_OFFICE = TimeWindow("Asia/Shanghai", frozenset({"mon", "tue", "wed", "thu", "fri"}), time(9), time(18))


@pytest.mark.parametrize(
    ("case", "window", "moment", "expected"),
    [
        ("evening in Shanghai", SHANGHAI_OFFICE, NOON, False),
        ("the first minute", SHANGHAI_OFFICE, datetime(2025, 7, 7, 1, tzinfo=UTC), True),
        ("the end is excluded", SHANGHAI_OFFICE, datetime(2025, 7, 7, 10, tzinfo=UTC), False),
        ("Saturday there, Friday here", SHANGHAI_OFFICE, datetime(2025, 7, 11, 23, tzinfo=UTC), False),
        ("Monday there, Sunday here", SHANGHAI_OFFICE, datetime(2025, 7, 14, 1, 30, tzinfo=UTC), True),
        ("over midnight, before", TimeWindow("UTC", frozenset({"fri"}), time(22), time(6)), NOON, False),
        (
            "over midnight, the night belongs to its first day",
            TimeWindow("UTC", frozenset({"fri"}), time(22), time(6)),
            datetime(2025, 7, 12, 5, 59, tzinfo=UTC),
            True,
        ),
        (
            "the night before does not",
            TimeWindow("UTC", frozenset({"fri"}), time(22), time(6)),
            datetime(2025, 7, 11, 5, tzinfo=UTC),
            False,
        ),
        ("whole days", TimeWindow("UTC", frozenset({"mon"})), NOON, True),
        ("turned round", TimeWindow("UTC", frozenset({"mon"}), is_outside=True), NOON, False),
        (
            "summer time moves the office",  # 09:00 in New York is 13:00 UTC in July and 14:00 in January
            TimeWindow("America/New_York", frozenset({"mon"}), time(9), time(17)),
            datetime(2025, 1, 6, 13, 30, tzinfo=UTC),
            False,
        ),
    ],
)
def test_time_windows(case: str, window: TimeWindow, moment: datetime, expected: bool) -> None:
    assert window.contains(moment) is expected, case


@pytest.mark.parametrize(
    ("case", "routes", "expected"),
    [
        ("no route, nobody", [], ()),
        ("the first that matches", [Route("a", ("one",)), Route("b", ("two",))], ("one",)),
        (
            "and the next while they go on",
            [Route("a", ("one",), goes_on=True), Route("b", ("two", "one"))],
            ("one", "two"),
        ),
        ("a label as a whole", [Route("a", ("one",), {"team": re.compile("d")}), Route("b", ("two",))], ("two",)),
        ("a missing label is empty", [Route("a", ("one",), {"none": re.compile("")})], ("one",)),
        ("severity", [Route("a", ("one",), severities=frozenset({"warning"}))], ()),
        ("priority", [Route("a", ("one",), priorities=frozenset({"P0"}))], ("one",)),
        ("profile", [Route("a", ("one",), profiles=frozenset({"agent-v3"})), Route("b", ("two",))], ("two",)),
        ("our own profile", [Route("a", ("one",), profiles=frozenset({"claude-memory"}))], ("one",)),
        ("not now", [Route("a", ("one",), windows=(SHANGHAI_OFFICE,))], ()),
        ("dropped", [Route("a", ()), Route("b", ("two",))], ()),
    ],
)
def test_routes(case: str, routes: list[Route], expected: tuple[str, ...]) -> None:
    assert receivers_of(alert(), routes, "claude-memory", NOON) == expected, case


MINUTE = timedelta(minutes=1)
FIRING = Told("firing", NOON, NOON)
RESOLVED = Told("resolved", NOON, NOON)


@pytest.mark.parametrize(
    ("case", "state", "start", "told", "after_seconds", "expected"),
    [
        ("new", "firing", NOON, None, 0, Decision("send")),
        ("over before anybody was told", "resolved", NOON, None, 0, Decision("nothing")),
        ("known to fire", "firing", NOON, FIRING, 3600, Decision("nothing")),
        ("over", "resolved", NOON, FIRING, 1, Decision("send")),
        ("known to be over", "resolved", NOON, RESOLVED, 1, Decision("nothing")),
        ("again within the cooldown", "firing", NOON + MINUTE, RESOLVED, 30, Decision("hold", NOON + MINUTE)),
        ("again after it", "firing", NOON + MINUTE, RESOLVED, 60, Decision("send")),
        ("again, told before the clock stepped back", "firing", NOON, RESOLVED, -3600, Decision("send")),
        ("anew, its end was lost", "firing", NOON + 9 * MINUTE, FIRING, 600, Decision("send")),
        ("anew, within the cooldown", "firing", NOON + 2 * MINUTE, FIRING, 30, Decision("hold", NOON + MINUTE)),
        ("the same from another Alertmanager", "firing", NOON + MINUTE / 2, FIRING, 600, Decision("nothing")),
    ],
)
def test_cooldown(
    case: str, state: AlertState, start: datetime, told: Told | None, after_seconds: float, expected: Decision
) -> None:
    assert decide(state, start, told, NOON + timedelta(seconds=after_seconds), MINUTE) == expected, case


def test_a_receiver_without_resolved_messages_still_notes_the_end() -> None:
    assert decide("resolved", NOON, FIRING, NOON, MINUTE, wants_resolved=False) == Decision("note")


def test_an_unknown_severity_cools_down_as_long_as_the_longest() -> None:
    assert cooldown_of("Critical", COOLDOWNS) == MINUTE
    assert cooldown_of("unheard of", COOLDOWNS) == timedelta(hours=1)


POLICY = Policy([Route("all", ("people",))], "claude-memory", COOLDOWNS, ["alertname"])


def test_changes_that_agree_share_a_message_and_others_do_not() -> None:
    changes = [
        Change(alert("a"), NOON),
        Change(alert("b"), NOON),
        Change(alert("c", severity="warning"), NOON),
        Change(alert("d", labels={"alertname": "Y"}), NOON),
        Change(alert("e", "resolved"), NOON),
    ]
    told = {("people", "e"): FIRING}
    bundles = plan(changes, told, POLICY, NOON).bundles
    assert [[change.alert.fingerprint for change in bundle.changes] for bundle in bundles] == [
        ["a", "b"],
        ["c"],
        ["d"],
        ["e"],
    ]


def test_flapping_makes_one_firing_and_one_resolved_message_in_a_cooldown_and_counts_the_rest() -> None:
    told: dict[tuple[str, str], Told] = {}
    messages: list[tuple[str, int]] = []
    due: list[datetime] = []

    def step(seconds: int, *changes: Change) -> None:
        result = plan(changes, told, POLICY, NOON + timedelta(seconds=seconds))
        messages.extend((bundle.state, bundle.changes[0].changes) for bundle in result.bundles)
        told.update({(item.receiver, item.fingerprint): item.told for item in result.knowledge})
        due.extend(item.due_at for item in result.knowledge if item.due_at is not None)

    for second in range(0, 50, 10):
        step(second, Change(alert("a", "firing", second / 60), NOON))
        step(second + 5, Change(alert("a", "resolved", second / 60), NOON))
    step(50, Change(alert("a", "firing", 50 / 60), NOON))
    assert messages == [("firing", 1), ("resolved", 1)]
    assert set(due) == {NOON + MINUTE}
    step(60, Change(alert("a", "firing", 50 / 60), NOON, changes=0))  # what the hold looks at again
    assert messages[2:] == [("firing", 9)]


def test_who_was_told_that_it_fires_is_told_its_end_although_office_hours_are_over() -> None:
    policy = Policy([Route("office", ("people",), windows=(SHANGHAI_OFFICE,))], "", COOLDOWNS, [])
    result = plan([Change(alert("a", "resolved"), NOON)], {("people", "a"): FIRING}, policy, NOON)
    assert [bundle.receiver for bundle in result.bundles] == ["people"]


def at(*seconds: float) -> list[datetime]:
    return [NOON - timedelta(seconds=second) for second in seconds]


@pytest.mark.parametrize(
    ("case", "waiting", "sent", "expected"),
    [
        ("all fit", 3, [], Allowance(3, False)),
        ("exactly", 2, at(10), Allowance(2, False)),
        ("one slot is kept for the digest", 4, [], Allowance(2, True)),
        ("only the digest", 5, at(10, 20), Allowance(0, True)),
        (
            "nothing left: when the oldest leaves the minute",
            1,
            at(10, 20, 50),
            Allowance(0, False, NOON + timedelta(seconds=10)),
        ),
        ("old ones do not count", 3, at(60, 61, 3600), Allowance(3, False)),
        ("a clock that stepped back a little", 3, at(-30), Allowance(1, True)),
        ("a clock that stepped back by an hour", 3, at(-3600, -3590, -3580), Allowance(3, False)),
        (
            "more than the budget were sent before it was lowered",
            1,
            at(1, 2, 3, 50),
            Allowance(0, False, NOON + timedelta(seconds=57)),
        ),
    ],
)
def test_budget(case: str, waiting: int, sent: list[datetime], expected: Allowance) -> None:
    assert allow(waiting, sent, NOON, per_minute=3) == expected, case


def test_retries_back_off_and_end() -> None:
    longest = [retry_after(attempt, 1.0).total_seconds() for attempt in range(1, 12)]
    assert longest == sorted(longest)
    assert longest[0] == 2
    assert longest[-1] == LONGEST_SECONDS
    assert retry_after(3, 0.0) * 2 == retry_after(3, 1.0)
    assert [is_given_up(1, 3, True), is_given_up(3, 3, True), is_given_up(1, 3, False)] == [False, True, True]


@pytest.mark.parametrize(
    "text",
    [
        "postgres://user:s3cr3t@db/x",
        "Authorization: Bearer s3cr3t.s3cr3t",
        "password=s3cr3t",
        'DB_PASSWORD: "s3cr3t and more s3cr3t"',
        "api-key = s3cr3t, other",
        "https://h/x?access_token=s3cr3t&b=1",
        "-----BEGIN RSA PRIVATE KEY-----\ns3cr3t",
        "ghp_s3cr3ts3cr3ts3cr3t",
    ],
)
def test_secrets_are_hidden(text: str) -> None:
    assert "s3cr3t" not in redact(text)
    assert "[hidden]" in redact(text)
    assert "(hidden)" in harmless(text, 500)


def test_known_secrets_are_hidden_wherever_they_stand() -> None:
    assert redact("no answer from host-abcdef/", ["host-abcdef"]) == "no answer from [hidden]/"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain 中文 text", "plain 中文 text"),
        ("two\n\n  lines", "two lines"),
        ("\x1b[31mred\x07\u202e", "(31mred"),
        ("<script>", "‹script›"),
        ("[click](http://x)", "(click)(http://x)"),
        ("x" * 30, "x" * 19 + "…"),
    ],
)
def test_text_of_strangers_is_made_harmless(text: str, expected: str) -> None:
    assert harmless(text, 20) == expected


def test_nobody_is_called_by_the_text_of_an_alert() -> None:
    for text in ("@everyone", "@here", "<!channel>", "<@U123>", "mail@example.org"):
        assert not re.search(r"@\w|<[!@]", harmless(text, 100))


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("http://h/docs#x", "http://h/docs#x"),
        ("https://me:pa55@h/x", "https://h/x"),
        ("javascript:alert(1)", ""),
        ("http://h/ x", ""),
        ("http://h/" + "x" * 600, ""),
    ],
)
def test_links(link: str, expected: str) -> None:
    assert harmless_link(link) == expected


@pytest.mark.parametrize("text", ["short", "行\n" * 1000, "x" * 5000])
def test_a_message_is_cut_to_what_it_is_as_json(text: str) -> None:
    cut = cut_to_json_length(text, 600)
    assert json_length(cut) <= 600
    assert cut == text or cut.endswith("…")
