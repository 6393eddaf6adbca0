"""`cmctl up` and `cmctl down` on real processes: the way a person meets them, and what must survive."""

import http.client
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import yaml

from tests.support.stack import EmbeddedStack, wait_until

# The parts that do not need our own services; enough to try every way of starting and stopping.
UPSTREAM = ("postgresql", "prometheus", "alertmanager", "node_exporter")
NOBODY = 65534

as_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root to become another user")


@pytest.fixture
def other_stack() -> Iterator[EmbeddedStack]:
    stack = EmbeddedStack()
    try:
        yield stack
    finally:
        stack.remove()


def connect(stack: EmbeddedStack) -> psycopg.Connection:
    return psycopg.connect(
        host="127.0.0.1",
        port=stack.port("postgresql"),
        dbname="claude_memory_db",
        user="claude_memory",
        password=stack.secret("postgresql_memory_password"),
        autocommit=True,
    )


def remember(stack: EmbeddedStack, text: str) -> None:
    with connect(stack) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (text text)")
        connection.execute("INSERT INTO kept VALUES (%s)", (text,))


def remembered(stack: EmbeddedStack) -> list[str]:
    with connect(stack) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM kept")]


def get(stack: EmbeddedStack, component: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", stack.port(component), timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_starts_says_where_everything_is_and_a_second_time_finds_it_running(own_stack: EmbeddedStack) -> None:
    first = own_stack.up(*UPSTREAM)
    pids = {component: own_stack.pid(component) for component in UPSTREAM}
    second = own_stack.up(*UPSTREAM)

    assert own_stack.url("prometheus") in first.stdout
    assert "already running" in second.stderr.splitlines()
    assert {component: own_stack.pid(component) for component in UPSTREAM} == pids


def test_the_whole_stack_is_healthy_and_watches_itself(running_stack: EmbeddedStack) -> None:
    def unhealthy() -> list[str]:
        targets = json.loads(get(running_stack, "prometheus", "/api/v1/targets")[1])["data"]["activeTargets"]
        return [target["labels"]["job"] for target in targets if target["health"] != "up"]

    wait_until(lambda: not unhealthy(), what="every scrape")
    assert get(running_stack, "mcp_server", "/health")[0] == 200
    assert get(running_stack, "controlplane", "/ready")[0] == 200
    supervisord = next(process for process in running_stack.processes() if process.ppid() == 1)
    assert supervisord.terminal() is None


def test_up_returns_once_prometheus_has_looked_at_every_target(own_stack: EmbeddedStack) -> None:
    own_stack.up("node_exporter", "alertmanager", "prometheus")
    targets = json.loads(get(own_stack, "prometheus", "/api/v1/targets")[1])["data"]["activeTargets"]
    assert len(targets) == 5
    assert not [target["scrapePool"] for target in targets if target["health"] == "unknown"]


def test_stops_cleanly_and_a_second_time_says_so(own_stack: EmbeddedStack) -> None:
    own_stack.up("postgresql")
    remember(own_stack, "before")
    first, second = own_stack.down(), own_stack.down()

    assert "stopped postgresql" in first.stderr
    assert second.stderr == "already stopped\n"
    assert own_stack.processes() == []
    assert "database system is shut down" in own_stack.log("postgresql")
    own_stack.up("postgresql")
    assert remembered(own_stack) == ["before"]


def test_stopping_what_was_never_started_creates_nothing(tmp_path: Path, own_stack: EmbeddedStack) -> None:
    own_stack.data_dir = tmp_path / "nothing"
    assert own_stack.down().stderr == "already stopped\n"
    assert not own_stack.data_dir.exists()


def test_components_stop_and_start_alone(own_stack: EmbeddedStack) -> None:
    own_stack.up(*UPSTREAM)
    postgresql = own_stack.pid("postgresql")
    assert own_stack.down("prometheus").stderr.splitlines()[-1] == "stopped prometheus"
    with pytest.raises(ConnectionRefusedError):
        get(own_stack, "prometheus", "/-/ready")
    assert "started prometheus" in own_stack.up("prometheus").stderr
    assert own_stack.pid("postgresql") == postgresql


def test_comes_back_with_its_data_after_sigkill_of_everything(own_stack: EmbeddedStack) -> None:
    own_stack.up(*UPSTREAM)
    remember(own_stack, "kept")
    own_stack.kill_everything()
    own_stack.up(*UPSTREAM)
    assert remembered(own_stack) == ["kept"]


def test_takes_over_when_only_supervisord_was_killed(own_stack: EmbeddedStack) -> None:
    own_stack.up(*UPSTREAM)
    remember(own_stack, "kept")
    supervisord = next(process for process in own_stack.processes() if "supervisor.supervisord" in process.cmdline())
    supervisord.kill()
    psutil.wait_procs([supervisord], timeout=10)
    result = own_stack.up(*UPSTREAM)
    assert "stopping what an earlier start left behind" in result.stderr
    assert remembered(own_stack) == ["kept"]


def test_down_ends_processes_that_nobody_supervises_any_more(own_stack: EmbeddedStack) -> None:
    own_stack.up("postgresql", "node_exporter")
    supervisord = next(process for process in own_stack.processes() if "supervisor.supervisord" in process.cmdline())
    supervisord.kill()
    psutil.wait_procs([supervisord], timeout=10)
    own_stack.down()
    assert own_stack.processes() == []


def test_a_recorded_process_id_that_belongs_to_someone_else_by_now_does_no_harm(own_stack: EmbeddedStack) -> None:
    own_stack.up("postgresql")
    own_stack.kill_everything()
    for record in (own_stack.data_dir / "postgresql/postmaster.pid", own_stack.data_dir / "run/supervisord.pid"):
        lines = record.read_text().splitlines()
        record.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    own_stack.up("postgresql")


def test_recovers_from_a_start_killed_in_the_middle_of_initdb(own_stack: EmbeddedStack) -> None:
    start = subprocess.Popen(own_stack.command("up", "postgresql"), env=own_stack.environment, start_new_session=True)
    wait_until(lambda: list(own_stack.data_dir.glob("postgresql.initializing.*/data/base")), what="initdb's work")
    os.killpg(start.pid, signal.SIGKILL)
    start.wait()
    own_stack.up("postgresql")
    assert not list(own_stack.data_dir.glob("postgresql.initializing.*"))


def test_two_starts_at_once_end_with_one_stack(own_stack: EmbeddedStack) -> None:
    starts = [
        subprocess.Popen(
            own_stack.command("up", "postgresql"), env=own_stack.environment, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    messages = [start.communicate(timeout=120)[1] for start in starts]
    assert [start.returncode for start in starts] == [0, 0]
    assert sorted("already running" in message.splitlines() for message in messages) == [False, True]


def test_two_stacks_live_side_by_side(own_stack: EmbeddedStack, other_stack: EmbeddedStack) -> None:
    own_stack.up(*UPSTREAM)
    other_stack.up(*UPSTREAM)
    other_stack.down()
    assert get(own_stack, "prometheus", "/-/ready")[0] == 200


def test_a_taken_port_is_named_with_its_holder_and_nothing_stays_behind(own_stack: EmbeddedStack) -> None:
    with socket.create_server(("127.0.0.1", own_stack.port("prometheus"))):
        result = own_stack.cmctl("up", *UPSTREAM)
    assert result.returncode == 1
    assert f"port {own_stack.port('prometheus')} on 127.0.0.1, which prometheus needs, is held by" in result.stderr
    assert f"(pid {os.getpid()}, user " in result.stderr
    assert "--port-offset" in result.stderr
    assert own_stack.processes() == []


def test_a_component_that_cannot_start_is_shown_with_its_log_and_everything_is_stopped(
    own_stack: EmbeddedStack,
) -> None:
    own_stack.up("postgresql")
    own_stack.down()
    broken = own_stack.data_dir / "alertmanager" / "silences"
    broken.mkdir()
    result = own_stack.cmctl("up", "postgresql", "alertmanager")
    assert result.returncode == 1
    assert "error: alertmanager stopped right after its start" in result.stderr
    assert "is a directory" in result.stderr
    assert own_stack.processes() == []


def test_a_failing_addition_leaves_the_running_components_alone(own_stack: EmbeddedStack) -> None:
    own_stack.up("postgresql")
    postgresql = own_stack.pid("postgresql")
    (own_stack.data_dir / "alertmanager" / "silences").mkdir()
    assert own_stack.cmctl("up", "alertmanager").returncode == 1
    assert own_stack.pid("postgresql") == postgresql
    assert len(own_stack.processes()) >= 2


def test_a_changed_setting_reloads_or_restarts_just_what_needs_it(own_stack: EmbeddedStack) -> None:
    own_stack.up(*UPSTREAM)
    before = {component: own_stack.pid(component) for component in UPSTREAM}
    own_stack.configure({"prometheus": {"scrape_interval_seconds": 7}, "postgresql": {"shared_buffers_mb": 32}})
    result = own_stack.up(*UPSTREAM)
    after = {component: own_stack.pid(component) for component in UPSTREAM}

    assert "restarted with changed configuration: postgresql; reloaded prometheus" in result.stderr
    assert {component for component in UPSTREAM if before[component] != after[component]} == {"postgresql"}
    wait_until(lambda: "scrape_interval: 7s" in get(own_stack, "prometheus", "/api/v1/status/config")[1])


def test_a_new_port_offset_is_kept_and_moves_the_stack(own_stack: EmbeddedStack, other_stack: EmbeddedStack) -> None:
    own_stack.up("postgresql")
    result = own_stack.cmctl("up", "postgresql", "--port-offset", str(other_stack.port_offset))
    assert result.returncode == 0, result.stderr
    assert f"port_offset is now {other_stack.port_offset}" in result.stderr
    own_stack.port_offset = other_stack.port_offset
    assert own_stack.pid("postgresql")
    assert yaml.safe_load(own_stack.config_file.read_text())["port_offset"] == other_stack.port_offset


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_start_stops_what_it_has_started(own_stack: EmbeddedStack, number: signal.Signals) -> None:
    start = subprocess.Popen(
        own_stack.command("up", "postgresql", "mcp_server"), env=own_stack.environment, stderr=subprocess.PIPE
    )
    wait_until(own_stack.processes, what="a first process")
    start.send_signal(number)
    start.communicate(timeout=120)
    assert start.returncode == 5
    assert own_stack.processes() == []


def test_without_the_tools_and_without_apt_it_says_what_to_install(own_stack: EmbeddedStack) -> None:
    own_stack.environment |= {"PATH": "/nonexistent", "XDG_CACHE_HOME": str(own_stack.folder / "cache")}
    result = own_stack.cmctl("up", "node_exporter")
    assert result.returncode == 4
    assert result.stderr.startswith("error: prometheus-node-exporter: not on PATH, and apt-get")
    assert own_stack.processes() == []


def test_too_old_a_program_is_named_with_its_version(own_stack: EmbeddedStack) -> None:
    old = own_stack.folder / "bin" / "node_exporter"
    old.parent.mkdir()
    old.write_text('#!/bin/sh\necho "node_exporter, version 1.0.1 (branch: HEAD)"\n')
    old.chmod(0o755)
    own_stack.environment["PATH"] = f"{old.parent}:{own_stack.environment['PATH']}"
    result = own_stack.cmctl("up", "node_exporter")
    assert result.returncode == 4
    assert f"error: node_exporter at {old} is version 1.0.1; 1.5 or later is needed" in result.stderr


def test_a_wrong_setting_is_named_and_nothing_starts(own_stack: EmbeddedStack) -> None:
    own_stack.configure({"prometheus": {"scrape_intervall_seconds": 1}})
    result = own_stack.cmctl("up", "postgresql")
    assert result.returncode == 3
    assert "prometheus.scrape_intervall_seconds" in result.stderr
    assert own_stack.processes() == []


def test_an_unknown_component_is_a_usage_error(own_stack: EmbeddedStack) -> None:
    result = own_stack.cmctl("up", "postgres")
    assert result.returncode == 2
    assert "error: no such component: postgres" in result.stderr


def test_a_data_directory_with_a_long_path_works(own_stack: EmbeddedStack) -> None:
    own_stack.data_dir = own_stack.folder / ("long" * 30) / "with space"
    own_stack.configure({})
    own_stack.up("postgresql", "node_exporter")
    recorded = Path((own_stack.data_dir / "run/supervisor.socket").read_text().strip())
    assert len(str(recorded)) < 100
    own_stack.down()
    assert not recorded.parent.exists()


def test_secrets_and_configuration_are_readable_by_the_owner_only(own_stack: EmbeddedStack) -> None:
    own_stack.up("postgresql", "prometheus")
    open_to_others = [
        path
        for folder in ("secrets", "etc", "log", "run", "postgresql")
        for path in (own_stack.data_dir / folder).rglob("*")
        if path.is_file() and path.stat().st_mode & 0o077 and path != own_stack.config_file
    ]
    assert open_to_others == []


@as_root
def test_root_may_keep_its_data_below_a_directory_that_nobody_else_enters(own_stack: EmbeddedStack) -> None:
    closed = own_stack.folder / "closed"
    closed.mkdir(mode=0o700)
    own_stack.data_dir = closed / "data"
    own_stack.configure({})
    own_stack.up("postgresql")
    remember(own_stack, "kept")
    assert psutil.Process(own_stack.pid("postgresql")).uids().real != 0
    assert remembered(own_stack) == ["kept"]


@as_root
def test_an_ordinary_user_needs_no_root() -> None:
    stack = EmbeddedStack(user_id=NOBODY)
    try:
        stack.up(*UPSTREAM)
        assert {process.uids().real for process in stack.processes()} == {NOBODY}
        stack.down()
        assert stack.processes() == []
    finally:
        stack.remove()


@as_root
def test_a_read_only_directory_is_named() -> None:
    stack = EmbeddedStack(user_id=NOBODY)
    try:
        stack.data_dir.chmod(0o500)
        stack.data_dir = stack.folder / "data" / "below"
        result = stack.cmctl("up")
        assert result.returncode == 1
        assert result.stderr.startswith(f"error: {stack.data_dir}: Permission denied\n")
        assert "--data-dir" in result.stderr
    finally:
        stack.remove()


@as_root
def test_somebody_elses_data_directory_is_refused() -> None:
    stack = EmbeddedStack(user_id=NOBODY)
    stack.user_id = None
    try:
        result = stack.cmctl("up", "postgresql")
        assert result.returncode == 5
        assert f"belongs to user id {NOBODY}, not to you" in result.stderr
    finally:
        stack.remove()
