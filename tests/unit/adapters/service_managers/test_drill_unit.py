"""Asking systemd for a drill, with a stand-in for the unit behind the socket; and what both ways of one have alike."""

import asyncio
import json
from pathlib import Path

import pytest

from controlplane.adapters.service_managers.drill_unit import SOCKET, drill_in_unit
from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.wiring.on_host import DRILL_PROPERTIES

UNITS = Path(__file__).parents[4] / "templates" / "systemd"
REPORT = {"outcome": "passed", "problem": "", "set_id": "one", "rto_seconds": 2.5}


async def asked(folder: Path, answer: bytes) -> object:
    async def unit(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async with await asyncio.start_unix_server(unit, folder / "s"):
        return await drill_in_unit(folder / "s")


def test_the_report_is_what_the_unit_says(tmp_path: Path) -> None:
    assert asyncio.run(asked(tmp_path, json.dumps(REPORT).encode())) == REPORT


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (json.dumps({**REPORT, "outcome": "failed", "problem": "no"}).encode(), "the drill of set one failed: no"),
        (b"", "the drill ended without a report"),
        (b'{"outcome": "pas', "the drill ended without a report"),
        (b"[]", "the drill ended without a report"),
    ],
)
def test_what_is_no_passed_drill_is_told(tmp_path: Path, answer: bytes, problem: str) -> None:
    with pytest.raises(CmctlError, match=problem):
        asyncio.run(asked(tmp_path, answer))


def test_a_host_without_the_socket_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DependencyUnreachable, match="no drill can be asked for") as caught:
        asyncio.run(drill_in_unit(tmp_path / "s"))
    assert caught.value.hint == "run site.yml for this host"


def test_by_hand_it_has_the_limits_of_the_unit() -> None:
    lines = (UNITS / "claude-memory-drill@.service.j2").read_text().splitlines()
    assert set(DRILL_PROPERTIES) <= set(lines)


def test_it_is_asked_where_systemd_listens() -> None:
    assert f"ListenStream={SOCKET}" in (UNITS / "claude-memory-drill.socket.j2").read_text().splitlines()
