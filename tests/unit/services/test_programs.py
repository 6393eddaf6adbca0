"""Command lines of the components."""

import shlex
from pathlib import Path

import pytest

from controlplane.config.load import parse
from controlplane.services.programs import Executables, programs, supervisor_command

SETTINGS = parse({"data_dir": "/data", "port_offset": 1000}, "test")


def commands(tools: dict[str, Path]) -> dict[str, list[str]]:
    executables = Executables(tools, Path("/venv/bin"), ("/pg/postgres", "-D", "/data/postgresql"))
    return {program.name: list(program.command) for program in programs(SETTINGS, Path("/c.yml"), executables)}


def test_only_what_has_an_executable_gets_a_command() -> None:
    assert sorted(commands({"promtool": Path("/usr/bin/promtool")})) == [
        "controlplane",
        "mcp_server",
        "postgresql",
        "wal_receiver",
    ]


def test_our_own_services_get_their_configuration() -> None:
    found = commands({})
    assert found["mcp_server"] == ["/venv/bin/claude-memory-mcp", "serve", "--config", "/data/etc/mcp.yml"]
    assert found["controlplane"] == ["/venv/bin/cmctl", "--config", "/c.yml", "--data-dir", "/data", "serve"]


def test_upstream_programs_listen_on_loopback_and_keep_their_data_here() -> None:
    found = commands({name: Path(f"/usr/bin/{name}") for name in ("prometheus", "alertmanager", "node_exporter")})
    assert "--web.listen-address=127.0.0.1:10090" in found["prometheus"]
    assert "--storage.tsdb.path=/data/prometheus" in found["prometheus"]
    assert "--storage.tsdb.retention.time=30d" in found["prometheus"]
    assert not any("enable-lifecycle" in argument for argument in found["prometheus"])
    assert "--cluster.listen-address=" in found["alertmanager"]
    assert found["node_exporter"][1] == "--web.listen-address=127.0.0.1:10100"


def test_postgresql_stops_fast_and_signals_its_own_children() -> None:
    executables = Executables({}, Path("/venv/bin"), ("/pg/postgres",))
    postgresql = next(p for p in programs(SETTINGS, Path("/c.yml"), executables) if p.name == "postgresql")
    assert (postgresql.stop_signal, postgresql.stop_as_group) == ("INT", False)


@pytest.mark.parametrize("argument", ["plain", "with space", "100%", "it's", 'say "x"', "$HOME"])
def test_supervisord_reads_back_the_same_arguments(argument: str) -> None:
    text = supervisor_command(("/bin/program", argument))
    assert shlex.split(text % {}) == ["/bin/program", argument]
