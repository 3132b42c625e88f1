"""Downloads: one request and one stream, and for a large object more streams from its far end.

Every stream names the ETag of the first answer, so all bytes are of one version; where the
object is replaced in the middle the download begins again.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from autostore.backends.cloud.boto3.answers import NotQuiteS3Error
from autostore.backends.cloud.boto3.connection import S3Connection
from autostore.backends.cloud.boto3.errors import code_of, is_broken_body, status_of
from autostore.engine.objects import described, in_quotes, plain_etag
from autostore.guard.foreign import let_pass
from autostore.holding.descriptors import opened
from autostore.holding.patience import chance
from autostore.holding.positions import write_at
from autostore.pieces.ranges import Tail
from autostore.telling.transfers import moved_by

__all__ = ["Replaced", "download", "last_bytes", "read_range"]

READ_BYTES = 1 << 20
"""What one stream holds in memory; small reads cost CPU: https://github.com/boto/boto3/issues/691."""

MOST_PARTS = 10_000
"""As of an upload: a size that a server made up is no number of parts to keep."""

RESTARTS = 4
"""How often a download begins again because the object was replaced; the last time in one stream."""


def download(connection: S3Connection, key: str, file: Path, unless_etag: str | None) -> Mapping[str, Any] | None:
    """Write an object into `file` and return the answer that describes it.

    None, with `file` untouched, where its ETag is still `unless_etag`. After a failure
    `file` does not exist.
    """
    condition = {} if unless_etag is None else {"IfNoneMatch": in_quotes(unless_etag)}
    for attempt in range(RESTARTS + 1):
        try:
            answer: Mapping[str, Any] = connection.call("get_object", Key=key, **condition)
        except Exception as error:
            if unless_etag is not None and status_of(error) == 304:
                return None
            raise
        with contextlib.closing(answer["Body"]), contextlib.suppress(Replaced):
            _write(connection, key, file, answer, alone=attempt == RESTARTS)
            return answer
    problem = "The object was replaced again and again while it was read"
    raise NotQuiteS3Error(problem, "Try again when nobody writes it.")


def read_range(connection: S3Connection, key: str, etag: str, start: int, stop: int) -> bytes:
    """The bytes of a range of one version (`etag` in quotes), resumed where the connection breaks; else `Replaced`."""
    with contextlib.closing(_Stream(connection, key, etag, position=start, stop=stop)) as stream:
        return stream.rest()


def last_bytes(
    connection: S3Connection, key: str, reach: int, if_etag: str | None, unless_etag: str | None
) -> Tail | None:
    """The version that is there, and its last bytes: one GET; None where it is still `unless_etag`."""
    condition = {} if if_etag is None else {"IfMatch": in_quotes(if_etag)}
    if unless_etag is not None:
        condition = {"IfNoneMatch": in_quotes(unless_etag)}
    try:
        answer = connection.call("get_object", Key=key, Range=f"bytes=-{reach}", **condition)
    except Exception as error:
        if unless_etag is not None and status_of(error) == 304:
            return None
        if code_of(error) != "InvalidRange" and status_of(error) != 416:
            raise
        answer = connection.call("get_object", Key=key, **condition)  # an empty object has no last bytes
    found = described(key, answer)
    data = b""
    with contextlib.closing(answer["Body"]) as body:
        while piece := body.read(READ_BYTES):  # a server that knows no ranges sends all of it
            data = (data + piece)[-reach:]
    return Tail(found.etag, found.size, data)


class Replaced(Exception):  # noqa: N818 - an event, not an error: the download begins again
    """The object is not the version that the first answer described."""


def _write(connection: S3Connection, key: str, file: Path, answer: Mapping[str, Any], *, alone: bool) -> None:
    size = answer["ContentLength"]
    try:
        with (
            opened(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) as descriptor,
            contextlib.closing(_first_stream(connection, key, answer)) as first,
        ):
            if alone or size < connection.config.multipart_threshold:
                first.copy_to(descriptor.fileno(), size)
            else:
                _write_in_parallel(connection, first, file, descriptor.fileno())
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def _first_stream(connection: S3Connection, key: str, answer: Mapping[str, Any]) -> _Stream:
    return _Stream(connection, key, answer["ETag"], position=0, stop=answer["ContentLength"], body=answer["Body"])


