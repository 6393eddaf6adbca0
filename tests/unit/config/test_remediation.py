"""Wrong remedies are refused with a sentence that names what is wrong."""

from typing import Any

import pytest
from pydantic import ValidationError

from controlplane.config.remediation import Remediation

GOOD = {"name": "restart", "matchers": ["alertname=X"], "service": "mcp_server"}


def test_nothing_is_tried_unless_somebody_says_so_and_then_as_a_dry_run() -> None:
    assert not Remediation().enabled
    assert Remediation(remedies=[GOOD]).remedies[0].dry_run


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"matchers": []}, "matchers"),
        ({"matchers": ["alertname"]}, "is not name=value"),
        ({"matchers": ["alertname=~("]}, "regular expression"),
        ({"service": None}, "exactly one"),
        ({"command": ["backup"]}, "exactly one"),
        ({"service": "controlplane"}, "service"),
        ({"service": None, "playbook": "site.yml"}, "absolute path"),
        ({"service": None, "command": []}, "verb of cmctl"),
        ({"service": None, "command": ["restore", "latest"]}, "verb of cmctl"),
        ({"service": None, "command": ["--data-dir", "/"]}, "verb of cmctl"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"cooldown_seconds": 0}, "cooldown_seconds"),
    ],
)
def test_a_wrong_remedy_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Remediation(remedies=[{**GOOD, **changes}])


def test_two_remedies_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="is there twice"):
        Remediation(remedies=[GOOD, GOOD])
