"""The configuration: schema, file, secrets, template."""

from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from mcp_server.config import Secret
from mcp_server.errors import InvalidConfiguration
from mcp_server.settings_file import load, locate, parse, resolve

TEMPLATE = Path(__file__).parents[3] / "templates" / "mcp.yml.j2"
SMALLEST: dict[str, Any] = {"vectors": {"path": "/tmp/x"}}


def test_little_is_needed() -> None:
    settings = parse(SMALLEST, "test")
    assert (settings.listen.host, settings.listen.port) == ("127.0.0.1", 8080)
    assert settings.embeddings.provider == "wordllama"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param({"colour": "red"}, "colour: Extra inputs are not permitted", id="unknown key"),
        pytest.param({"listen": {"port": 0}}, "listen.port: ", id="port"),
        pytest.param({"listen": {"host": "0.0.0.0"}}, "listen.token is required", id="no token for strangers"),
        pytest.param({"vectors": {"kind": "edge"}}, "vectors: path is required", id="edge without path"),
        pytest.param({"vectors": {"kind": "server"}}, "vectors: url is required", id="server without url"),
        pytest.param({"vectors": {"kind": "server", "url": "file:///x"}}, "vectors.url: ", id="not a web address"),
        pytest.param({"embeddings": {"provider": "openai"}}, "model, url, dimension required", id="openai"),
        pytest.param({"listen": {"token": {}}}, "exactly one of file, environment and credential", id="empty secret"),
        pytest.param({"debug_delay_seconds": 100}, "debug_delay_seconds: ", id="long delay"),
    ],
)
def test_wrong_settings_are_named(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        parse({**SMALLEST, **change}, "test")
    assert any(problem in line for line in caught.value.problems), caught.value.problems


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        parse({"listen": {"port": "x"}, "log": {"level": "loud"}, **SMALLEST}, "test")
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [("- a list", "must be a mapping"), ("a: [", "not valid YAML"), ("", "must be a mapping")],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "mcp.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidConfiguration, match=problem):
        load(path)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        load(tmp_path / "none.yml")
    assert "cmctl up" in str(caught.value.hint)


def test_where_the_configuration_is_looked_for(tmp_path: Path) -> None:
    deployed = tmp_path / "deployed.yml"
    deployed.touch()
    nowhere = tmp_path / "nowhere.yml"
    home = {"HOME": "/home/ann"}
    assert locate(Path("/o.yml"), {"CLAUDE_MEMORY_MCP_CONFIG": "/e.yml"}, deployed, 1000) == Path("/o.yml")
    assert locate(None, {"CLAUDE_MEMORY_MCP_CONFIG": "/e.yml"}, deployed, 1000) == Path("/e.yml")
    assert locate(None, home, deployed, 1000) == deployed
    assert locate(None, {"CMCTL_DATA_DIR": "/d"}, deployed, 1000) == Path("/d/etc/mcp.yml")
    assert locate(None, home, nowhere, 1000) == Path("/home/ann/.local/share/claude-memory/etc/mcp.yml")
    assert locate(None, {**home, "XDG_DATA_HOME": "/x"}, nowhere, 1000) == Path("/x/claude-memory/etc/mcp.yml")
    assert locate(None, home, nowhere, 0) == Path("/var/lib/claude-memory-embedded/etc/mcp.yml")


def test_secrets_come_from_a_file_the_environment_or_systemd(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("sesame\n", encoding="utf-8")
    assert resolve(Secret(file=tmp_path / "secret")) == "sesame"
    assert resolve(Secret(environment="NAME"), {"NAME": "sesame"}) == "sesame"
    assert resolve(Secret(credential="secret"), {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "sesame"


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        (Secret(file=Path("/nowhere/secret")), "cannot be read"),
        (Secret(environment="NAME"), "NAME is not set"),
        (Secret(credential="name"), "/etc/claude-memory/secrets/name"),
    ],
)
def test_a_missing_secret_says_where_it_was_looked_for(secret: Secret, problem: str) -> None:
    with pytest.raises(InvalidConfiguration, match=problem):
        resolve(secret, {})


@pytest.mark.parametrize("kind", ["edge", "server"])
def test_the_template_gives_a_valid_configuration(kind: str) -> None:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        ansible_managed="managed",
        listen_host="127.0.0.1",
        mcp_port=18080,
        mcp_token_file="/d/secrets/mcp_token",
        postgresql_host="127.0.0.1",
        postgresql_port=15432,
        postgresql_database="claude_memory_db",
        postgresql_user="claude_memory",
        postgresql_password_file="/d/secrets/postgresql_memory_password",
        vectors_kind=kind,
        vectors_path="/d/qdrant",
        vectors_url="http://127.0.0.1:6333",
        embedding_provider="openai",
        embedding_settings={
            "model": "m",
            "dimension": 8,
            "url": "http://127.0.0.1:1/v1",
            "api_key": {"file": "/d/key"},
        },
        debug_delay_seconds=0,
    )
    settings = parse(yaml.safe_load(text), "template")
    assert settings.listen.port == 18080
    assert settings.vectors.kind == kind
    assert (settings.embeddings.model, settings.embeddings.dimension) == ("m", 8)