def _write_in_parallel(connection: S3Connection, first: _Stream, file: Path, descriptor: int) -> None:
    """The first stream takes parts from the front, the others from the back, until they meet."""
    step = max(connection.part_size(first.stop), -(-first.stop // MOST_PARTS))
    parts = deque((start, min(start + step, first.stop)) for start in range(0, first.stop, step))

    def from_the_front() -> None:
        while parts:
            with contextlib.suppress(IndexError):
                first.copy_to(descriptor, parts.popleft()[1])

    connection.together(from_the_front, partial(_write_from_the_back, first, parts, file), len(parts), parts.clear)


def _write_from_the_back(first: _Stream, parts: deque[tuple[int, int]], file: Path) -> None:
    try:
        own = opened(file, os.O_WRONLY)  # an interrupt may close the caller's while this goes on writing
    except OSError:
        return  # no descriptor is left: the first stream takes it all
    try:
        while parts:
            start, stop = parts.pop()
            with contextlib.closing(first.fork(start, stop)) as stream:
                stream.copy_to(own.fileno(), stop)
    except IndexError:  # another stream took the last part
        return
    except BaseException:
        parts.clear()
        raise
    finally:
        own.close()


class _Stream:
    """The bytes from `position` to `stop` of one version of an object; resumed where a connection breaks."""

    def __init__(
        self, connection: S3Connection, key: str, etag: str, *, position: int, stop: int, body: Any = None
    ) -> None:
        self._connection = connection
        self._key = key
        self._etag = etag
        self._body = body
        self._failures = 0
        self._moved = moved_by()
        self.position = position
        self.stop = stop

    def fork(self, position: int, stop: int) -> _Stream:
        """Another stream of the same version."""
        made = _Stream(self._connection, self._key, self._etag, position=position, stop=stop)
        made._moved = self._moved
        return made

    def copy_to(self, descriptor: int, end: int) -> None:
        """Write the bytes up to `end` to their places."""
        while self.position < end:
            data = self._read(min(READ_BYTES, end - self.position))
            written = 0
            while written < len(data):
                written += write_at(descriptor, memoryview(data)[written:], self.position + written)
            self.position += written
            self._moved(written)

    def rest(self) -> bytes:
        """All bytes that are left."""
        pieces = []
        while self.position < self.stop:
            pieces.append(self._read(self.stop - self.position))
            self.position += len(pieces[-1])
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else drop it."""
        if self._body is not None:
            self._body.close()
            self._body = None

    def _read(self, amount: int) -> bytes:
        """The next bytes; none where the body ended early and shall be asked for again."""
        if self._body is None:
            self._body = self._ask()
        try:
            data: bytes = self._body.read(amount)
        except Exception as error:
            self.close()
            let_pass(error, by_client=True)
            if not is_broken_body(error) or self._failures >= self._connection.config.max_retries:
                raise
            data = b""
        if len(data) == amount:
            self._failures = 0
        elif not data:
            self._pause()
        return data

    def _pause(self) -> None:
        self.close()
        time.sleep(chance(0, 0.05 * 2**self._failures))
        self._failures += 1

    def _ask(self) -> Any:
        span = f"bytes={self.position}-{self.stop - 1}"
        try:
            answer = self._connection.call("get_object", Key=self._key, Range=span, IfMatch=self._etag)
        except Exception as error:
            if status_of(error) in (412, 416):
                raise Replaced from error
            raise
        body = answer["Body"]
        if plain_etag(answer["ETag"]) != plain_etag(self._etag):  # a server that ignores If-Match
            body.close()
            raise Replaced
        if not str(answer.get("ContentRange") or "").startswith(f"bytes {self.position}-"):
            body.close()
            raise NotQuiteS3Error("This server does not send ranges", "Raise multipart_threshold.")
        return body
