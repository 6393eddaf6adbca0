"""cmctl status and cmctl diagnose on a real stack: whole, with a dead part, with a daemon that hangs."""

import os
import signal
import socket
from typing import Any

import pytest

from tests.support.stack import EmbeddedStack, wait_until

pytestmark = pytest.mark.stack
# How busy the machine of the tests is says nothing about the stack.
NOT_OURS = {"cpu", "memory", "disk"}


def states(stack: EmbeddedStack) -> dict[str, str]:
    """State of each check that is about the stack."""
    return {check["name"]: check["state"] for check in stack.json("status")["checks"] if check["name"] not in NOT_OURS}


def finding(findings: list[dict[str, Any]], step: str) -> dict[str, Any]:
    return next(item for item in findings if item["step"] == step)


def test_a_healthy_stack(running_stack: EmbeddedStack) -> None:
    wait_until(lambda: set(states(running_stack).values()) == {"OK"}, what="every check OK")
    told = running_stack.json("status")
    assert {component["state"] for component in told["components"]} == {"RUNNING"}
    assert told["source"] == "direct+daemon"
    assert (told["daemon"]["is_reachable"], told["alerts_known"]) == (True, True)
    assert {resource["name"] for resource in told["resources"]} == {
        *("disk", "memory", "cpu", "database_size", "response_time")
    }
    assert all(check["age_seconds"] <= 60 for check in told["checks"])


def test_nothing_is_found_on_a_healthy_stack(running_stack: EmbeddedStack) -> None:
    def is_clean() -> bool:
        findings = running_stack.json("diagnose")
        assert {item["tree"] for item in findings} == {"mcp", "postgresql", "qdrant", "alerting"}
        return not [item for item in findings if item["outcome"] == "FAULTY" and item["step"] not in NOT_OURS]

    wait_until(is_clean, what="a diagnosis without a fault")


def test_a_daemon_that_hangs_never_looks_well(own_stack: EmbeddedStack) -> None:
    own_stack.configure({"checks": {"timeout_seconds": 1}})
    own_stack.up("postgresql", "controlplane")
    pid = own_stack.pid("controlplane")
    os.kill(pid, signal.SIGSTOP)
    try:
        told = own_stack.json("status")
    finally:
        os.kill(pid, signal.SIGCONT)
    check = next(item for item in told["checks"] if item["name"] == "controlplane_http")
    assert (check["state"], told["daemon"]["is_reachable"]) == ("UNKNOWN", False)
    assert told["state"] == "CRITICAL"


def test_cause_and_remedy_of_a_half_broken_stack(own_stack: EmbeddedStack) -> None:
    own_stack.up("postgresql", "controlplane")
    secret = own_stack.data_dir / "secrets" / "postgresql_memory_password"
    right = secret.read_text(encoding="utf-8")
    secret.write_text("wrong\n", encoding="utf-8")
    with socket.create_server(("127.0.0.1", own_stack.port("mcp_server"))):
        ran = own_stack.cmctl("diagnose", "mcp")
        findings = own_stack.json("diagnose", "all")
    secret.write_text(right, encoding="utf-8")
    assert ran.returncode == 1
    assert "cause:  another program holds the port of the memory server" in ran.stdout
    assert f"pid {os.getpid()}" in finding(findings, "mcp_server_port")["detail"]
    login = finding(findings, "memory_login")
    assert (login["outcome"], "password authentication failed" in login["detail"]) == ("FAULTY", True)
    assert "wrong" not in str(findings)
    assert finding(findings, "prometheus_process")["outcome"] == "FAULTY"
    assert finding(findings, "webhook")["outcome"] == "FINE"
    assert finding(findings, "controlplane_schema")["outcome"] == "FINE"


def test_a_component_that_is_stopped(own_stack: EmbeddedStack) -> None:
    own_stack.up("postgresql", "controlplane")
    own_stack.down("postgresql")
    ran = own_stack.cmctl("status")
    assert ran.returncode == 2
    told = own_stack.json("status")
    found = {check["name"]: check["state"] for check in told["checks"]}
    assert (found["postgresql_service"], found["postgresql"]) == ("CRITICAL", "CRITICAL")
    assert any("cmctl up" in hint for hint in told["hints"])
