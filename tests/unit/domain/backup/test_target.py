"""Recovery targets: which set is chosen, and what is refused with which sentence."""

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.domain.backup.target import Lsn, RecoveryTarget, RestorePoint, choose

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
POINTS = [
    RestorePoint("one", NOW - timedelta(hours=3), Lsn.parse("0/3000000"), 1),
    RestorePoint("two", NOW - timedelta(hours=1), Lsn.parse("0/9000000"), 1),
]
END = Lsn.parse("1/0")

CHOSEN = {
    "no target takes the newest set": (RecoveryTarget(), "two"),
    "a time between two sets takes the older": (RecoveryTarget(time=NOW - timedelta(hours=2)), "one"),
    "a time at the end of a set takes that set": (RecoveryTarget(time=NOW - timedelta(hours=1)), "two"),
    "an LSN between two sets takes the older": (RecoveryTarget(lsn=Lsn.parse("0/8FFFFFF")), "one"),
    "a name may be anywhere, so the newest": (RecoveryTarget(name="before_upgrade"), "two"),
}


@pytest.mark.parametrize(("target", "expected"), CHOSEN.values(), ids=CHOSEN.keys())
def test_choice(target: RecoveryTarget, expected: str) -> None:
    assert choose(POINTS, target, NOW, END).set_id == expected


REFUSED = {
    "future": (RecoveryTarget(time=NOW + timedelta(seconds=1)), "in the future"),
    "before the first set": (RecoveryTarget(time=NOW - timedelta(hours=4)), "before the first set one"),
    "before the first LSN": (RecoveryTarget(lsn=Lsn.parse("0/1")), "before the first set one"),
    "beyond the archive": (RecoveryTarget(lsn=Lsn.parse("1/1")), "beyond the archive"),
}


@pytest.mark.parametrize(("target", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_refusal(target: RecoveryTarget, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        choose(POINTS, target, NOW, END)


def test_no_set_at_all() -> None:
    with pytest.raises(ValueError, match="no usable set"):
        choose([], RecoveryTarget(), NOW, END)


@pytest.mark.parametrize("text", ["", "0", "0/", "G/0", "0/123456789", "0/1 0/2"])
def test_malformed_lsn(text: str) -> None:
    with pytest.raises(ValueError, match="is not an LSN"):
        Lsn.parse(text)


def test_lsn_text_and_order() -> None:
    assert str(Lsn.parse("16/B374D848")) == "16/B374D848"
    assert Lsn.parse("0/FFFFFFFF") < Lsn.parse("1/0")


def test_targets_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="at most one"):
        RecoveryTarget(time=NOW, name="x")
    with pytest.raises(ValueError, match="needs a zone"):
        RecoveryTarget(time=datetime(2026, 1, 1))  # noqa: DTZ001
