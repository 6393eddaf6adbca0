"""A STAND-IN for the Qdrant server, which cannot be had on every test machine. It is not Qdrant.

It keeps points in memory and speaks the ten REST operations that the memory server uses. Every request and every
answer is checked against Qdrant's published API description (tests/data/qdrant-openapi-extract.json); a request that
breaks the contract gets 400 and is kept in ``violations``. Set CMCTL_TEST_QDRANT_URL to run the same tests against a
real server.
"""

import json
import math
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

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
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler(self))
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
        """Status and JSON for one request."""
        template, name = _match(path)
        operation = OPERATIONS.get((method, template))
        if operation is None:
            return 404, _error("no such operation")
        problems = self.contract.request_problems(template, method.lower(), body)
        if problems:
            self.violations += [f"{method} {path}: {problem}" for problem in problems]
            return 400, _error("; ".join(problems))
        if name not in self.collections and operation not in (_exists, _create, _drop):
            return 404, _error(f"Not found: Collection `{name}` doesn't exist!")
        try:
            answer = {"result": operation(self.collections, name, body or {}), "status": "ok", "time": 0.0001}
        except ValueError as error:
            return 400, _error(str(error))
        own_problems = self.contract.answer_problems(template, method.lower(), answer)
        assert not own_problems, own_problems
        return 200, answer


def _error(text: str) -> dict[str, Any]:
    return {"status": {"error": text}, "time": 0.0, "result": None}


def _match(path: str) -> tuple[str, str]:
    parts = path.split("?")[0].strip("/").split("/")
    name = parts[1] if len(parts) > 1 else ""
    return "/" + "/".join([parts[0], "{collection_name}", *parts[2:]]), name


Collections = dict[str, dict[str, Any]]


def _exists(collections: Collections, name: str, _body: Any) -> Any:
    return {"exists": name in collections}


def _create(collections: Collections, name: str, body: Any) -> Any:
    collections[name] = {"vectors": body["vectors"], "metadata": body.get("metadata"), "points": {}}
    return True


def _drop(collections: Collections, name: str, _body: Any) -> Any:
    return collections.pop(name, None) is not None


def _info(collections: Collections, name: str, _body: Any) -> Any:
    collection = collections[name]
    return {
        "status": "green",
        "optimizer_status": "ok",
        "indexed_vectors_count": 0,
        "points_count": len(collection["points"]),
        "segments_count": 1,
        "config": {
            "params": {"vectors": collection["vectors"]},
            "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
            "optimizer_config": {
                "deleted_threshold": 0.2,
                "vacuum_min_vector_number": 1000,
                "default_segment_number": 0,
                "flush_interval_sec": 5,
            },
            "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0, "wal_retain_closed": 1},
            "metadata": collection["metadata"],
        },
        "payload_schema": {},
    }


def _index(_collections: Collections, _name: str, _body: Any) -> Any:
    return {"operation_id": 1, "status": "completed"}


def _upsert(collections: Collections, name: str, body: Any) -> Any:
    for point in body["points"]:
        collections[name]["points"][point["id"]] = point
    return {"operation_id": 2, "status": "completed"}


def _delete(collections: Collections, name: str, body: Any) -> Any:
    for id in body["points"]:
        collections[name]["points"].pop(id, None)
    return {"operation_id": 3, "status": "completed"}


def _query(collections: Collections, name: str, body: Any) -> Any:
    wanted = body.get("filter") or {}
    query = body["query"]["nearest"] if isinstance(body["query"], dict) else body["query"]
    size = collections[name]["vectors"]["size"]
    if len(query) != size:
        raise ValueError(f"Wrong input: Vector dimension error: expected dim: {size}, got {len(query)}")
    points = [point for point in collections[name]["points"].values() if _passes(point["payload"], wanted)]
    scored = sorted(((_cosine(query, point["vector"]), point["id"]) for point in points), reverse=True)
    return {"points": [{"id": id, "version": 0, "score": score} for score, id in scored[: body["limit"]]]}


def _scroll(collections: Collections, name: str, body: Any) -> Any:
    ids = sorted(id for id in collections[name]["points"] if body.get("offset") is None or id >= body["offset"])
    page = ids[: body["limit"]]
    following = ids[len(page)] if len(ids) > len(page) else None
    return {"points": [{"id": id} for id in page], "next_page_offset": following}


def _count(collections: Collections, name: str, _body: Any) -> Any:
    return {"count": len(collections[name]["points"])}


def _passes(payload: dict[str, Any], wanted: dict[str, Any]) -> bool:
    for condition in wanted.get("must") or []:
        value = payload[condition["key"]]
        if (match := condition.get("match")) and value != match["value"]:
            return False
        if limits := condition.get("range"):
            low, high = limits.get("gte"), limits.get("lt")
            if (low is not None and value < low) or (high is not None and value >= high):
                return False
    return True


def _cosine(left: list[float], right: list[float]) -> float:
    norm = math.hypot(*left) * math.hypot(*right)
    return sum(a * b for a, b in zip(left, right, strict=True)) / norm if norm else 0.0


OPERATIONS: dict[tuple[str, str], Callable[[Collections, str, Any], Any]] = {
    ("GET", "/collections/{collection_name}/exists"): _exists,
    ("GET", "/collections/{collection_name}"): _info,
    ("PUT", "/collections/{collection_name}"): _create,
    ("DELETE", "/collections/{collection_name}"): _drop,
    ("PUT", "/collections/{collection_name}/index"): _index,
    ("PUT", "/collections/{collection_name}/points"): _upsert,
    ("POST", "/collections/{collection_name}/points/delete"): _delete,
    ("POST", "/collections/{collection_name}/points/query"): _query,
    ("POST", "/collections/{collection_name}/points/scroll"): _scroll,
    ("POST", "/collections/{collection_name}/points/count"): _count,
}


def _handler(stand_in: QdrantStandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, answer = stand_in.answer(self.command, self.path, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = _serve

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    return Handler
