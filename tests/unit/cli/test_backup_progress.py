"""The bar of a backup."""

import pytest

from controlplane.cli.backup_progress import bar

CASES = {
    "half": ((5_000_000, 10_000_000, 2.0), "x [############............] 5 MB of 10 MB, 2.5 MB/s, 2 s left"),
    "total not known": ((5_000_000, 0, 2.0), "x  5 MB, 2.5 MB/s"),
    "done": ((5_000_000, 5_000_000, 2.0), "x  5 MB, 2.5 MB/s"),
    "no time yet": ((0, 10, 0.0), "x [........................] 0 B of 10 B, 0 B/s"),
}


@pytest.mark.parametrize(("given", "drawn"), CASES.values(), ids=CASES.keys())
def test_bar(given: tuple[int, int, float], drawn: str) -> None:
    assert bar("x", *given) == drawn
