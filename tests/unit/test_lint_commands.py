"""The hooks and CI run the same commands as a person: `make lint` and `make test`."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_the_hook_is_make_lint() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [hook["entry"] for repository in config["repos"] for hook in repository["hooks"]] == ["make lint"]


def test_ci_calls_the_commands_of_the_readme() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert any(line.startswith("make test ") for line in lines)
    assert any(line.startswith("make lint ") for line in lines)


def test_the_readme_gives_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "\nmake run\n" in readme
    assert "\nmake test\n" in readme
