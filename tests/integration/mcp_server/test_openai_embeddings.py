"""The embedder for endpoints with OpenAI's interface, against a local HTTP server that speaks it."""

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mcp_server.adapters.embeddings.openai import BATCH, OpenAIEmbedder
from mcp_server.config import Embeddings, Secret
from mcp_server.errors import EmbeddingsUnavailable

Answer = Callable[[dict[str, Any]], tuple[int, Any]]


class Endpoint:
    """Keeps the requests it got; ``answer`` decides what it says."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, Any], str | None]] = []
        self.answer: Answer = lambda body: (200, {"data": [_item(index, text) for index, text in _texts(body)][::-1]})


def _texts(body: dict[str, Any]) -> list[tuple[int, str]]:
    return list(enumerate(body["input"]))


def _item(index: int, text: str) -> dict[str, Any]:
    return {"object": "embedding", "index": index, "embedding": [float(len(text)), 1.0]}


@pytest.fixture
def endpoint() -> Iterator[tuple[Endpoint, str]]:
    made = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.requests.append((body, self.headers.get("Authorization")))
            status, answer = made.answer(body) if self.path == "/v1/embeddings" else (404, {})
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield made, f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


@pytest.fixture
async def embedder(endpoint: tuple[Endpoint, str], tmp_path: Path) -> AsyncIterator[OpenAIEmbedder]:
    (tmp_path / "key").write_text("sk-test\n", encoding="utf-8")
    key = Secret(file=tmp_path / "key")
    made = OpenAIEmbedder(Embeddings(provider="openai", model="m", url=endpoint[1], dimension=2, api_key=key))
    yield made
    await made.close()


async def test_vectors_come_in_the_order_of_the_texts(embedder: OpenAIEmbedder, endpoint: tuple[Endpoint, str]) -> None:
    texts = ["x" * length for length in range(BATCH + 2)]
    assert await embedder.embed(texts) == [[float(length), 1.0] for length in range(BATCH + 2)]
    requests = endpoint[0].requests
    assert [len(body["input"]) for body, _ in requests] == [BATCH, 2]
    assert {key for _, key in requests} == {"Bearer sk-test"}
    assert embedder.name == "openai/m"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        pytest.param((500, {}), "answers 500", id="failure"),
        pytest.param((401, {"error": "bad key"}), "answers 401", id="wrong key"),
        pytest.param((200, {"hello": 1}), "something else", id="not embeddings"),
        pytest.param((200, {"data": []}), "expected 1 vectors of 2", id="too few"),
        pytest.param((200, {"data": [{"index": 0, "embedding": [1.0]}]}), "expected 1 vectors of 2", id="too short"),
    ],
)
async def test_a_wrong_answer_is_a_typed_error(
    embedder: OpenAIEmbedder, endpoint: tuple[Endpoint, str], answer: tuple[int, Any], problem: str
) -> None:
    endpoint[0].answer = lambda body: answer
    with pytest.raises(EmbeddingsUnavailable, match=problem) as caught:
        await embedder.embed(["x"])
    assert "sk-test" not in str(caught.value)


async def test_no_answer_is_a_typed_error() -> None:
    embedder = OpenAIEmbedder(Embeddings(provider="openai", model="m", url="http://127.0.0.1:9/v1", dimension=2))
    with pytest.raises(EmbeddingsUnavailable, match=r"127\.0\.0\.1:9"):
        await embedder.embed(["x"])
    await embedder.close()
