"""A Debian mirror that wants a login: a STAND-IN that passes every file on from the real one."""

import base64
import contextlib
import http.server
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

PASSED_ON = ("Content-Length", "Content-Type", "Last-Modified")


@contextlib.contextmanager
def closed_mirror(address: str, upstream: str, user: str, password: str) -> Iterator[str]:
    """Serve ``upstream`` on this address of the machine to those who log in; its URL with the login in it."""
    wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    class Door(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.headers.get("Authorization") != wanted:
                self._end(401, {"WWW-Authenticate": 'Basic realm="mirror"'})
                return
            try:
                with urllib.request.urlopen(upstream.rstrip("/") + self.path, timeout=60) as answer:
                    self._end(200, {name: answer.headers[name] for name in PASSED_ON if answer.headers[name]})
                    shutil.copyfileobj(answer, self.wfile)
            except urllib.error.HTTPError as error:
                self._end(error.code, {})

        def _end(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer((address, 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{user}:{password}@{address}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
