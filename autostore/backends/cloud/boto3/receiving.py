"""An upload whose parts leave while the next ones are still being made: flat in memory, whatever its size."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from autostore.backends.cloud.boto3.connection import S3Connection
from autostore.backends.cloud.boto3.uploads import abort, complete
from autostore.parallel import done_by

__all__ = ["GROWS_AFTER", "Parts", "part_size"]

AT_ONCE = 3
"""Parts on their way, each of them in memory."""

GROWS_AFTER = 2_000
"""Parts after which they grow to twice the size, as nobody says how many come: 10,000 hold 300 GiB or more."""


def part_size(smallest: int, number: int) -> int:
    """Bytes of the part of this number, from 0."""
    return smallest << (number // GROWS_AFTER)


class Parts:
    """One upload, begun."""

    def __init__(self, connection: S3Connection, key: str, headers: Mapping[str, Any]) -> None:
        self._connection = connection
        self._key = key
        self._headers = headers
        self._width = min(AT_ONCE, connection.config.max_concurrency)
        self._upload_id = connection.call("create_multipart_upload", Key=key, **headers)["UploadId"]
        self._pool = ThreadPoolExecutor(self._width, thread_name_prefix="autostore-parts")
        self._waiting: deque[Future[str]] = deque()
        self._etags: list[str] = []
        self.count = 0

    def send(self, data: bytes) -> None:
        """Have the next part sent, once fewer than `AT_ONCE` are on their way; raises what an earlier one met."""
        while len(self._waiting) >= self._width:
            self._etags.append(self._waiting.popleft().result())
        self.count += 1
        self._waiting.append(done_by(self._pool, partial(self._one, self.count, data), wait=True))

    def complete(self) -> Mapping[str, Any]:
        """Publish the parts."""
        while self._waiting:
            self._etags.append(self._waiting.popleft().result())
        self._pool.shutdown()
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(self._etags, start=1)]
        return complete(self._connection, self._key, self._upload_id, parts, self._headers, condition={})

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
