"""Peers that behave badly or well on purpose: servers on loopback for tests of clients and probes."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Handler = Callable[[socket.socket], None]


@contextmanager
def serving(handle: Handler) -> Iterator[int]:
    """A TCP server that gives each connection to ``handle`` in a thread of its own; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                threading.Thread(target=_guarded, args=(handle, connection), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


def _guarded(handle: Handler, connection: socket.socket) -> None:
    with suppress(OSError, ValueError):
        handle(connection)


def silent(connection: socket.socket) -> None:
    """Accept, read, never answer."""
    while connection.recv(65536):
        pass


def garbage(connection: socket.socket) -> None:
    """Answer with something that belongs to no protocol."""
    connection.sendall(b"\x00\xff\x13garbage\r\n\r\nmore garbage\n" * 3)
    connection.close()


def hanging_up(connection: socket.socket) -> None:
    """Read the request and hang up."""
    connection.recv(65536)
    connection.close()


def http(body: bytes, status: str = "200 OK", content_type: str = "application/json") -> Handler:
    """Answer every request with the same body."""

    def handle(connection: socket.socket) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.recv(65536)
        connection.sendall(head.encode() + body)
        connection.close()

    return handle


def dripping(connection: socket.socket) -> None:
    """Answer so slowly that a timeout of single reads never passes."""
    import time

    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)
