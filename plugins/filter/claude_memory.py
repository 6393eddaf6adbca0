"""Filters that let the roles use the schema and the rendering of the control plane itself.

They run on the machine that starts ansible-playbook, in the environment that
`scripts/bootstrap.sh requirements-deploy.lock` makes. So a setting that the
schema refuses is refused before the first host is touched, and what the roles
write is what `cmctl up` writes.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

CHECKOUT = Path(__file__).resolve().parents[2]
COMPONENTS = ("postgresql", "qdrant", "mcp_server", "controlplane", "node_exporter", "alertmanager", "prometheus")
# Component -> those that speak to it over HTTP, wherever they are.
USERS = {
    "qdrant": ("mcp_server", "controlplane"),
    "mcp_server": ("controlplane", "prometheus"),
    "controlplane": ("prometheus", "alertmanager"),
    "node_exporter": ("prometheus",),
    "alertmanager": ("controlplane", "prometheus"),
    "prometheus": ("controlplane",),
}
DEPLOYED = {"mode": "deployed", "data_dir": "/var/lib/claude-memory"}
MANAGED = "Written by ansible-playbook site.yml; changes are overwritten. Edit the inventory and run it again"


def checked_settings(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with every default filled in. Raises AnsibleFilterError with every problem and its path."""
    return _settings(raw).model_dump(mode="json")


