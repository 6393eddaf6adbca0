"""What can be said about roles and inventories without a host."""

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from controlplane.adapters.templates import TemplateFolder
from controlplane.config import load as settings_file
from controlplane.services import rendering
from tests.deploy.harness.commands import run
from tests.deploy.harness.renderings import RENDERED_BY_BOTH, RENDERED_BY_ONE

CHECKOUT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.parents[1].name for path in CHECKOUT.glob("roles/*/defaults/main.yml"))
INVENTORIES = sorted(path.parent.name for path in CHECKOUT.glob("inventories/*/hosts.yml"))
PHASES = ("preflight", "install", "configure", "service", "verify")


def load(path: str) -> dict[str, object]:
    return yaml.safe_load((CHECKOUT / path).read_text())


@pytest.mark.parametrize("role", ROLES)
def test_every_default_is_typed_and_every_option_has_a_default(role: str) -> None:
    options = load(f"roles/{role}/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    defaults = load(f"roles/{role}/defaults/main.yml")
    assert set(options) == set(defaults)
    assert all(name.startswith(f"{role}_") for name in defaults)
    assert all({"type", "description"} <= set(option) for option in options.values())


@pytest.mark.parametrize("role", ROLES)
def test_roles_have_the_same_phases_and_a_readme(role: str) -> None:
    tasks = load(f"roles/{role}/tasks/main.yml")
    assert [task["ansible.builtin.import_tasks"] for task in tasks] == [f"{phase}.yml" for phase in PHASES]
    assert [task["tags"] for task in tasks] == [[role, f"{role}_{phase}"] for phase in PHASES]
    assert (CHECKOUT / f"roles/{role}/README.md").exists()


@pytest.mark.parametrize("inventory", INVENTORIES)
def test_inventories_are_complete(inventory: str) -> None:
    command = (".venv/bin/ansible-inventory", "-i", f"inventories/{inventory}", "--list")
    listed = json.loads(run("env", "-C", str(CHECKOUT), *command))
    assert set(ROLES) - {"qdrant"} <= set(listed["claude_memory"]["children"])
    hosts = {
        role: [*listed.get(role, {}).get("hosts", []), *listed.get(role, {}).get("children", [])] for role in ROLES
    }
    assert all(hosts[role] for role in ROLES if role != "qdrant")
    is_spread = len({host for members in hosts.values() for host in members}) > 1
    assert is_spread == (inventory in {"production", "testbed"})


@pytest.mark.parametrize("playbook", sorted(path.name for path in CHECKOUT.glob("playbooks/*.yml")))
def test_playbooks_say_how_they_are_used(playbook: str) -> None:
    assert "# Usage: ansible-playbook" in (CHECKOUT / "playbooks" / playbook).read_text().splitlines()[1]


def test_every_template_is_compared_or_belongs_to_one_way_of_running() -> None:
    """A template that both render and no test compares would be found here."""
    names = {path.name.removesuffix(".j2") for path in CHECKOUT.glob("templates/*.j2")}
    assert names == set(RENDERED_BY_BOTH) | set(RENDERED_BY_ONE)
    assert names - set(RENDERED_BY_ONE) == set(rendering.VARIABLES)
    deployment = "".join(
        path.read_text() for folder in ("roles", "playbooks") for path in (CHECKOUT / folder).rglob("*.yml")
    )
    looked_up = set(re.findall(r"_templates_dir ~ '/([^']+?)\.j2'", deployment))
    assert looked_up, "the roles look templates up in another way now"
    assert {name for name in looked_up if not name.startswith("systemd/")} == set()
    assert set(re.findall(r"claude_memory_rendered\('([^']+)'", deployment)) == set(RENDERED_BY_BOTH)
    embedded = "".join(path.read_text() for path in (CHECKOUT / "controlplane").rglob("*.py"))
    units = {path.name.removesuffix(".j2") for path in CHECKOUT.glob("templates/systemd/*.j2")}
    assert [unit for unit in units if f'"systemd/{unit}' in embedded] == []


ODD = {
    "prometheus": {"scrape_interval_seconds": 7, "evaluation_interval_seconds": 9},
    "alertmanager": {"group_wait_seconds": 3, "resolve_timeout_seconds": 77},
    "backup": {"max_slot_wal_keep_size_mb": 4321},
    "mcp_server": {
        "embedding_provider": "openai", "embedding_model": "m-1", "embedding_dimension": 12,
        "embedding_url": "http://127.0.0.1:9/v1", "embedding_cache_dir": "/var/tmp/m", "debug_delay_seconds": 0.5,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", RENDERED_BY_BOTH)
def test_settings_mean_the_same_in_both_ways_of_running(name: str) -> None:
    embedded = rendering.render(
        name, settings_file.parse({"data_dir": "/data", **ODD}, "test"), TemplateFolder(CHECKOUT / "templates")
    )
    deployed = filters()["claude_memory_rendered"](ODD, name)
    assert RENDERED_BY_BOTH[name].differences(deployed, embedded) <= RENDERED_BY_BOTH[name].differs
    changed = RENDERED_BY_BOTH[name].differences(deployed, filters()["claude_memory_rendered"]({}, name))
    assert changed or name == "pg_hba.conf"


def filters() -> dict[str, Callable[..., Any]]:
    """The filters of the deployment."""
    found: dict[str, Callable[..., Any]] = {}
    for path in CHECKOUT.glob("plugins/filter/*.py"):
        spec = importlib.util.spec_from_file_location(f"filters_{path.stem}", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= module.FilterModule().filters()
    return found


@pytest.mark.parametrize(
    ("url", "public", "apt", "netrc"),
    [
        ("http://m.example/debian", "http://m.example/debian", "", ""),
        (
            "https://ann:p%40ss@m.example:8443/debian/",
            "https://m.example:8443/debian/",
            "machine https://m.example:8443/debian login ann password p@ss",
            "machine m.example login ann password p@ss",
        ),
        ("", "", "", ""),
    ],
)
def test_the_login_of_a_mirror_is_kept_apart(url: str, public: str, apt: str, netrc: str) -> None:
    given = filters()
    names = ("public_address", "apt_login", "netrc_login")
    assert [given[f"claude_memory_{name}"](url) for name in names] == [public, apt, netrc]


@pytest.mark.parametrize("login", ["ann", "ann:", ":s3cr3t", "ann:s3cr3t%20x"])
def test_a_login_that_could_not_be_kept_is_refused_without_naming_it(login: str) -> None:
    with pytest.raises(AnsibleFilterError, match=r"claude_memory_apt_mirror .*without blanks") as caught:
        filters()["claude_memory_apt_login"](f"http://{login}@m.example/debian")
    assert "s3cr3t" not in str(caught.value)
    assert "m.example" in str(caught.value)


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (["all"], ["postgresql", "mcp_server", "prometheus"]),
        (["prometheus_configure", "prometheus_service"], ["prometheus"]),
        (["mcp_server", "links"], ["mcp_server"]),
        (["prometheusx"], []),
    ],
)
def test_a_run_with_tags_is_about_the_components_that_they_name(tags: list[str], found: list[str]) -> None:
    groups = ["prometheus", "claude_memory", "mcp_server", "postgresql"]
    assert filters()["claude_memory_components"](groups, tags) == found


ONE, TWO = {"ansible_host": "192.0.2.1"}, {"ansible_host": "192.0.2.2"}


@pytest.mark.parametrize(
    ("groups", "hosts", "problem"),
    [
        ({}, {"one": ONE, "two": TWO}, ""),
        ({}, {"one": ONE, "two": {**TWO, "prometheus_prot": 1}}, "prometheus_prot: no such variable"),
        ({"alertmanager": []}, {"one": ONE, "two": TWO}, "the group alertmanager needs exactly one host"),
        ({"qdrant": ["one", "two"]}, {"one": ONE, "two": TWO}, "the group qdrant needs one host, or none"),
        ({}, {"one": ONE, "two": ONE}, "192.0.2.1 is the address of more than one host"),
        ({}, {"one": ONE, "two": {**TWO, "claude_memory_tls_key": "k"}}, "give all of claude_memory_tls_authority"),
        ({}, {"one": ONE, "two": {**TWO, "claude_memory_listen_host": "::"}}, "listen_host is for a single host"),
        ({}, {"one": ONE, "two": {}}, "two: two is not an IP address; set claude_memory_address"),
    ],
)
def test_an_inventory_that_cannot_work_is_told_why(
    groups: dict[str, list[str]], hosts: dict[str, dict[str, object]], problem: str
) -> None:
    given = filters()
    spread = {name: ["one"] for name in given["claude_memory_components"](ROLES) if name != "qdrant"}
    spread |= {"claude_memory": ["one", "two"], "node_exporter": ["one", "two"], **groups}
    known = given["claude_memory_topology"](spread, hosts)
    settings = given["claude_memory_effective"]({}, known)
    found = given["claude_memory_inventory_problems"](spread, hosts, known, settings)
    assert len(found) == (1 if problem else 0), found
    assert problem in " ".join(found)


@pytest.mark.parametrize(
    ("claims", "problems"),
    [
        ([], ["postgresql-16 is installed here and not by this", "port 5432 is taken by a program that is not ours"]),
        (["postgresql"], []),
    ],
)
def test_what_somebody_else_runs_on_a_host_is_found(claims: list[str], problems: list[str]) -> None:
    survey = {"claims": claims, "packages": ["postgresql-16", "python3-apt"], "listening": [22, 5432]}
    patterns, ports = ["postgresql", "postgresql-[0-9]*"], {"postgresql_port": "5432"}
    found = filters()["claude_memory_component_problems"](survey, "postgresql", patterns, ports)
    assert [start in sentence for start, sentence in zip(problems, found, strict=True)] == [True] * len(problems)
