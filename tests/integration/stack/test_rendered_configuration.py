"""The rendered configuration before the real checkers, and what a refusal leaves behind."""

import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.adapters.config_checkers import check_alertmanager, check_prometheus
from controlplane.adapters.data_directory import replace_files
from controlplane.adapters.debian_packages import DebianPackages, distribution_release
from controlplane.adapters.templates import TemplateFolder
from controlplane.adapters.toolchain import Toolchain
from controlplane.config.load import parse
from controlplane.config.paths import resource_dir
from controlplane.config.schema import Settings
from controlplane.domain.tool import Tool
from controlplane.errors import InvalidConfiguration
from controlplane.services import rendering
from mcp_server.settings_file import parse as parse_memory_server

TEMPLATES = TemplateFolder(resource_dir("templates"))
ODD: dict[str, Any] = {
    "port_offset": 1100,
    "prometheus": {"scrape_interval_seconds": 0.5, "evaluation_interval_seconds": 0.25},
    "alertmanager": {"group_wait_seconds": 0.2, "group_interval_seconds": 0.5, "resolve_timeout_seconds": 1.5},
    "alert_rules": {"for_scale": 0.01},
    "thresholds": {"disk_used_percent": {"warning": 12.5, "critical": 34}},
    "runbook_base_url": "https://runbook.example/page",
}


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tool]:
    """The programs, fetched the way a first start fetches them."""
    cache = tmp_path_factory.mktemp("tools")
    packages = DebianPackages(cache, distribution_release())
    return Toolchain(cache, packages, search_path="/usr/bin:/bin").resolve(["promtool", "amtool"], lambda text: None)


def settings(**changes: Any) -> Settings:
    return parse({"data_dir": "/data", **changes}, "test")


def prometheus_files(chosen: Settings) -> dict[str, str]:
    document = yaml.safe_load((resource_dir("alert_rules") / "claude-memory.yml").read_text(encoding="utf-8"))
    rules = rendering.render_profile_rules("claude-memory", document, chosen)
    return {
        "prometheus.yml": rendering.render("prometheus.yml", chosen, TEMPLATES),
        "rules/claude-memory.yml": yaml.safe_dump(rules),
    }


@pytest.mark.parametrize("changes", [{}, ODD, {"listen_host": "0.0.0.0"}], ids=["defaults", "odd", "everywhere"])
def test_promtool_and_amtool_accept_it(tmp_path: Path, tools: dict[str, Tool], changes: dict[str, Any]) -> None:
    chosen = settings(**changes)
    files = prometheus_files(chosen)
    assert replace_files(tmp_path, files, partial(check_prometheus, tools["promtool"].path)) == list(files)
    (tmp_path / "alertmanager.yml").write_text(rendering.render("alertmanager.yml", chosen, TEMPLATES))
    check_alertmanager(tools["amtool"].path, tmp_path)


def test_every_part_is_scraped_at_its_own_port() -> None:
    config = yaml.safe_load(rendering.render("prometheus.yml", settings(**ODD), TEMPLATES))
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    assert jobs == {
        "claude-memory-mcp": ["127.0.0.1:9180"],
        "claude-memory-controlplane": ["127.0.0.1:9181"],
        "prometheus": ["127.0.0.1:10190"],
        "alertmanager": ["127.0.0.1:10193"],
        "node": ["127.0.0.1:10200"],
    }
    assert config["global"] == {
        "scrape_interval": "500ms",
        "scrape_timeout": "500ms",
        "evaluation_interval": "250ms",
    }


def test_the_settings_reach_the_rules() -> None:
    rules = yaml.safe_load(prometheus_files(settings(**ODD))["rules/claude-memory.yml"])
    by_threshold = {
        rule["annotations"]["threshold"]: rule["expr"].strip()
        for group in rules["groups"]
        for rule in group["rules"]
        if "threshold" in rule.get("annotations", {})
    }
    assert by_threshold["disk_used_percent.warning"].endswith(" 12.5")
    assert by_threshold["disk_used_percent.critical"].endswith(" 34")
    links = [rule["annotations"]["runbook_url"] for g in rules["groups"] for rule in g["rules"] if "alert" in rule]
    assert links and all(link.startswith("https://runbook.example/page#") for link in links)


def test_rules_name_thresholds_that_are_settings() -> None:
    document = yaml.safe_load((resource_dir("alert_rules") / "claude-memory.yml").read_text(encoding="utf-8"))
    named = {
        rule["annotations"]["threshold"]
        for group in document["groups"]
        for rule in group["rules"]
        if "threshold" in rule.get("annotations", {})
    }
    assert named and named <= set(rendering.rule_options(settings()).thresholds)


@pytest.mark.parametrize("changes", [{}, ODD, {"vectors": {"kind": "server", "url": "http://127.0.0.1:6333"}}])
def test_the_memory_server_accepts_its_configuration(changes: dict[str, Any]) -> None:
    chosen = settings(**changes)
    memory = parse_memory_server(yaml.safe_load(rendering.render("mcp.yml", chosen, TEMPLATES)), "mcp.yml")
    assert memory.listen.port == chosen.port("mcp_server")
    assert memory.postgresql.port == chosen.port("postgresql")
    assert memory.vectors.kind == chosen.vectors.kind


def test_a_refused_configuration_changes_nothing(tmp_path: Path, tools: dict[str, Tool]) -> None:
    check = partial(check_prometheus, tools["promtool"].path)
    good = prometheus_files(settings())
    replace_files(tmp_path, good, check)
    with pytest.raises(InvalidConfiguration, match=r"the rendered prometheus\.yml is refused by promtool") as caught:
        replace_files(
            tmp_path, {**good, "rules/claude-memory.yml": "groups: [{name: g, rules: [{alert: A, expr: '('}]}]"}, check
        )
    assert any("parse error" in problem for problem in caught.value.problems)
    assert (tmp_path / "rules/claude-memory.yml").read_text() == good["rules/claude-memory.yml"]


def test_rules_of_a_former_profile_are_removed(tmp_path: Path) -> None:
    replace_files(tmp_path, {"prometheus.yml": "a", "rules/old.yml": "b"}, lambda folder: None)
    assert replace_files(tmp_path, {"prometheus.yml": "a", "rules/new.yml": "b"}, lambda folder: None) == [
        "rules/new.yml",
        "rules/old.yml",
    ]
    assert sorted(path.name for path in (tmp_path / "rules").iterdir()) == ["new.yml"]


def test_the_unpacked_alertmanager_finds_its_templates(tools: dict[str, Tool]) -> None:
    alertmanager = tools["amtool"].path.with_name("prometheus-alertmanager")
    assert (alertmanager.parents[2] / "usr/share/prometheus/alertmanager/default.tmpl").exists()
    assert b"/usr/share/prometheus/alertmanager" not in alertmanager.read_bytes()
    subprocess.run([alertmanager, "--version"], check=True, capture_output=True)
