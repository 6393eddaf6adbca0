"""The tests are shared out to processes so that only one of these starts the running stack."""

from tests.conftest import ON_THE_RUNNING_STACK
from tests.support.rules import ROOT


def test_every_file_that_uses_the_running_stack_is_named() -> None:
    using = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("test_*.py")
        if "running_stack:" in path.read_text(encoding="utf-8") and path.name != "test_sharing_out.py"
    }
    assert using == ON_THE_RUNNING_STACK
