"""Every command of the runbook, run against a real stack as the runbook's reader would type it."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.config.schema import Ports
from tests.support.runbook import ROOT, Block, blocks
from tests.support.stack import CMCTL, EmbeddedStack

PLUGIN_CODES = range(4)
DEFAULT_PORTS = {str(field.default) for field in Ports.model_fields.values()}
_PORT = re.compile(rf"\b(?:{'|'.join(DEFAULT_PORTS)})\b")


def chosen(how: str) -> list[object]:
    """Blocks that are run in this way, named by their first line."""
    return [
        pytest.param(block, id=f"line {block.line}: {block.commands.splitlines()[0][:50]}")
        for block in blocks()
        if block.how == how
    ]


@pytest.fixture(scope="module")
def throwaway_stack() -> Iterator[EmbeddedStack]:
    stack = EmbeddedStack()
    try:
        yield stack
    finally:
        stack.remove()


def shell(stack: EmbeddedStack, commands: str) -> subprocess.CompletedProcess[str]:
    """Run commands with bash in the project's folder, its environment active and the stack's ports in place."""
    commands = _PORT.sub(lambda match: str(int(match[0]) + stack.port_offset), commands)
    environment = {
        **stack.environment,
        "PATH": f"{CMCTL.parent}:{stack.environment['PATH']}",
        "CMCTL_DATA_DIR": str(stack.data_dir),
    }
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=_folder_with_environment(),
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def _folder_with_environment() -> Path:
    """The project's folder; the commands reach programs through its .venv."""
    assert (ROOT / ".venv").exists(), "make test runs from the project's folder with its .venv"
    return ROOT


@pytest.mark.parametrize("block", chosen(""))
def test_the_commands_succeed(running_stack: EmbeddedStack, block: Block) -> None:
    result = shell(running_stack, block.commands)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]


@pytest.mark.parametrize("block", chosen("status"))
def test_the_state_commands_answer(running_stack: EmbeddedStack, block: Block) -> None:
    for command in block.commands.splitlines():
        result = shell(running_stack, command)
        assert result.returncode in PLUGIN_CODES, result.stderr
        assert result.stdout
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize("block", chosen("own"))
def test_the_changing_commands_succeed(throwaway_stack: EmbeddedStack, block: Block) -> None:
    result = shell(throwaway_stack, block.commands)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
