"""A small HTTP proxy between a client and an S3 server: counts requests, shapes the line, injects faults.

It runs in threads of the test's process, listens on loopback, and knows just enough HTTP for
S3: bodies with a Content-Length, one request at a time on a connection.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Self
from urllib.parse import parse_qs, urlsplit

BLOCK = 64 << 10


@dataclass
class Request:
    """One request as it went through; `status` is set once it was answered."""

    kind: str
    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    status: int = 0
    received: int = 0
    """Bytes of the answer's body that were passed on."""
    asked: bool = False
    """Whether the client asked before it sent the body (100-continue)."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    Attributes:
        do: "reset" (before the server hears of it), "headers" (it hears no more than these), "lost" (it
            does it, the answer is lost), "status" (answered here, with `status`), "short" (the answer's
            body ends after `at` bytes), "cut" (the same, by a reset), "stall" (nothing for
            `seconds`, then on), "flip" (a bit of the request's body changes).
    """

    do: str
    at: int = 0
    status: int = 503
    code: str = "SlowDown"
    seconds: float = 0


class Proxy:
    """Listens at `endpoint`, passes on to `upstream`.

    Attributes:
        requests: all that came through, in order.
        connections: how many clients opened.
        fault: decides, for each request, what goes wrong; None: nothing.
        before: called with each request before it is passed on.
        latency: seconds before each answer.
        bytes_per_second: of each connection, both ways; None: unlimited.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        assert parts.scheme == "http"
        assert parts.hostname is not None
        self._upstream = (parts.hostname, parts.port or 80)
        self.requests: list[Request] = []
        self.connections = 0
        self.fault: Callable[[Request], Fault | None] | None = None
        self.before: Callable[[Request], None] | None = None
        self.latency = 0.0
        self.bytes_per_second: float | None = None
        self._server = _Server(("127.0.0.1", 0), self._serve)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; open connections end with their clients."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @contextlib.contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        """Requests by kind, of this block alone: filled when it ends."""
        begun = len(self.requests)
        counts: Counter[str] = Counter()
        yield counts
        counts.update(request.kind for request in self.requests[begun:])

    # -- one connection --------------------------------------------------------------------

    def _serve(self, client: socket.socket) -> None:
        self.connections += 1
        with client, client.makefile("rb") as source, contextlib.suppress(OSError, _Done):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self._exchange(client, source):
                pass

    def _exchange(self, client: socket.socket, source: BinaryIO) -> bool:
        first, headers = _head(source)
        if not first:
            return False
        method, target, _ = first.split(" ", 2)
        request = Request(_kind(method, target, headers), method, target, headers)
        self.requests.append(request)
        if headers.pop("expect", ""):
            request.asked = True
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        fault = self.fault(request) if self.fault is not None else None
        if self.before is not None:
            self.before(request)
        length = int(headers.get("content-length", 0))
        if fault is not None and fault.do == "reset":
            _reset(client)
        if fault is not None and fault.do == "status":
            _skip(source, length)
            return self._refuse(client, request, fault)
        with socket.create_connection(self._upstream, timeout=60) as server:
            _send_head(server, first, {**headers, "connection": "close"})
            if fault is not None and fault.do == "headers":
                raise _Done
            self._pass_on(source, server, length, flip=fault is not None and fault.do == "flip")
            with server.makefile("rb") as answer:
                return self._answer(client, answer, request, fault)

    def _answer(self, client: socket.socket, answer: BinaryIO, request: Request, fault: Fault | None) -> bool:
        first, headers = _head(answer)
        if not first:
            _reset(client)
        status = int(first.split(" ", 2)[1])
        # A body in chunks is passed on as it is, to the end of the server's connection.
        length = int(headers.get("content-length", 1 << 60 if "transfer-encoding" in headers else 0))
        if request.method == "HEAD" or status in (204, 304):
            length = 0
        time.sleep(self.latency + (fault.seconds if fault is not None and fault.do == "stall" else 0))
        request.status = status
        if fault is not None and fault.do == "lost":
            _reset(client)
        _send_head(client, first, {**headers, "connection": "keep-alive"})
        if fault is not None and fault.do in ("short", "cut") and fault.at < length:
            request.received = self._pass_on(answer, client, fault.at)
            if fault.do == "cut":
                _reset(client)
            raise _Done
        request.received = self._pass_on(answer, client, length)
        return True

    def _refuse(self, client: socket.socket, request: Request, fault: Fault) -> bool:
        body = f"<?xml version='1.0'?><Error><Code>{fault.code}</Code></Error>".encode()
        if request.method == "HEAD":
            body = b""
        request.status = fault.status
        _send_head(client, f"HTTP/1.1 {fault.status} Fault", {"content-length": str(len(body))})
        client.sendall(body)
        return True

    def _pass_on(self, source: BinaryIO, target: socket.socket, length: int, *, flip: bool = False) -> int:
        done = 0
        while done < length:
            data = source.read1(min(BLOCK, length - done))  # type: ignore[attr-defined]
            if not data:
                break
            if flip and not done:
                data = bytes([data[0] ^ 1]) + data[1:]
            target.sendall(data)
            done += len(data)
            if self.bytes_per_second is not None:
                time.sleep(len(data) / self.bytes_per_second)
        return done


class _Done(Exception):
    pass


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        super().__init__(address, socketserver.BaseRequestHandler)

    def finish_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        self._serve(request)


def _head(source: BinaryIO) -> tuple[str, dict[str, str]]:
    first = source.readline().decode("latin-1").rstrip("\r\n")
    headers: dict[str, str] = {}
    while line := source.readline().decode("latin-1").rstrip("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return first, headers


def _send_head(target: socket.socket, first: str, headers: dict[str, str]) -> None:
    lines = [first, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    target.sendall("\r\n".join(lines).encode("latin-1"))


def _skip(source: BinaryIO, length: int) -> None:
    while length > 0:
        data = source.read(min(BLOCK, length))
        if not data:
            return
        length -= len(data)


def _reset(client: socket.socket) -> None:
    """End the connection by RST, as a crashing peer does."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    raise _Done


def _kind(method: str, target: str, headers: dict[str, str]) -> str:
    """What S3 calls this request."""
    parts = urlsplit(target)
    query = parse_qs(parts.query, keep_blank_values=True)
    if method == "POST":
        return "CREATE" if "uploads" in query else "COMPLETE"
    if "uploads" in query:
        return "UPLOADS"
    if "uploadId" in query:
        return "ABORT" if method == "DELETE" else "PART"
    if method == "GET" and ("list-type" in query or "prefix" in query):
        return "LIST"
    if method == "PUT" and "x-amz-copy-source" in headers:
        return "COPY"
    return method
