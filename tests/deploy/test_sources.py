"""Package sources are asked before anything is changed: the module that asks, against servers of this machine."""

import base64
import http.server
import json
import os
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
CLOSED = "http://somebody:s3cr3t@127.0.0.1:9"  # nothing listens there


LOGIN = "login somebody password s3cr3t"
BASIC = "Basic " + base64.b64encode(b"somebody:s3cr3t").decode()


class Silent(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, without a word; what is below /closed to those who log in."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def send_head(self) -> Any:
        """Ask for a login where one is needed."""
        if not self.path.startswith("/closed") or self.headers.get("Authorization") == BASIC:
            return super().send_head()
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="closed"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """A Debian mirror and a Python index, as far as they are asked."""
    for name in [
        f"{place}/{name}" for place in (".", "closed") for name in ("dists/trixie/InRelease", "uv/index.html")
    ]:
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


def test_sources_that_want_a_login_get_it(mirror: str) -> None:
    closed = f"{mirror}/closed"
    without = problems(is_apt_needed=True, mirror=closed, index=closed)
    assert len(without) == 2
    assert all("401" in sentence for sentence in without), without
    logins = {"mirror_login": f"machine {closed} {LOGIN}", "index_login": f"machine 127.0.0.1 {LOGIN}"}
    assert problems(is_apt_needed=True, mirror=closed, index=closed, **logins) == []


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


@pytest.mark.parametrize("installer", [("pip",), ("uv", "pip")])
def test_the_installers_find_the_login_of_an_index_where_the_role_keeps_it(
    tmp_path: Path, mirror: str, installer: tuple[str, ...]
) -> None:
    folder = tmp_path / "closed/simple/little"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "little-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("little.py", "")
        wheel.writestr("little-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: little\nVersion: 1\n")
        wheel.writestr("little-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("little-1.dist-info/RECORD", "")
    (folder / "index.html").write_text('<a href="little-1-py3-none-any.whl">little-1-py3-none-any.whl</a>')
    netrc = tmp_path / "netrc"
    netrc.touch(mode=0o600)
    netrc.write_text(f"machine 127.0.0.1 {LOGIN}\n")
    index = f"{mirror}/closed/simple"
    environment = {**os.environ, "PIP_INDEX_URL": index, "UV_DEFAULT_INDEX": index, "UV_NO_CACHE": "1"}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}
    target = tmp_path / "target"
    program = CHECKOUT / ".venv/bin" / installer[0]
    command = [program, *installer[1:], "install", "--quiet", "--no-deps", f"--target={target}", "little"]
    for login, returncode in ({}, 1), ({"NETRC": str(netrc)}, 0):
        done = subprocess.run(command, env={**environment, **login}, stdin=subprocess.DEVNULL, check=False)
        assert (done.returncode != 0) == (returncode != 0)
    assert (target / "little.py").exists()
