"""What people say has a bounded effect that goes away when it is taken back."""

from datetime import UTC, datetime, timedelta

from controlplane.domain.anomaly.feedback import Feedback, Precision, bar, bars, family_of, precision
from controlplane.domain.anomaly.verdict import Kind

NOW = datetime(2025, 7, 7, tzinfo=UTC)


def said(verdict: str, episode: str = "e", age_days: float = 1, series: str = "s", family: str = "level") -> Feedback:
    return Feedback(episode, series, family, verdict, "ann", NOW - timedelta(days=age_days))  # type: ignore[arg-type]


def test_fine_raises_the_bar_up_to_a_bound() -> None:
    heights = [bar([said("fine", str(number)) for number in range(count)], "s", "level", NOW) for count in range(6)]
    assert heights == [0.0, 2.0, 4.0, 6.0, 6.0, 6.0]


def test_only_this_series_and_family_and_not_for_ever() -> None:
    given = [said("fine", "a"), said("fine", "b", series="t"), said("real", "c"), said("fine", "d", age_days=91)]
    assert bars(given, NOW) == {("s", "level"): 2.0, ("t", "level"): 2.0}
    assert bar(given, "s", "value", NOW) == 0.0


def test_precision_counts_what_was_judged() -> None:
    assert precision([]).ratio is None
    assert precision([said("fine"), said("real"), said("real")]) == Precision(real=2, fine=1)


def test_every_kind_has_a_family() -> None:
    assert {family_of(kind) for kind in Kind} == {"value", "level", "spread", "rhythm", "stuck", "rare", "missing"}
