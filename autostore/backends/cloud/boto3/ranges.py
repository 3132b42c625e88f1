"""Ranges of one version of an object: each request names its ETag, so that no two are of different versions."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from autostore.backend import changed
from autostore.backends.cloud.boto3.connection import S3Connection
from autostore.backends.cloud.boto3.downloads import Replaced, read_range
from autostore.backends.cloud.boto3.errors import code_of, status_of, translated
from autostore.backends.cloud.objects import described, in_quotes
from autostore.errors import StorageFileNotFoundError
from autostore.parallel import in_order
from autostore.pieces.ranges import Ranges, Span, Tail

__all__ = ["S3Ranges"]

LONGEST = 16 << 20
"""Bytes of one request: a longer range comes over several connections."""


class S3Ranges(Ranges):
    """A version of an object."""

    def __init__(self, connection: S3Connection, key: str, path: str, uri: str) -> None:
        self._connection = connection
        self._key = key
        self._path = path
        self._uri = uri

    def opened(self, reach: int, if_etag: str | None, seen: Tail | None) -> S3Ranges:
        """The same, of the version that is there, or still is: one GET of its last `reach` bytes at most."""
        with translated(self._uri, self._path):
            self.tail = _last_bytes(self._connection, self._key, reach=reach, if_etag=if_etag, seen=seen)
        return self

    def read(self, spans: Sequence[Span]) -> list[bytes]:
        """One GET for each, `max_concurrency` at once; a long one in several."""
        cut = [(n, at, min(at + LONGEST, stop)) for n, (start, stop) in enumerate(spans)
               for at in range(start, stop, LONGEST)]  # fmt: skip
        pieces: list[list[bytes]] = [[] for _ in spans]
        try:
            with translated(self._uri, self._path):
                for (n, _, _), data in zip(cut, self._parts(cut), strict=True):
                    pieces[n].append(data)
        except (Replaced, StorageFileNotFoundError) as error:
            raise changed(self._path, self._uri) from error
        return [found[0] if len(found) == 1 else b"".join(found) for found in pieces]

    def _parts(self, cut: Sequence[tuple[int, int, int]]) -> Any:
        def one(part: tuple[int, int, int]) -> bytes:
            return read_range(self._connection, self._key, in_quotes(self.tail.etag), part[1], part[2])

        return in_order(one, cut, min(self._connection.config.max_concurrency, len(cut)))


def _last_bytes(connection: S3Connection, key: str, *, reach: int, if_etag: str | None, seen: Tail | None) -> Tail:
    """The version that is there, and its last bytes: one GET; those that were `seen` are only confirmed."""
    if seen is not None and if_etag in (None, seen.etag):
        if if_etag is not None:
            return seen  # every range says whether it is still so
        condition = {"IfNoneMatch": in_quotes(seen.etag)}
    else:
        condition = {} if if_etag is None else {"IfMatch": in_quotes(if_etag)}
    try:
        answer = connection.call("get_object", Key=key, Range=f"bytes=-{reach}", **condition)
    except Exception as error:
        if seen is not None and status_of(error) == 304:
            return seen
        if code_of(error) != "InvalidRange" and status_of(error) != 416:
            raise
        answer = connection.call("get_object", Key=key, **condition)  # an empty object has no last bytes
    found = described(key, answer)
    with contextlib.closing(answer["Body"]) as body:
        data = body.read()
    return Tail(found.etag, found.size, data)
