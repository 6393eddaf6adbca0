"""Which silences are made and expired."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from controlplane.domain.maintenance import Maintenance
from controlplane.domain.silence import Silence, plan, wanted_silences
from controlplane.domain.slo.selector import Matcher

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OPEN = Maintenance(7, "k7", "ada", "new disk", ("api",), (), NOW - HOUR, NOW + HOUR, None, "UTC", NOW - HOUR)
DAILY = replace(OPEN, id=8, key="k8", starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR, recurrence="FREQ=DAILY")


def there(entry: Maintenance) -> list[Silence]:
    """Alertmanager's silences as we would have made them, in whole milliseconds."""
    return [replace(one, id=f"id{i}", state="active") for i, one in enumerate(wanted_silences([entry], NOW))]


def test_an_open_window_and_one_within_a_day_are_wanted() -> None:
    (first,), (second,) = wanted_silences([OPEN], NOW), wanted_silences([DAILY], NOW)
    assert (first.matchers, first.ends_at, first.created_by) == ((Matcher("service", "=", "api"),), NOW + HOUR, "ada")
    assert first.comment == "new disk [maintenance 7, cmctl k7/2026-03-14T11:00:00Z]"
    assert first.mark == ("k7", "2026-03-14T11:00:00Z")
    assert second.starts_at == NOW + HOUR
    assert wanted_silences([replace(OPEN, starts_at=NOW + 25 * HOUR, ends_at=NOW + 26 * HOUR)], NOW) == []


def test_what_is_there_is_not_made_again() -> None:
    assert [len(plan([OPEN], present, NOW).create) for present in ([], there(OPEN))] == [1, 0]
    rounded = [replace(one, ends_at=one.ends_at.replace(microsecond=0)) for one in there(OPEN)]
    assert plan([OPEN], rounded, NOW).create == []
    assert plan([OPEN], rounded, NOW).expire == []


def test_a_second_one_for_the_same_window_is_expired() -> None:
    (one,) = there(OPEN)
    changes = plan([OPEN], [one, replace(one, id="twin")], NOW)
    assert ([silence.id for silence in changes.expire], changes.create) == (["twin"], [])


def test_what_was_ended_is_expired() -> None:
    ended = replace(OPEN, ended_at=NOW, ended_by="bob")
    changes = plan([ended], there(OPEN), NOW)
    assert ([silence.id for silence in changes.expire], changes.create) == (["id0"], [])


def test_a_silence_that_somebody_expired_by_hand_stays_expired() -> None:
    by_hand = [replace(one, state="expired", ends_at=NOW) for one in there(OPEN)]
    assert plan([OPEN], by_hand, NOW).create == []
    assert plan([OPEN], by_hand, NOW).expire == []


def test_silences_of_others_are_left_alone() -> None:
    (one,) = there(OPEN)
    people = replace(one, comment="my own silence")
    another = replace(one, comment="x [maintenance 7, cmctl other/2026-03-14T11:00:00Z]")
    changes = plan([OPEN], [people, another], NOW)
    assert (len(changes.create), changes.expire) == (1, [])
