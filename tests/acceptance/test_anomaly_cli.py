"""``cmctl anomaly`` as a user runs it: the fixed interface, and bad input."""

import functools
import json
import math
import random
import subprocess
import sys
from pathlib import Path

import pytest

CMCTL = Path(sys.executable).with_name("cmctl")


def cmctl(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([CMCTL, "anomaly", *arguments], input=stdin, capture_output=True, timeout=120, check=False)


def rows(count: int = 1500, spike_at: int = 1200) -> list[str]:
    rng = random.Random(3)
    lines = []
    for position in range(count):
        value = 10 + 2 * math.sin(position / 45.8) + rng.gauss(0, 0.5) + (20 if position == spike_at else 0)
        lines.append(f"{1_700_000_000 + 300 * position},{value:.3f}")
    return lines


def csv(lines: list[str]) -> bytes:
    return ("timestamp,value\n" + "\n".join(lines) + "\n").encode()


def scores(output: bytes) -> list[float]:
    return [float(line.rsplit(",", 1)[1]) for line in output.decode().splitlines()[1:]]


@functools.cache
def threshold() -> float:
    return float(cmctl("score", "--show-threshold").stdout)


def test_every_row_comes_back_in_order_with_a_score(tmp_path: Path) -> None:
    lines = rows()
    path = tmp_path / "series.csv"
    path.write_bytes(csv(lines))
    done = cmctl("score", str(path))
    assert done.returncode == 0, done.stderr
    output = done.stdout.decode().splitlines()
    assert output[0] == "timestamp,value,anomaly_score"
    assert [line.rsplit(",", 1)[0] for line in output[1:]] == lines
    loud = [position for position, score in enumerate(scores(done.stdout)) if score >= threshold()]
    assert 1200 in loud
    assert len(loud) <= 3
    assert cmctl("score", "-", stdin=csv(lines)).stdout == done.stdout


def test_a_kept_state_gives_the_result_of_one_run(tmp_path: Path) -> None:
    lines, state = rows(), str(tmp_path / "state")
    whole = cmctl("score", "-", stdin=csv(lines)).stdout.decode().splitlines()[1:]
    parts = []
    for begin, end in ((0, 1), (1, 700), (700, 1201), (1201, 1500)):
        done = cmctl("score", "-", "--state", state, stdin=csv(lines[begin:end]))
        parts += done.stdout.decode().splitlines()[1:]
    assert parts == whole
    assert Path(state).stat().st_size < 4096


def test_a_score_is_written_before_the_next_row_arrives() -> None:
    with subprocess.Popen([CMCTL, "anomaly", "score", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        for line in ("timestamp,value", *rows(3, 99)):
            process.stdin.write(line.encode() + b"\n")
            process.stdin.flush()
            assert process.stdout.readline().startswith(line.encode() + b",")
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\x00\x01\x80binary\n\xff", "not a text file"),
        (b"time,load\n1,2\n", "not with the header"),
        (b"1700000000,2\n1700000300,2\n", "not with the header"),
        (b"timestamp,value\n" + b"what,ever\n" * 30, "can be read"),
    ],
    ids=["empty", "binary", "wrong header", "no header", "no numbers"],
)
def test_what_is_no_series_is_refused(content: bytes, says: str) -> None:
    done = cmctl("score", "-", stdin=content)
    assert done.returncode == 1
    assert says in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def test_a_file_that_does_not_exist_is_named() -> None:
    done = cmctl("score", "/nowhere/series.csv")
    assert done.returncode == 1
    assert "/nowhere/series.csv" in done.stderr.decode()
    assert cmctl("score").returncode == 2


ODD = {
    "header only": [],
    "two points": ["1700000000,1", "1700000300,2"],
    "constant": [f"{1_700_000_000 + 60 * n},5" for n in range(1500)],
    "not numbers": [f"{1_700_000_000 + 60 * n},{'NaN' if n % 3 else n % 7}" for n in range(1500)],
    "all missing": [f"{1_700_000_000 + 60 * n}," for n in range(600)],
    "infinities": [f"{1_700_000_000 + 60 * n},{'inf' if n % 50 == 0 else n % 7}" for n in range(1500)],
    "huge": [f"{1_700_000_000 + 60 * n},{'1e308' if n % 2 else '-1e308'}" for n in range(1500)],
    "a century": ["1700000000,1", "1700000300,2", "4855673600,3", "4855673900,4"],
    "duplicates": [row for row in rows(900, 9999) for _ in range(2)],
    "milliseconds": [f"{1_700_000_000_000 + 300_000 * n},{n % 7}" for n in range(900)],
    "mixed zones": [f"2024-01-01T{n // 60:02}:{n % 60:02}:00{('Z', '+00:00', '')[n % 3]},{n % 7}" for n in range(1400)],
    "garbage within": [*rows(600, 9999)[:300], "yesterday,5", "1700090000,many", "nonsense", *rows(600, 9999)[300:]],
}


@pytest.mark.parametrize("name", ODD)
def test_odd_input_gives_a_row_for_each_row_and_no_storm(name: str) -> None:
    done = cmctl("score", "-", stdin=csv(ODD[name]))
    assert done.returncode == 0, done.stderr
    found = scores(done.stdout)
    assert len(found) == len(ODD[name])
    assert all(0.0 <= score <= 1.0 for score in found)
    assert sum(score >= threshold() for score in found) <= 2


def test_a_counter_is_found_and_said() -> None:
    rng, total, lines = random.Random(1), 1000, []
    for position in range(1200):
        total += rng.randint(20, 40)
        if position == 600:
            total = 0
        lines.append(f"{1_700_000_000 + 60 * position},{total}")
    done = cmctl("score", "-", stdin=csv(lines))
    assert b"taken as a counter" in done.stderr
    assert b"1 counter resets" in done.stderr
    assert sum(score >= threshold() for score in scores(done.stdout)) == 0


def test_rows_out_of_order_keep_their_place_and_very_late_ones_score_zero() -> None:
    lines = rows(900, 9999)
    lines[500], lines[502] = lines[502], lines[500]
    lines[700] = "1600000000,10"
    done = cmctl("score", "-", stdin=csv(lines))
    assert [line.rsplit(",", 1)[0] for line in done.stdout.decode().splitlines()[1:]] == lines
    assert scores(done.stdout)[700] == 0.0
    assert b"1 rows too far out of order" in done.stderr


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    cmctl("score", "-", "--state", str(state), stdin=csv(rows(50)))
    state.write_bytes(state.read_bytes()[:-7])
    done = cmctl("score", "-", "--state", str(state), stdin=csv(rows(50)))
    assert done.returncode == 1
    assert b"damaged" in done.stderr


def test_backtest_judges_the_alarms_and_draws_them(tmp_path: Path) -> None:
    path, windows, plot = tmp_path / "series.csv", tmp_path / "windows.json", tmp_path / "plot.svg"
    path.write_bytes(csv(rows()))
    windows.write_text(json.dumps([["2023-11-19T01:00:00Z", "2023-11-19T04:00:00Z"], [1_700_200_000, 1_700_210_000]]))
    done = cmctl("backtest", str(path), "--windows", str(windows), "--plot", str(plot), "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["rows"] == 1500
    assert report["recall"] == 0.5
    assert 0.0 < report["precision"] <= 1.0
    assert any("outside" in alarm["reason"] for alarm in report["alarms"] if alarm["in_window"])
    assert plot.read_text().startswith("<svg")
    assert "a week" in cmctl("backtest", str(path)).stdout.decode()
    windows.write_text("{}x")
    assert cmctl("backtest", str(path), "--windows", str(windows)).returncode == 1
