"""Package sources are asked before anything is changed: the module that asks, against servers of this machine."""

import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
CLOSED = "http://somebody:s3cr3t@127.0.0.1:9"  # nothing listens there


class Silent(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, without a word."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """A Debian mirror and a Python index, as far as they are asked."""
    for name in ("dists/trixie/InRelease", "uv/index.html"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("here\n")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *parts: Silent(*parts, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def problems(environment: dict[str, str] | None = None, **options: object) -> list[str]:
    """What the module has to say."""
    command = [CHECKOUT / ".venv/bin/ansible", "localhost", "-c", "local", "-m", "package_sources"]
    arguments = json.dumps({"codename": "trixie", "timeout_seconds": 5, **options})
    done = subprocess.run(
        [*command, "-a", arguments, "-o"],
        cwd=CHECKOUT, env={**os.environ, "ANSIBLE_NOCOLOR": "1", **(environment or {})},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "s3cr3t" not in done.stdout
    return json.loads(done.stdout.partition("=>")[2])["problems"]


def test_sources_that_answer_are_no_problem(mirror: str) -> None:
    assert problems(is_apt_needed=True, mirror=mirror, index=mirror + "/") == []


def test_each_source_that_does_not_answer_is_named_with_what_to_set() -> None:
    said = problems(is_apt_needed=True, mirror=CLOSED, index=CLOSED)
    assert [sentence.split(" does not answer: ")[0] for sentence in said] == [
        "claude_memory_apt_mirror (http://127.0.0.1:9)",
        "the package index http://127.0.0.1:9",
    ]
    assert "Connection refused" in said[0]
    assert said[0].endswith("; set claude_memory_apt_mirror to a mirror that the host reaches")
    assert "onnection refused" in said[1]
    assert said[1].endswith(
        "; set claude_memory_pip_index_url to an index that the host reaches, or claude_memory_wheelhouse"
    )


@pytest.mark.parametrize(
    ("sources", "sentence"),
    [
        (
            f"deb [trusted=yes] {CLOSED}/debian trixie main\n",
            "the package source http://127.0.0.1:9/debian/dists/trixie",
        ),
        ("", "apt has no source of packages; set claude_memory_apt_mirror"),
    ],
)
def test_the_sources_of_the_host_itself_are_asked_through_apt(tmp_path: Path, sources: str, sentence: str) -> None:
    (tmp_path / "sources.list").write_text(sources)
    config = tmp_path / "apt.conf"
    config.write_text(f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\nDir::Etc::sourceparts "-";\n')
    (said,) = problems({"APT_CONFIG": str(config)}, is_apt_needed=True)
    assert said.startswith(sentence)
    assert "claude_memory_apt_mirror to a mirror" in said
