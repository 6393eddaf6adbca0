"""What can be said about roles and inventories without a host."""

import json
from pathlib import Path

import pytest
import yaml

from tests.deploy.harness.commands import run

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


def test_the_readme_leads_from_an_inventory_of_ones_own_to_a_green_host() -> None:
    readme = (CHECKOUT / "README.md").read_text()
    commands = [line.partition("  #")[0].strip() for line in readme.splitlines() if "inventories/" in line]
    # The tests of a single host run these, with this inventory and the host's name and address in it.
    assert commands == [
        "cp -r inventories/single_host inventories/mine",
        ".venv/bin/ansible-playbook -i inventories/mine site.yml --check --diff",
        ".venv/bin/ansible-playbook -i inventories/mine site.yml",
        ".venv/bin/ansible-playbook -i inventories/mine playbooks/verify.yml",
    ]
