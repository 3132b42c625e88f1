"""An upload whose parts leave while the next ones are still being made: flat in memory, whatever its size."""

from __future__ import annotations

import contextlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from autostore.backend import FileMetadata
from autostore.backends.cloud.boto3.connection import S3Connection
from autostore.backends.cloud.boto3.errors import translated
from autostore.backends.cloud.boto3.said import headers_of
from autostore.backends.cloud.boto3.uploads import abort, complete
from autostore.engine.contract import SentParts
from autostore.engine.objects import Said, written
from autostore.parallel import done_by

__all__ = ["GROWS_AFTER", "Parts", "part_size"]

AT_ONCE = 3
"""Parts on their way, each of them in memory."""

GROWS_AFTER = 2_000
"""Parts after which they grow to twice the size, as nobody says how many come: 10,000 hold 300 GiB or more."""


def part_size(smallest: int, number: int) -> int:
    """Bytes of the part of this number, from 0."""
    return smallest << (number // GROWS_AFTER)


class Parts(SentParts):
    """One upload, begun."""

    def __init__(self, connection: S3Connection, key: str, path: str, uri: str, said: Said) -> None:
        self._connection = connection
        self._key = key
        self._path = path
        self._uri = uri
        self._said = said
        self._headers = headers = headers_of(said)
        self._width = min(AT_ONCE, connection.config.max_concurrency)
        with translated(uri, path):
            self._upload_id = connection.call("create_multipart_upload", Key=key, **headers)["UploadId"]
        self._pool = ThreadPoolExecutor(self._width, thread_name_prefix="autostore-parts")
        self._waiting: deque[Future[str]] = deque()
        self._etags: list[str] = []
        self.count = 0
        self._size = 0

    def send(self, data: bytes) -> None:
        """Have the next part sent, once fewer than `AT_ONCE` are on their way; raises what an earlier one met."""
        with translated(self._uri, self._path):
            while len(self._waiting) >= self._width:
                self._etags.append(self._waiting.popleft().result())
        self.count += 1
        self._size += len(data)
        self._waiting.append(done_by(self._pool, partial(self._one, self.count, data), wait=True))

    def complete(self) -> FileMetadata:
        """Publish the parts."""
        with translated(self._uri, self._path):
            while self._waiting:
                self._etags.append(self._waiting.popleft().result())
            self._pool.shutdown()
            parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(self._etags, start=1)]
            answer = complete(self._connection, self._key, self._upload_id, parts, self._headers, condition={})
        return written(self._path, self._size, answer, self._said)

    def abort(self) -> None:
        """Leave nothing of it; what an abort cannot reach is swept a day later."""
        for future in self._waiting:
            future.cancel()
        self._pool.shutdown()
        with contextlib.suppress(Exception):
            abort(self._connection, self._key, self._upload_id)

    def _one(self, number: int, data: bytes) -> str:
        arguments = {"Key": self._key, "UploadId": self._upload_id, "PartNumber": number}
        return str(self._connection.call("upload_part", Body=data, **arguments)["ETag"])
