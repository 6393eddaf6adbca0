"""cmctl check, config, logs and completion through the console script, without a running stack."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.postgresql import free_port
from tests.support.stack import CMCTL

COMPLETE = {"_CMCTL_COMPLETE": "bash_complete"}


class Data:
    """A data directory whose stack was never started; every port is one that nobody answers on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings: dict[str, Any] = {"ports": {name: free_port() for name in _PORTS}}

    def configure(self, **settings: Any) -> None:
        """Write ``cmctl.yml``."""
        (self.folder / "etc").mkdir(exist_ok=True)
        text = yaml.safe_dump({**self.settings, **settings})
        (self.folder / "etc" / "cmctl.yml").write_text(text, encoding="utf-8")

    def cmctl(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run cmctl on it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CMCTL_")}
        command = [str(CMCTL), "--data-dir", str(self.folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env={**kept, **environment})


_PORTS = ("mcp_server", "controlplane", "postgresql", "qdrant", "prometheus", "alertmanager", "node_exporter")


@pytest.fixture
def data(tmp_path: Path) -> Data:
    made = Data(tmp_path)
    made.configure()
    return made


@pytest.mark.parametrize(
    ("limits", "state", "exit_code"),
    [
        pytest.param({"warning": 100.1, "critical": 100.2}, "OK", 0, id="ok"),
        pytest.param({"warning": 0, "critical": 100.2}, "WARNING", 1, id="warning"),
        pytest.param({"warning": 0, "critical": 0}, "CRITICAL", 2, id="critical"),
    ],
)
def test_check_run_is_a_monitoring_plugin(data: Data, limits: dict[str, float], state: str, exit_code: int) -> None:
    data.configure(thresholds={"memory_used_percent": limits})
    ran = data.cmctl("check", "run", "memory")
    first = ran.stdout.splitlines()[0]
    assert (ran.returncode, ran.stderr) == (exit_code, "")
    assert first.startswith(f"CLAUDE-MEMORY {state} - ")
    assert "| memory=" in first


def test_check_run_of_a_silent_target_is_unknown(data: Data) -> None:
    ran = data.cmctl("check", "run", "response_time", "-o", "json")
    found = json.loads(ran.stdout)
    assert (ran.returncode, found[0]["state"]) == (3, "UNKNOWN")
    assert set(found[0]) == {
        *("name", "kind", "state", "raw_state", "message", "value", "unit", "warning", "critical"),
        *("duration_seconds", "checked_at", "state_since", "streak"),
    }


def test_an_unknown_check_is_not_a_verdict(data: Data) -> None:
    ran = data.cmctl("check", "run", "nope")
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr == "error: no such check: nope\n  hint: cmctl check list shows them\n"


def test_check_list(data: Data) -> None:
    data.configure(checks={"disabled": ["cpu"]})
    listed = json.loads(data.cmctl("check", "list", "-o", "json").stdout)
    names = [item["name"] for item in listed]
    assert "memory" in names
    assert "cpu" not in names
    memory = next(item for item in listed if item["name"] == "memory")
    assert (memory["warning"], memory["critical"], memory["lower_is_worse"]) == (85.0, 95.0, False)


def test_status_of_a_stack_that_never_ran(data: Data) -> None:
    ran = data.cmctl("status")
    assert ran.returncode == 2
    assert ran.stdout.startswith("CRITICAL  the stack is stopped")
    assert "hint: start it with: cmctl up" in ran.stdout
    assert "\x1b" not in ran.stdout
    told = json.loads(data.cmctl("status", "-o", "json").stdout)
    assert (told["state"], told["source"], told["alerts_known"]) == ("CRITICAL", "direct", False)
    assert told["backup"]["state"] in ("none", "fresh")
    assert {"state", "checks", "components", "alerts", "resources", "generated_at", "source"} <= set(told)


def test_status_with_an_invalid_configuration_is_unknown(data: Data) -> None:
    data.configure(port_offset=-1)
    ran = data.cmctl("status")
    assert (ran.returncode, ran.stdout) == (3, "")
    assert "port_offset: Input should be greater than or equal to 0" in ran.stderr


def test_status_watch_redraws_until_interrupted(data: Data) -> None:
    command = [str(CMCTL), "--data-dir", str(data.folder), "status", "--watch", "--interval", "0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        screens = 0
        for line in watching.stdout:
            screens += line.startswith("CRITICAL")
            if screens == 2:
                break
        watching.send_signal(signal.SIGINT)
        watching.stdout.read()
    assert watching.returncode == 2


def test_config_validate(data: Data, tmp_path: Path) -> None:
    assert data.cmctl("config", "validate").stdout == f"{data.folder}/etc/cmctl.yml is valid\n"
    bad = tmp_path / "bad.yml"
    bad.write_text("port_offset: -1\nnope: 1\nchecks: {definitions: [{name: x, kind: tcp, target: y}]}\n")
    ran = data.cmctl("config", "validate", str(bad))
    assert (ran.returncode, ran.stdout) == (3, "")
    assert "port_offset: " in ran.stderr
    assert "nope: Extra inputs are not permitted" in ran.stderr
    bad.write_text("checks: {definitions: [{name: x, kind: tcp, target: y}]}\n")
    ran = data.cmctl("config", "validate", str(bad))
    assert (ran.returncode, "checks.definitions.x: 'y' is not host:port" in ran.stderr) == (3, True)
    assert data.cmctl("config", "validate", str(tmp_path / "none.yml")).returncode == 3


def test_config_show(data: Data) -> None:
    data.configure(port_offset=7)
    shown = yaml.safe_load(data.cmctl("config", "show").stdout)
    assert (shown["port_offset"], shown["checks"]["timeout_seconds"]) == (7, 5)
    assert json.loads(data.cmctl("config", "show", "-o", "json").stdout) == shown
    sources = json.loads(data.cmctl("config", "show", "--sources", "-o", "json").stdout)
    found = {item["path"]: item["source"] for item in sources}
    assert (found["port_offset"], found["mode"], found["data_dir"]) == ("file", "default", "option")
    assert "port_offset" in data.cmctl("config", "show", "--sources").stdout


def test_config_schema_is_json(data: Data) -> None:
    schema = json.loads(data.cmctl("config", "schema").stdout)
    assert schema["additionalProperties"] is False


def test_logs_of_all_components_merged(data: Data) -> None:
    logs = data.folder / "log"
    logs.mkdir()
    (logs / "prometheus.log").write_text("ts=2026-01-01T00:00:02Z level=error msg=b\n")
    (logs / "postgresql.log").write_text("2026-01-01 00:00:01.000 UTC [1] LOG:  a\n")
    shown = data.cmctl("logs", "show").stdout.splitlines()
    assert [line.partition(" |")[0].strip() for line in shown] == ["postgresql", "prometheus"]
    assert data.cmctl("logs", "show", "postgresql").stdout == "2026-01-01 00:00:01.000 UTC [1] LOG:  a\n"
    errors = json.loads(data.cmctl("logs", "show", "--level", "error", "-o", "json").stdout)
    assert [(item["component"], item["level"], item["time"]) for item in errors] == [
        ("prometheus", "error", "2026-01-01T00:00:02Z")
    ]
    assert data.cmctl("logs", "show", "--grep", "LOG: +a").stdout.count("\n") == 1
    assert data.cmctl("logs", "show", "--since", "1h").stdout == ""


def test_logs_follow_what_is_written(data: Data) -> None:
    logs = data.folder / "log"
    logs.mkdir()
    path = logs / "prometheus.log"
    path.write_text("first\n")
    command = [str(CMCTL), "--data-dir", str(data.folder), "logs", "show", "-f", "prometheus"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "first\n"
        path.rename(logs / "prometheus.log.1")
        path.write_text("second\n")
        assert following.stdout.readline() == "second\n"
        following.send_signal(signal.SIGINT)
    assert following.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["nope"], "no such log: nope", id="no such log"),
        pytest.param(["--since", "yesterday"], "neither a duration nor a time", id="no such time"),
        pytest.param(["--grep", "("], "is not a regular expression", id="no such pattern"),
    ],
)
def test_logs_refuse_nonsense(data: Data, arguments: list[str], message: str) -> None:
    ran = data.cmctl("logs", "show", *arguments)
    assert (ran.returncode, message in ran.stderr) == (2, True), ran.stderr


@pytest.mark.parametrize(
    ("words", "index", "expected"),
    [
        pytest.param("cmctl al", 1, ["alerts"], id="command"),
        pytest.param("cmctl config ", 2, ["reference", "sample", "schema", "show", "validate"], id="verb"),
        pytest.param("cmctl logs show po", 3, ["postgresql"], id="component"),
        pytest.param("cmctl up mc", 2, ["mcp_server"], id="component of up"),
        pytest.param("cmctl check run me", 3, ["memory"], id="check"),
        pytest.param("cmctl diagnose q", 2, ["qdrant"], id="tree"),
        pytest.param("cmctl completion f", 2, ["fish"], id="shell"),
    ],
)
def test_completion(data: Data, words: str, index: int, expected: list[str]) -> None:
    ran = data.cmctl(**{**COMPLETE, "COMP_WORDS": words, "COMP_CWORD": str(index)})
    assert sorted(line.partition(",")[2] for line in ran.stdout.splitlines()) == expected, ran.stderr


def test_completion_scripts(data: Data) -> None:
    assert "complete -o nosort -F _cmctl_completion cmctl" in data.cmctl("completion", "bash").stdout
    assert data.cmctl("completion", "zsh").stdout.startswith("#compdef cmctl")
    assert "complete --no-files --command cmctl" in data.cmctl("completion", "fish").stdout
    assert data.cmctl("completion", "tcsh").returncode == 2


def test_the_bash_script_is_valid(data: Data) -> None:
    script = data.cmctl("completion", "bash").stdout
    assert subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True).stderr == ""
