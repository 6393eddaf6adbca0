"""The channels' own servers, played on loopback: a proxy that ends TLS for every host and remembers what came in."""

import datetime
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Post:
    """One request: the host it meant, its path, and its body."""

    host: str
    path: str
    body: bytes


@dataclass
class Channels:
    """Answers every request with ``status`` and ``answer``. ``environment`` leads a process's requests here."""

    environment: dict[str, str]
    status: int = 200
    answer: Any = None
    posts: list[Post] = field(default_factory=list)


@contextmanager
def played_channels(folder: Path, hosts: list[str]) -> Iterator[Channels]:
    """Play the servers of these hosts for the length of a block."""
    certificate = _certificate(folder, hosts)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    class Inside(BaseHTTPRequestHandler):
        """A request inside the tunnel."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            channels.posts.append(Post(self.headers["Host"], self.path, body))
            answer = channels.answer if isinstance(channels.answer, bytes) else json.dumps(channels.answer).encode()
            self.send_response(channels.status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Proxy(BaseHTTPRequestHandler):
        """The proxy that is asked for a tunnel."""

        def do_CONNECT(self) -> None:
            self.send_response(200)
            self.end_headers()
            with context.wrap_socket(self.connection, server_side=True) as inner:
                Inside(inner, self.client_address, self.server)
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    proxy = f"http://127.0.0.1:{server.server_port}"
    channels = Channels({"HTTPS_PROXY": proxy, "NO_PROXY": "", "REQUESTS_CA_BUNDLE": str(certificate)})
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.05), daemon=True)
    thread.start()
    try:
        yield channels
    finally:
        server.shutdown()
        server.server_close()


def _certificate(folder: Path, hosts: list[str]) -> Path:
    """A certificate for these hosts that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "played channels")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "channels.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path
