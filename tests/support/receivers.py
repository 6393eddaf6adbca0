"""Real receivers on loopback: an HTTP server that behaves well or badly on order, and an SMTP server."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.postgresql import free_port


@dataclass
class HttpReceiver:
    """Takes messages. ``status`` is what it answers; while ``hangs`` is set it takes the message and does not answer.

    ``statuses`` come first, one for each request.
    """

    port: int
    status: int = 200
    statuses: list[int] = field(default_factory=list)
    hangs: threading.Event = field(default_factory=threading.Event)
    requests: list[dict[str, Any]] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    _released: threading.Event = field(default_factory=threading.Event)

    @property
    def apprise_url(self) -> str:
        """Its URL as Apprise wants it, with a secret in it."""
        return f"json://somebody:s3cr3t-pass@127.0.0.1:{self.port}/hook-t0k3n"

    def messages(self) -> list[str]:
        """What was told, title and body."""
        return [f"{item.get('title', '')}\n{item.get('message', '')}" for item in self.requests]

    def titles(self) -> list[str]:
        """The titles only."""
        return [str(item.get("title", "")) for item in self.requests]


@contextmanager
def http_receiver(port: int | None = None) -> Iterator[HttpReceiver]:
    """A receiver for the length of a block; on a port that was used before, for one that comes back."""
    receiver = HttpReceiver(port or free_port())

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            receiver.arrivals.append(time.time())
            try:
                receiver.requests.append(json.loads(body))
            except ValueError:
                receiver.requests.append({"raw": body.decode()})
            status = receiver.statuses.pop(0) if receiver.statuses else receiver.status
            if receiver.hangs.is_set():
                receiver._released.wait(60)
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", receiver.port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.05), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver._released.set()
        server.shutdown()
        server.server_close()


@dataclass
class Mail:
    """One received message."""

    recipients: list[str]
    content: str


@contextmanager
def smtp_receiver() -> Iterator[tuple[int, list[Mail]]]:
    """An SMTP server; yields its port and what came in."""
    mails: list[Mail] = []

    class Handler:
        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
            content = envelope.content or b""
            text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
            mails.append(Mail(list(envelope.rcpt_tos), text))
            return "250 taken"

    controller = Controller(Handler(), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield controller.port, mails
    finally:
        controller.stop()
