"""Filters that let the roles use the schema and the rendering of the control plane itself.

They run on the machine that starts ansible-playbook, in the environment that
`scripts/bootstrap.sh requirements-deploy.lock` makes. So a setting that the
schema refuses is refused before the first host is touched, and what the roles
write is what `cmctl up` writes.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

CHECKOUT = Path(__file__).resolve().parents[2]
COMPONENTS = ("postgresql", "qdrant", "mcp_server", "controlplane", "node_exporter", "alertmanager", "prometheus")
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


def rendered(raw: Mapping[str, Any], name: str) -> str:
    """Text of the configuration file ``name`` (prometheus.yml, alertmanager.yml) under these settings."""
    from controlplane.adapters.templates import TemplateFolder
    from controlplane.services import rendering

    renderers = {"prometheus.yml": rendering.render_prometheus, "alertmanager.yml": rendering.render_alertmanager}
    if name not in renderers:
        raise AnsibleFilterError(f"no renderer for {name!r}; there are: {', '.join(sorted(renderers))}")
    text: str = renderers[name](_settings(raw), TemplateFolder(CHECKOUT / "templates"))
    return text.replace(rendering.MANAGED, MANAGED)


def rendered_rules(raw: Mapping[str, Any]) -> dict[str, str]:
    """File name -> text of every rule file of the profile."""
    settings = _settings(raw)
    files = {}
    # As in `cmctl up`: the profile's own rules must exist; those generated from its service level objectives may.
    for name in (f"{settings.profile}.yml", f"slo-{settings.profile}.yml"):
        path = CHECKOUT / "alert_rules" / name
        if path.exists() or name == f"{settings.profile}.yml":
            files[name] = _rendered_rule_file(path, settings)
    return files


def _rendered_rule_file(path: Path, settings: Any) -> str:
    import yaml

    from controlplane.errors import CmctlError
    from controlplane.services import rendering

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        rules = rendering.render_profile_rules(path.stem, document, settings)
    except (OSError, CmctlError) as error:
        raise AnsibleFilterError(f"alert rules {path}: {error}; set `profile` to an existing one") from error
    text = yaml.safe_dump(rules, sort_keys=False, allow_unicode=True, width=120)
    return f"# {MANAGED}\n{text}"


def known_variables(_: Any) -> list[str]:
    """Every variable that a role or the deployment as a whole reads from the inventory."""
    import yaml

    known: set[str] = set()
    for specs in CHECKOUT.glob("roles/*/meta/argument_specs.yml"):
        document = yaml.safe_load(specs.read_text(encoding="utf-8"))
        known.update(document["argument_specs"]["main"]["options"])
    return sorted(known)


def argument_spec_of(component: str) -> dict[str, Any]:
    """The types of a component's variables, without the defaults, which the role knows and the spec only tells of."""
    import yaml

    text = (CHECKOUT / "roles" / component / "meta/argument_specs.yml").read_text(encoding="utf-8")
    options: dict[str, Any] = yaml.safe_load(text)["argument_specs"]["main"]["options"]
    return {name: {key: item for key, item in option.items() if key != "default"} for name, option in options.items()}


def managed_header(_: Any) -> str:
    """The first line of every file that the deployment writes, without its comment sign."""
    return MANAGED


def components_of(groups: list[str]) -> list[str]:
    """The components among a host's groups, in the order in which they start."""
    return [component for component in COMPONENTS if component in groups]


def _settings(raw: Mapping[str, Any]) -> Any:
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
        return parse({**DEPLOYED, **_plain(raw)}, "claude_memory_settings")
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
            "claude_memory_checked": checked_settings,
            "claude_memory_deployed": deployed,
            "claude_memory_rendered": rendered,
            "claude_memory_rules": rendered_rules,
            "claude_memory_variables": known_variables,
            "claude_memory_argument_spec": argument_spec_of,
            "claude_memory_managed": managed_header,
            "claude_memory_components": components_of,
        }
