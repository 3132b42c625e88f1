"""A server in memory that is S3 as far as a store needs, and spoils its answers as a test wants.

`spoil` is given each answer before it is sent: status, headers, body, all as they would be right.
"""

from __future__ import annotations

import hashlib
import http.server
import re
import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self
from xml.sax.saxutils import escape

DATE = "Wed, 21 Oct 2015 07:28:00 GMT"
_XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


@dataclass
class Answer:
    """What will be sent, and to what."""

    operation: str
    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


class AlmostS3:
    """One bucket; `page` is how many entries a page of a listing holds."""

    def __init__(self, page: int = 3) -> None:
        self.objects: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.spoil: Callable[[Answer], Answer] | None = None
        self.page = page
        self.takes_any_token = False
        self.ignores_ranges = False
        self.requests = 0
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                server.requests += 1
                self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer, spoil = server.right(self), server.spoil
                if spoil is not None:
                    answer = spoil(answer)
                lines = [f"HTTP/1.1 {answer.status} Said", *(f"{name}: {value}" for name, value in answer.headers)]
                self.close_connection = spoil is not None  # the client must not wait for what was left out
                lines += ["Connection: close"] if self.close_connection else []
                content = b"" if self.command == "HEAD" or answer.status in (204, 304) else answer.body
                self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + content)

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = answer

            def log_message(self, *arguments: object) -> None:
                return

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def right(self, request: http.server.BaseHTTPRequestHandler) -> Answer:
        """The answer that S3 would give."""
        path, _, query = request.path.partition("?")
        key = urllib.parse.unquote(path.lstrip("/").partition("/")[2])
        asked = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        if request.command == "GET" and "list-type" in asked:
            return self._list(asked)
        if request.command == "GET" and "uploads" in asked:
            return _xml("UPLOADS", f"<ListMultipartUploadsResult {_XMLNS}><IsTruncated>false</IsTruncated>"
                        "</ListMultipartUploadsResult>")  # fmt: skip
        if request.command == "DELETE":
            self.objects.pop(key, None)
            return Answer("DELETE", 204, [("x-amz-request-id", "1")])
        if request.command == "PUT" and "x-amz-copy-source" in request.headers:
            return self._copy(key, request)
        if request.command == "PUT":
            return self._put(key, request)
        return self._get(key, request)

    def _put(self, key: str, request: http.server.BaseHTTPRequestHandler) -> Answer:
        body: bytes = request.body  # type: ignore[attr-defined]
        if request.headers.get("If-None-Match") == "*" and key in self.objects:
            return _error("PUT", 412, "PreconditionFailed")
        wanted = request.headers.get("If-Match")
        if wanted is not None and (key not in self.objects or _etag(self.objects[key][0]) != wanted):
            return _error("PUT", 412, "PreconditionFailed")
        kept = {name.lower(): value for name, value in request.headers.items() if name.lower().startswith("x-amz-meta")}
        self.objects[key] = body, kept
        return Answer("PUT", 200, [("ETag", _etag(body)), ("Content-Length", "0"), ("x-amz-request-id", "1")])

    def _copy(self, key: str, request: http.server.BaseHTTPRequestHandler) -> Answer:
        source = urllib.parse.unquote(request.headers["x-amz-copy-source"]).lstrip("/").partition("/")[2]
        if source not in self.objects:
            return _error("COPY", 404, "NoSuchKey", source)
        body = self.objects[source][0]
        kept = {name.lower(): value for name, value in request.headers.items() if name.lower().startswith("x-amz-meta")}
        self.objects[key] = body, kept
        text = f"<LastModified>2015-10-21T07:28:00.000Z</LastModified><ETag>{escape(_etag(body))}</ETag>"
        return _xml("COPY", f"<CopyObjectResult {_XMLNS}>{text}</CopyObjectResult>")

    def _get(self, key: str, request: http.server.BaseHTTPRequestHandler) -> Answer:
        operation = request.command
        if key not in self.objects:
            return _error(operation, 404, "NoSuchKey", key)
        body, kept = self.objects[key]
        if request.headers.get("If-None-Match") == _etag(body):
            return Answer(operation, 304, [("ETag", _etag(body)), ("x-amz-request-id", "1")])
        headers = [("ETag", _etag(body)), ("Last-Modified", DATE), ("Date", DATE), ("x-amz-request-id", "1"),
                   ("Content-Type", "application/json"), *kept.items()]  # fmt: skip
        span = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("Range") or "")
        if span and not self.ignores_ranges:
            start = int(span[1]) if span[1] else max(0, len(body) - int(span[2]))
            if start >= len(body):
                return _error(operation, 416, "InvalidRange")
            part = body[start : int(span[2]) + 1 if span[1] and span[2] else len(body)]
            shown = f"bytes {start}-{start + len(part) - 1}/{len(body)}"
            return Answer(
                operation, 206, [*headers, ("Content-Range", shown), ("Content-Length", str(len(part)))], part
            )
        return Answer(operation, 200, [*headers, ("Content-Length", str(len(body)))], body)

    def _list(self, asked: dict[str, str]) -> Answer:
        start = asked.get("continuation-token", "")
        if start and start not in self.objects and not self.takes_any_token:
            return _error("LIST", 400, "InvalidArgument")
        prefix = asked.get("prefix", "")
        keys = [key for key in sorted(self.objects, key=str.encode) if key.startswith(prefix) and key > start]
        shown = keys[: self.page]
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2015-10-21T07:28:00.000Z</LastModified>"
            f"<ETag>{escape(_etag(self.objects[key][0]))}</ETag><Size>{len(self.objects[key][0])}</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
            for key in shown
        )
        more = len(keys) > len(shown)
        token = f"<NextContinuationToken>{escape(shown[-1])}</NextContinuationToken>" if more else ""
        return _xml("LIST", f"<ListBucketResult {_XMLNS}><Name>bucket</Name><Prefix>{escape(prefix)}</Prefix>"
                    f"<KeyCount>{len(shown)}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>{str(more).lower()}"
                    f"</IsTruncated>{token}{entries}</ListBucketResult>")  # fmt: skip


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


def _xml(operation: str, text: str) -> Answer:
    body = f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()
    headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body))), ("x-amz-request-id", "1")]
    return Answer(operation, 200, headers, body)


def _error(operation: str, status: int, code: str, key: str | None = None) -> Answer:
    named = f"<Key>{escape(key)}</Key>" if key is not None else ""  # as S3 itself does
    answer = _xml(operation, f"<Error><Code>{code}</Code><Message>said</Message>{named}</Error>")
    answer.status = status
    return answer


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""
