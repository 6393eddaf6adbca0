"""The user's cmctl.yml."""

import pytest
import yaml

from controlplane.adapters.templates import TemplateFolder
from controlplane.config.load import parse
from controlplane.config.paths import resource_dir
from controlplane.services.own_configuration import first_configuration, with_port_offset


def test_the_first_configuration_is_valid_and_has_the_port_offset() -> None:
    text = first_configuration(TemplateFolder(resource_dir("templates")), 1200)
    settings = parse({**yaml.safe_load(text), "data_dir": "/x"}, "cmctl.yml")
    assert (settings.mode, settings.port_offset) == ("embedded", 1200)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("port_offset: 0\n", "port_offset: 7\n"),
        ("# mine\nport_offset: 0  # why\nmode: embedded\n", "# mine\nport_offset: 7  # why\nmode: embedded\n"),
        ("mode: embedded", "mode: embedded\nport_offset: 7\n"),
        ("", "port_offset: 7\n"),
        ("# port_offset: 3\n", "# port_offset: 3\nport_offset: 7\n"),
    ],
)
def test_another_port_offset_changes_that_line_alone(before: str, after: str) -> None:
    assert with_port_offset(before, 7) == after
