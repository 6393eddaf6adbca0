"""Versions of the upstream programs."""

import pytest

from controlplane.domain.tool import TOOLS, TOOLS_OF, format_version, parse_version


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ("prometheus, version 2.42.0+ds (branch: debian/sid, revision: 2.42.0+ds-5+b5)", (2, 42, 0)),
        ("alertmanager, version 0.28.1 (branch: HEAD)\n  build user: x", (0, 28, 1)),
        ("node_exporter, version 1.9.0+ds (branch: debian/sid)", (1, 9, 0)),
        ("prometheus, version v3.0.1 (branch: HEAD)", (3, 0, 1)),
        ("command not found", None),
    ],
)
def test_reads_the_version_out_of_what_the_program_prints(output: str, version: tuple[int, ...] | None) -> None:
    assert parse_version(output) == version


def test_formats_a_version() -> None:
    assert format_version((2, 42)) == "2.42"


def test_every_tool_that_a_component_needs_is_known() -> None:
    assert {name for names in TOOLS_OF.values() for name in names} <= {tool.name for tool in TOOLS}
