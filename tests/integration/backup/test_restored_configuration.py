"""Whether this program can run with the configuration of a set."""

from pathlib import Path

import pytest

from controlplane.config.load import parse
from controlplane.errors import Refused
from controlplane.wiring.restore import require_usable_configuration


@pytest.mark.parametrize("text", [None, "", "mode: embedded\nport_offset: 7\n"])
def test_what_this_version_understands_is_taken(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "cmctl.yml").write_text(text)
    require_usable_configuration(parse({"data_dir": str(tmp_path)}, "test"), tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"), [("backups: {}\n", "backups: "), ("- a list\n", "must be a mapping"), ("a: [\n", "not valid")]
)
def test_what_it_does_not_understand_is_refused_with_the_setting(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "cmctl.yml").write_text(text)
    with pytest.raises(Refused, match="does not fit this version") as refused:
        require_usable_configuration(parse({"data_dir": str(tmp_path)}, "test"), tmp_path)
    assert problem in refused.value.message