def deployed(raw: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """What cmctl.yml says on a deployed host: the inventory's settings and what the roles know. Checked as a whole."""
    merged = _merged({**DEPLOYED, **_plain(raw)}, _plain(overrides))
    _settings(merged)
    return merged


def topology(groups: Mapping[str, list[str]], hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Which hosts have which component, each host's address, each component's port."""
    everyone = [str(host) for host in groups.get("claude_memory", [])]
    hosts = {component: [str(host) for host in groups.get(component, [])] for component in COMPONENTS}
    settings = _settings(hostvars[everyone[0]].get("claude_memory_settings") or {})
    ports = {component: settings.port(component) for component in COMPONENTS}
    for component in COMPONENTS:
        given = hostvars[hosts[component][0]].get(f"{component}_port") if hosts[component] else None
        if given is not None and str(given).isdigit():
            ports[component] = int(given)
    addresses = {
        host: str(hostvars[host].get("claude_memory_address") or hostvars[host].get("ansible_host") or host)
        for host in everyone
    }
    return {"hosts": hosts, "addresses": addresses, "ports": ports}


def effective(raw: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The inventory's settings and what follows from where the components are. What the inventory says wins."""
    hosts, ports = known["hosts"], {name: int(port) for name, port in known["ports"].items()}
    derived: dict[str, Any] = {}
    if hosts["qdrant"]:
        derived["vectors"] = {"kind": "server", "url": f"http://127.0.0.1:{ports['qdrant']}"}
    if len(known["addresses"]) > 1:
        derived["prometheus"] = {"machines": _machines(known)}
    return _merged(_merged(derived, _plain(raw)), {"ports": ports, "port_offset": 0})


def _machines(known: Mapping[str, Any]) -> dict[str, str]:
    """Name -> address of every node_exporter as the host of Prometheus reaches it."""
    port = known["ports"]["node_exporter"]
    return {str(host): f"{_loopback(known, host)}:{port}" for host in known["hosts"]["node_exporter"]}


def _loopback(known: Mapping[str, Any], host: str) -> str:
    """Where Prometheus finds a host's node_exporter: each has a loopback address of its own, since ports are equal."""
    if host in known["hosts"]["prometheus"]:
        return "127.0.0.1"
    return f"127.0.1.{1 + sorted(known['hosts']['node_exporter']).index(host)}"


def links(known: Mapping[str, Any], host: str) -> dict[str, list[dict[str, Any]]]:
    """What a host serves to others, and what it reaches on others, through TLS."""
    hosts, ports, addresses = known["hosts"], known["ports"], known["addresses"]
    serves: list[dict[str, Any]] = []
    reaches: list[dict[str, Any]] = []
    for component, users in USERS.items():
        port, is_machine = ports[component], component == "node_exporter"
        for server in hosts[component]:
            clients = sorted({client for user in users for client in hosts[user]} - {server})
            if server == host and clients:
                accept, connect = f"{addresses[host]}:{port}", f"127.0.0.1:{port}"
                serves.append({"component": component, "clients": clients, "accept": accept, "connect": connect})
            if host in clients:
                name = f"{component}-{server}" if is_machine else component
                near = _loopback(known, server) if is_machine else "127.0.0.1"
                accept, connect = f"{near}:{port}", f"{addresses[server]}:{port}"
                reaches.append(
                    {"name": name, "component": component, "host": server, "accept": accept, "connect": connect}
                )
    return {"serves": serves, "reaches": reaches}


def client_networks(known: Mapping[str, Any]) -> list[str]:
    """The hosts, as networks, that connect to PostgreSQL from elsewhere."""
    hosts = {host for component in ("mcp_server", "controlplane") for host in known["hosts"][component]}
    elsewhere = sorted(hosts - set(known["hosts"]["postgresql"]))
    return [str(ip_network(known["addresses"][host])) for host in elsewhere]


def inventory_problems(
    groups: Mapping[str, list[str]],
    hostvars: Mapping[str, Mapping[str, Any]],
    known: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> list[str]:
    """Why an inventory cannot work, and what to do. ``known`` is its topology, ``settings`` what follows from it."""
    everyone = list(known["addresses"])
    given = {str(name) for host in everyone for name in hostvars[host]}
    prefixes = tuple(f"{name}_" for name in (*components_of(list(groups)), "claude_memory"))
    unknown = sorted(name for name in given - known_variables() if name.startswith(prefixes))
    look = "look for a typing error, the variables are listed in roles/*/meta/argument_specs.yml"
    problems = [f"{', '.join(unknown)}: no such variable; {look}"] if unknown else []
    problems += [
        f"the group {name} needs exactly one host"
        for name in ("postgresql", "mcp_server", "controlplane", "prometheus", "alertmanager")
        if len(known["hosts"][name]) != 1
    ]
    if len(known["hosts"]["qdrant"]) > 1:
        problems.append("the group qdrant needs one host, or none to keep the vectors in the memory server")
    if known["hosts"]["qdrant"] and (settings.get("vectors") or {}).get("kind") != "server":
        kind = "claude_memory_settings.vectors.kind"
        problems.append(f"a host is in the group qdrant, but {kind} is not server; leave vectors out")
    return problems + _spread_problems(hostvars, known)


def _spread_problems(hostvars: Mapping[str, Mapping[str, Any]], known: Mapping[str, Any]) -> list[str]:
    """Why the hosts of an inventory with several cannot reach each other; what to set."""
    addresses = known["addresses"]
    names = [f"claude_memory_tls_{part}" for part in ("authority", "certificate", "key")]
    problems = [
        f"give all of {names[0]}, {names[1]} and {names[2]}, or none"
        for host in addresses
        if len({hostvars[host].get(name) is None for name in names}) > 1
    ][:1]
    if len(addresses) < 2:
        return problems
    if any(hostvars[host].get("claude_memory_listen_host") for host in addresses):
        links = "with several, everything listens on loopback and the links between the hosts on claude_memory_address"
        problems.append(f"claude_memory_listen_host is for a single host; {links}: take it out")
    problems += [_address_problem(host, address) for host, address in addresses.items()]
    twice = {address for address in addresses.values() if list(addresses.values()).count(address) > 1}
    problems += [f"{address} is the address of more than one host; give each its own" for address in sorted(twice)]
    return [problem for problem in problems if problem]


def _address_problem(host: str, address: str) -> str:
    remedy = "set claude_memory_address to the IP address under which the other hosts reach it"
    try:
        parsed = ip_address(address)
    except ValueError:
        return f"{host}: {address} is not an IP address; {remedy}"
    return f"{host}: {address} is not reached from elsewhere; {remedy}" if parsed.is_loopback else ""


def credentials_of(raw: Mapping[str, Any]) -> list[str]:
    """Names of the systemd credentials that the settings refer to."""
    found: set[str] = set()

    def look(value: Any) -> None:
        if isinstance(value, Mapping):
            if isinstance(value.get("credential"), str):
                found.add(value["credential"])
            for item in value.values():
                look(item)
        elif isinstance(value, list):
            for item in value:
                look(item)

    look(checked_settings(raw))
    return sorted(found)


def rendered(raw: Mapping[str, Any], name: str, places: Mapping[str, Any] | None = None) -> str:
    """Text of the configuration file ``name`` under these settings, but for what is elsewhere on a deployed host."""
    from controlplane.adapters.templates import TemplateFolder
    from controlplane.services import rendering

    variables = {**rendering.variables_of(name, _settings(raw)), "ansible_managed": MANAGED, **_plain(places or {})}
    return TemplateFolder(CHECKOUT / "templates").render(name, variables)


def rendered_rules(raw: Mapping[str, Any], objectives_file: str = "") -> dict[str, str]:
    """File name -> text of every rule file of the profile, with the rules of the user's own objectives if there are."""
    settings = _settings(raw)
    documents = {}
    # As in `cmctl up`: the profile's own rules must exist; those generated from its service level objectives may.
    for name in (f"{settings.profile}.yml", f"slo-{settings.profile}.yml"):
        path = CHECKOUT / "alert_rules" / name
        if path.exists() or name == f"{settings.profile}.yml":
            documents[name] = _rule_file(path)
    if objectives_file:
        documents[f"slo-{settings.profile}.yml"] = _rules_of_objectives(Path(objectives_file), settings)
    return {name: _rendered_rule_file(name, document, settings) for name, document in documents.items()}


def _rule_file(path: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AnsibleFilterError(f"alert rules {path}: {error}; set `profile` to an existing one") from error


def _rules_of_objectives(path: Path, settings: Any) -> Any:
    from controlplane.config.objectives import load_objectives
    from controlplane.errors import CmctlError, InvalidConfiguration
    from controlplane.services.slo.rules import generate

    try:
        return generate(load_objectives(path, settings.prometheus.scrape_interval_seconds))
    except InvalidConfiguration as error:
        raise AnsibleFilterError("\n".join([f"claude_memory_objectives: {error.message}", *error.problems])) from error
    except (OSError, CmctlError) as error:
        raise AnsibleFilterError(
            f"claude_memory_objectives: {error}; name a file on the machine that runs Ansible"
        ) from error


def _rendered_rule_file(name: str, document: Any, settings: Any) -> str:
    import yaml

    from controlplane.errors import CmctlError
    from controlplane.services import rendering

    try:
        rules = rendering.render_profile_rules(name.removesuffix(".yml"), document, settings)
    except CmctlError as error:
        raise AnsibleFilterError(f"alert rules {name}: {error}") from error
    text = yaml.safe_dump(rules, sort_keys=False, allow_unicode=True, width=120)
    return f"# {MANAGED}\n{text}"


def known_variables() -> set[str]:
    """Every variable that a role or the deployment as a whole reads from the inventory."""
    import yaml

    known: set[str] = set()
    for specs in CHECKOUT.glob("roles/*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(specs.read_text(encoding="utf-8"))["argument_specs"].values():
            known.update(entry["options"])
    return known


def argument_spec_of(role: str) -> dict[str, Any]:
    """The types of a role's variables, without the defaults, which the role knows and the spec only tells of."""
    import yaml

    text = (CHECKOUT / "roles" / role / "meta/argument_specs.yml").read_text(encoding="utf-8")
    (entry,) = yaml.safe_load(text)["argument_specs"].values()
    options: dict[str, Any] = entry["options"]
    return {name: {key: item for key, item in option.items() if key != "default"} for name, option in options.items()}


def duration(seconds: float) -> str:
    """A duration as Prometheus writes it."""
    from controlplane.domain.duration import format_duration

    return format_duration(float(seconds))


def managed_header(_: Any) -> str:
    """The first line of every file that the deployment writes, without its comment sign."""
    return MANAGED


def components_of(groups: list[str], run_tags: Sequence[str] = ("all",)) -> list[str]:
    """The components among a host's groups that a run with these tags is about, in the order in which they start."""
    here = [component for component in COMPONENTS if component in groups]
    if {"all", "tagged"} & set(run_tags):
        return here
    return [name for name in here if any(tag == name or tag.startswith(f"{name}_") for tag in run_tags)]


def _settings(raw: Mapping[str, Any]) -> Any:
    return _parsed(json.dumps(_plain(raw), sort_keys=True))


@cache
def _parsed(raw: str) -> Any:
    if str(CHECKOUT) not in sys.path:
        sys.path.insert(0, str(CHECKOUT))
    try:
        from controlplane.config.load import parse
        from controlplane.errors import InvalidConfiguration
    except ImportError as error:
        raise AnsibleFilterError(
            f"{error.name} is missing; make the environment with: scripts/bootstrap.sh requirements-deploy.lock"
        ) from error
    try:
        return parse({**DEPLOYED, **json.loads(raw)}, "claude_memory_settings")
    except InvalidConfiguration as error:
        raise AnsibleFilterError("\n".join([error.message, *error.problems])) from error


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        inner = result.get(key)
        result[key] = _merged(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return result


def _plain(value: Any) -> Any:
    """The value without Ansible's tags, which the schema's strict types do not know."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Any]:
        """Name -> filter."""
        return {
            "claude_memory_topology": topology,
            "claude_memory_effective": effective,
            "claude_memory_links": links,
            "claude_memory_client_networks": client_networks,
            "claude_memory_inventory_problems": inventory_problems,
            "claude_memory_checked": checked_settings,
            "claude_memory_deployed": deployed,
            "claude_memory_credentials": credentials_of,
            "claude_memory_rendered": rendered,
            "claude_memory_rules": rendered_rules,
            "claude_memory_argument_spec": argument_spec_of,
            "claude_memory_duration": duration,
            "claude_memory_managed": managed_header,
            "claude_memory_components": components_of,
        }
