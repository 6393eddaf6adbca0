"""Workers of a parallel test run never get each other's ports."""

from itertools import permutations

import pytest

from controlplane.config.schema import Ports
from tests.support import stack
from tests.support.worker import own_share


def test_two_stacks_at_different_offsets_share_no_port() -> None:
    bases = [field.default for field in Ports.model_fields.values()]
    step = stack._PORT_OFFSETS.step
    assert [(one, other) for one, other in permutations(bases, 2) if (one - other) % step == 0] == []


def test_the_shares_of_all_workers_are_the_whole_without_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
    shares = []
    for worker in ("gw0", "gw1", "gw2"):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        shares.append(set(own_share(range(100))))
    assert set.union(*shares) == set(range(100))
    assert sum(map(len, shares)) == 100
