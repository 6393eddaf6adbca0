"""Which checks run, with which limits."""

from pathlib import Path
from typing import Any, get_args

import pytest

from controlplane.adapters.probes.table import PROBES
from controlplane.config.check_kinds import CHECK_KINDS
from controlplane.config.default_checks import SERVICES, default_definitions, definitions, local_url
from controlplane.config.load import parse
from controlplane.config.schema import COMPONENTS, CheckKind, Settings
from controlplane.domain.check import Limits
from controlplane.errors import InvalidConfiguration
from controlplane.wiring.checks import check_specs


def settings(**changes: Any) -> Settings:
    return parse({"data_dir": "/data", **changes}, "test")


def test_every_kind_has_a_probe_and_words() -> None:
    assert set(PROBES) == set(CHECK_KINDS) == set(get_args(CheckKind))


def test_every_component_is_checked() -> None:
    names = {definition.name for definition in default_definitions(settings())}
    assert set(SERVICES) == set(COMPONENTS)
    assert {f"{component}_service" for component in COMPONENTS} <= names


def test_thresholds_of_the_runbook_are_the_limits() -> None:
    limits = {spec.name: spec.limits for spec in check_specs(settings())}
    assert limits["disk"] == Limits(80, 90)
    assert limits["memory"] == Limits(85, 95)
    assert limits["cpu"] == Limits(80, 90)
    assert limits["response_time"] == Limits(5, 10)
    assert limits["database_size"] == Limits(1e9, 2e9)


def test_changed_thresholds_change_the_limits() -> None:
    changed = settings(thresholds={"disk_used_percent": {"warning": 1, "critical": 2}})
    assert {spec.name: spec.limits for spec in check_specs(changed)}["disk"] == Limits(1, 2)


def test_the_users_check_replaces_the_built_in_one_in_its_place() -> None:
    own = {"name": "disk", "kind": "disk", "target": "/srv", "warning": 50, "critical": 60}
    further = {"name": "web", "kind": "tcp", "target": "localhost:80"}
    changed = settings(checks={"definitions": [further, own], "disabled": ["cpu"]})
    names = [definition.name for definition in definitions(changed)]
    expected = [d.name for d in default_definitions(settings()) if d.name != "cpu"]
    assert names == [*expected, "web"]
    disk = next(spec for spec in check_specs(changed) if spec.name == "disk")
    assert (disk.target, disk.limits) == ("/srv", Limits(50, 60))


def test_days_left_are_worse_when_fewer() -> None:
    tls = {"name": "tls", "kind": "certificate", "target": "example.org:443"}
    specs = check_specs(settings(checks={"definitions": [tls]}))
    assert specs[-1].limits == Limits(21, 7, lower_is_worse=True)
    own = check_specs(settings(checks={"definitions": [{**tls, "warning": 30, "critical": 10}]}))
    assert own[-1].limits == Limits(30, 10, lower_is_worse=True)
    assert own[-1].host == "example.org"


@pytest.mark.parametrize(
    ("checks", "problem"),
    [
        pytest.param({"disabled": ["nope"]}, "checks.disabled: there is no check 'nope'", id="unknown name"),
        pytest.param(
            {"definitions": [{"name": "x", "kind": "tcp"}]},
            "checks.definitions.0: target is required for kind 'tcp'",
            id="no target",
        ),
        pytest.param(
            {"definitions": [{"name": "x", "kind": "cpu", "warning": 9, "critical": 8}]},
            "checks.definitions.0: warning must come before critical on the way to worse values",
            id="limits swapped",
        ),
        pytest.param(
            {"definitions": [{"name": "x", "kind": "cpu", "json_field": "a"}]},
            "checks.definitions.0: json_field is for kind 'http'",
            id="a field of another kind",
        ),
        pytest.param(
            {"definitions": [{"name": "x", "kind": "cpu"}, {"name": "x", "kind": "memory"}]},
            "checks: definitions: more than one check is named 'x'",
            id="a name twice",
        ),
        pytest.param(
            {"definitions": [{"name": "x", "kind": "ping", "target": "y"}]},
            "checks.definitions.0.kind:",
            id="unknown kind",
        ),
    ],
)
def test_invalid_checks_are_refused_with_their_path(checks: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        definitions(settings(checks=checks))
    assert any(found.startswith(problem) for found in caught.value.problems)


@pytest.mark.parametrize(
    ("listen_host", "url"),
    [("127.0.0.1", "http://127.0.0.1:9190"), ("0.0.0.0", "http://127.0.0.1:9190"), ("::", "http://[::1]:9190")],
)
def test_components_are_reached_where_they_listen(listen_host: str, url: str) -> None:
    assert local_url(settings(listen_host=listen_host, port_offset=100), "prometheus") == url


def test_a_deployed_qdrant_server_is_a_service_of_its_own() -> None:
    deployed = settings(mode="deployed", vectors={"kind": "server", "url": "http://q:6333"})
    specs = {spec.name: spec for spec in check_specs(deployed)}
    assert "qdrant_service" in specs
    assert (specs["qdrant"].target, specs["qdrant"].host) == ("http://q:6333", "q")
    assert Path(specs["disk"].target) == Path("/data")
