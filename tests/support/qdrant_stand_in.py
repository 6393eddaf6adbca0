"""A STAND-IN for the Qdrant server, which cannot be had on every test machine. It is not Qdrant.

It keeps points in memory and speaks the ten REST operations that the memory server uses. Every request and every
answer is checked against Qdrant's published API description (tests/data/qdrant-openapi-extract.json); a request that
breaks the contract gets 400 and is kept in ``violations``. Set CMCTL_TEST_QDRANT_URL to run the same tests against a
real server.
"""

import json
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.support.qdrant_operations import OPERATIONS, answer, error, handler, match

EXTRACT = Path(__file__).parent.parent / "data" / "qdrant-openapi-extract.json"


class Contract:
    """Checks JSON against the API description."""

    def __init__(self) -> None:
        self._document = _without_nullable(json.loads(EXTRACT.read_text(encoding="utf-8")))
        resource = Resource.from_contents(self._document, default_specification=DRAFT202012)
        self._registry = Registry().with_resource("urn:qdrant", resource)

    def request_problems(self, template: str, method: str, body: Any) -> list[str]:
        """What is wrong with a request body."""
        operation = self._document["paths"][template][method]
        if "requestBody" not in operation:
            return [] if body is None else ["a body where none is expected"]
        return self._problems(("paths", template, method, "requestBody"), body)

    def answer_problems(self, template: str, method: str, answer: Any) -> list[str]:
        """What is wrong with a successful answer of ours."""
        return self._problems(("paths", template, method, "responses", "200"), answer)

    def _problems(self, place: tuple[str, ...], value: Any) -> list[str]:
        pointer = "/".join(_escaped(part) for part in (*place, "content", "application/json", "schema"))
        validator = Draft202012Validator({"$ref": f"urn:qdrant#/{pointer}"}, registry=self._registry)
        return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


def _without_nullable(node: Any) -> Any:
    """OpenAPI 3.0's ``nullable`` as JSON Schema says it."""
    if isinstance(node, list):
        return [_without_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {key: _without_nullable(value) for key, value in node.items() if key != "nullable"}
    if node.get("nullable") is True:
        if not result:
            return {"type": "null"}
        return {"anyOf": [result, {"type": "null"}]}
    return result


class QdrantStandIn:
    """One server with its collections; ``stop`` and ``start`` again to rehearse an outage, data survive."""

    def __init__(self) -> None:
        self.collections: dict[str, dict[str, Any]] = {}
        self.violations: list[str] = []
        self.contract = Contract()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """URL of the REST interface."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler(self.answer))
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and JSON for one request, both checked."""
        template, _ = match(path)
        if (method, template) not in OPERATIONS:
            return 404, error("no such operation")
        problems = self.contract.request_problems(template, method.lower(), body)
        if problems:
            self.violations += [f"{method} {path}: {problem}" for problem in problems]
            return 400, error("; ".join(problems))
        status, document = answer(self.collections, method, path, body)
        if status == 200:
            own_problems = self.contract.answer_problems(template, method.lower(), document)
            assert not own_problems, own_problems
        return status, document
