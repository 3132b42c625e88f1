"""A link with latency and a rate for each connection, in front of a server on loopback: bytes, no HTTP.

Each answer waits for the latency once, and each connection passes on so many bytes a second
each way, kept by deadlines, so that the time of passing them on does not add up.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

BLOCK = 256 << 10


@contextlib.contextmanager
def shaped(upstream: str, latency: float, bytes_per_second: float | None = None) -> Iterator[str]:
    """An endpoint that leads to `upstream` over such a link; None: as fast as it goes."""
    parts = urlsplit(upstream)
    assert parts.hostname is not None
    place = (parts.hostname, parts.port or 80)

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                time.sleep(latency)  # of the handshake
                _join(self.request, place, latency, bytes_per_second)

    with _Server(("127.0.0.1", 0), Connection) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"{parts.scheme}://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256


def _join(client: socket.socket, place: tuple[str, int], latency: float, rate: float | None) -> None:
    with socket.create_connection(place) as server:
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asked = threading.Event()
        back = threading.Thread(target=_pass_on, args=(server, client, rate, asked, latency), daemon=True)
        back.start()
        _pass_on(client, server, rate, asked, None)
        back.join()


def _pass_on(
    source: socket.socket, target: socket.socket, rate: float | None, asked: threading.Event, latency: float | None
) -> None:
    """Bytes one way; the way back (`latency` given) waits before the first bytes after each question."""
    buffer = memoryview(bytearray(BLOCK))
    free = 0.0  # when the line is free again
    with contextlib.suppress(OSError):
        while length := source.recv_into(buffer):
            if latency is None:
                asked.set()
            elif asked.is_set():
                asked.clear()
                time.sleep(latency)
            if rate is not None:
                now = time.monotonic()
                free = max(now, free) + length / rate
                time.sleep(free - now)
            target.sendall(buffer[:length])
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
