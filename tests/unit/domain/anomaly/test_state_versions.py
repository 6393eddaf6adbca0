"""What was learnt outlives the layout of the state."""

import math
import struct
from pathlib import Path

import pytest

from controlplane.domain.anomaly.calibration import ALERT_SCORE
from controlplane.domain.anomaly.state import VERSION, BadState, dump, load

# Written by the program when its state had these versions, from 3000 samples of ``value_of``.
OLD = [Path(__file__).parent / "data" / f"state-v{version}.bin" for version in range(1, VERSION)]
every_version = pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
LEARNT = 3000


def time_of(position: int) -> float:
    return 1_700_000_000.0 + 300 * position


def value_of(position: int) -> float:
    noise = ((position * 7919) % 1009) / 1009 - 0.5
    return 20 + 3 * math.sin(position * 2 * math.pi / 288) + noise


@every_version
def test_a_state_of_an_earlier_version_goes_on_without_a_new_warm_up(path: Path) -> None:
    model = load(path.read_bytes())
    assert not model.is_warming_up
    assert model.detectors.count == LEARNT
    calm = [model.observe(time_of(at), value_of(at)) for at in range(LEARNT, LEARNT + 288)]
    assert max(calm) < ALERT_SCORE
    # Two more than this time of day has is well inside the range of the day: only the learnt shape can tell.
    shifted = [model.observe(time_of(at), value_of(at) + 2.0) for at in range(LEARNT + 288, LEARNT + 293)]
    assert max(shifted) >= ALERT_SCORE


@every_version
def test_an_old_state_is_written_as_a_new_one(path: Path) -> None:
    model = load(path.read_bytes())
    again = load(dump(model))
    after = [[one.observe(time_of(at), value_of(at)) for at in range(LEARNT, LEARNT + 50)] for one in (model, again)]
    assert after[0] == after[1]
    assert struct.unpack_from("<4sH", dump(model))[1] == VERSION


@pytest.mark.parametrize("version", [0, VERSION + 1])
def test_a_state_of_an_unknown_version_is_refused_with_what_to_do(version: int) -> None:
    state = OLD[0].read_bytes()
    with pytest.raises(BadState, match=f"has version {version}, this program reads up to {VERSION}"):
        load(state[:4] + struct.pack("<H", version) + state[6:])
