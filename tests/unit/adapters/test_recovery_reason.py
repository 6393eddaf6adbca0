"""Why a recovery ended, by PostgreSQL's log."""

import pytest

from controlplane.adapters.backup.recovery import reason

FATAL = "2026-11-20 12:00:00 UTC [1] FATAL:  could not write lock file"
UNREACHED = "x FATAL:  recovery ended before configured recovery target was reached\n"


@pytest.mark.parametrize(
    ("told", "free", "expected"),
    [
        ("starting\n" + FATAL, 10**12, "could not write lock file"),
        (UNREACHED, 10**12, "the WAL archive ends before the target"),
        ("starting\n", 10**12, "starting"),
        ("", 10**12, "no reason given"),
        ("", 4096, "there is no space left on the disk"),
        ("starting\nlast line cut o", 4096, "there is no space left on the disk"),
        (FATAL, 4096, "could not write lock file"),
    ],
)
def test_the_reason(told: str, free: int, expected: str) -> None:
    assert reason(told, free) == expected
