"""The operations of the STAND-IN for the Qdrant server (see qdrant_stand_in.py), with the standard library alone.

`python qdrant_operations.py --config-path FILE` serves them as the program in a release archive would, for hosts that
have nothing but Python.
"""

import json
import math
import re
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Answer = Callable[[str, str, Any], tuple[int, Any]]


def answer(collections: "Collections", method: str, path: str, body: Any) -> tuple[int, Any]:
    """Status and JSON for one request."""
    template, name = match(path)
    operation = OPERATIONS.get((method, template))
    if operation is None:
        return 404, error("no such operation")
    if name not in collections and operation not in MAY_BE_MISSING:
        return 404, error(f"Not found: Collection `{name}` doesn't exist!")
    try:
        return 200, {"result": operation(collections, name, body or {}), "status": "ok", "time": 0.0001}
    except ValueError as problem:
        return 400, error(str(problem))


def error(text: str) -> dict[str, Any]:
    return {"status": {"error": text}, "time": 0.0, "result": None}


def match(path: str) -> tuple[str, str]:
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
MAY_BE_MISSING = (_exists, _create, _drop)


def handler(answer_request: Answer) -> type[BaseHTTPRequestHandler]:
    """An HTTP handler that answers every request with this function."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, document = answer_request(self.command, self.path, body)
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = _serve

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    return Handler


def serve(config: str) -> None:
    """Listen where Qdrant's configuration says, and answer its health page too."""
    host, port = (re.search(rf"^ +{key}: *\"?([^\"\n]+)", config, re.MULTILINE) for key in ("host", "http_port"))
    assert host, "service.host is missing"
    assert port, "service.http_port is missing"
    collections: Collections = {}

    def answer_request(method: str, path: str, body: Any) -> tuple[int, Any]:
        if (method, path) in (("GET", "/readyz"), ("GET", "/healthz")):
            return 200, "all shards are ready"
        if (method, path) == ("GET", "/"):
            return 200, {"title": "a stand-in for qdrant", "version": "0.0.0"}
        return answer(collections, method, path, body)

    ThreadingHTTPServer((host[1], int(port[1])), handler(answer_request)).serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[sys.argv.index("--config-path") + 1]).read_text(encoding="utf-8"))
