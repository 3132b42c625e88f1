"""The connection to one bucket: a boto3 client made late, one per process, and the threads of its transfers.

boto3 is imported by the first request; botocore's own retries are the only ones.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from copy import copy
from typing import Any

from autostore.backends.cloud.boto3.answers import NotQuiteS3Error, check, is_bare
from autostore.backends.cloud.boto3.client import make_client, opening, ready_session, secrets_of
from autostore.backends.cloud.boto3.errors import code_of, status_of
from autostore.config import SMALLEST_PART, S3StorageConfig
from autostore.guard.secrecy import quieted
from autostore.parallel import done_by
from autostore.telling.requests import told

__all__ = ["S3Connection"]

Work = Callable[[], None]

FEW_TURNS = 10
"""From here on a last turn that is not full is no more than a tenth of the time."""


class S3Connection:
    """One bucket, as this process reaches it.

    Attributes:
        bucket: its name.
        config: the settings it was opened with.
        bucket_seen: some answer has shown that the bucket exists; a HEAD cannot tell a
            missing bucket from a missing key.
        quoted_if_match: whether this server's PUT wants the ETag of If-Match in quotes;
            AWS does, radosgw matches without them only.
    """

    def __init__(self, bucket: str, config: S3StorageConfig) -> None:
        self.bucket = bucket
        self.config = config
        self.bucket_seen = False
        self.quoted_if_match = True
        self._open: _Opened | None = None
        self._version: str | None = None

    def call(self, operation: str, **arguments: Any) -> Any:
        """One request about the bucket; `upload_args` go with every operation that knows them."""
        try:
            opened = self._opened()
            # Never in a local variable: a crash report may show those, and upload_args may hold a key.
            response = told(
                operation,
                str(arguments.get("Key", arguments.get("Prefix", ""))),
                lambda: getattr(opened.client, operation)(**self._with_upload_args(opened, operation, arguments)),
            )
        except Exception as error:
            quieted(error, secrets_of(self.config))
            if code_of(error) in ("304", "NoSuchKey", "PreconditionFailed"):
                self.bucket_seen = True
            raise
        try:
            check(operation, arguments, response)
        except NotQuiteS3Error:
            with contextlib.suppress(KeyError, AttributeError):
                response["Body"].close()
            raise
        self.bucket_seen = True
        return response

    def knows(self, operation: str, argument: str) -> bool:
        """Whether this boto3 can send the argument."""
        return argument in self._opened().members(operation)

    def _with_upload_args(self, opened: _Opened, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if self._version is not None and operation in ("get_object", "head_object"):
            arguments["VersionId"] = self._version
        known = self.config.upload_args
        if known and operation != "put_object":  # there a misspelt name shall be refused
            members = opened.members(operation)
            known = {name: value for name, value in known.items() if name in members}
        return {"Bucket": self.bucket, **known, **arguments}

    def of_version(self, version: str) -> S3Connection:
        """The same connection, for one call: what it reads and copies is this version of an object."""
        self._opened()
        same = copy(self)
        same._version = version  # noqa: SLF001 - of a connection as this one
        return same

    def source(self, bucket: str, key: str) -> dict[str, str]:
        """How a copy names what it copies."""
        place = {"Bucket": bucket, "Key": key}
        return place if self._version is None else {**place, "VersionId": self._version}

    @property
    def endpoint(self) -> str:
        """The server's address, wherever it was set."""
        return str(self._opened().client.meta.endpoint_url)

    @property
    def is_aws(self) -> bool:
        """Whether nobody named a server: AWS checks all conditions, and takes checksums of every kind."""
        return not self._opened().named

    @property
    def region(self) -> str | None:
        """The region's name, wherever it was set."""
        name = self._opened().client.meta.region_name
        return None if name is None else str(name)

    def presigned(self, key: str, expires: float) -> str:
        """A URL that reads one object for so many seconds."""
        arguments = {"Bucket": self.bucket, "Key": key}
        sign = self._opened().client.generate_presigned_url
        return str(sign("get_object", Params=arguments, ExpiresIn=int(expires)))

    def look(self, key: str) -> Any:
        """What a HEAD answers.

        While the bucket was not seen yet it is a GET of one byte, which unlike a HEAD tells a
        missing bucket from a missing key, and says why access was refused.
        """
        if not self.bucket_seen:
            try:
                answer = self.call("get_object", Key=key, Range="bytes=0-0")
            except Exception as error:
                # An empty object has no first byte, an archived one does not give it.
                if code_of(error) not in ("InvalidRange", "InvalidObjectState"):
                    raise
                self.bucket_seen = True
            else:
                with contextlib.closing(answer["Body"]) as body:
                    body.read(1)
                return answer
        try:
            return self.call("head_object", Key=key)
        except Exception as error:
            if status_of(error) != 404 or not is_bare(getattr(error, "response", {})):
                raise
        self.bucket_seen = False  # whatever answered did not say that it is S3: a GET is asked for its words
        return self.look(key)

    def part_size(self, size: int) -> int:
        """Bytes of each part of a file: `multipart_chunksize`, or less where that fills the last turn.

        Sixteen parts in ten connections take two turns, as twenty smaller ones would; those are done sooner.
        """
        most, width = self.config.multipart_chunksize, self.config.max_concurrency
        turns = -(-size // (most * width))
        if not 1 < turns < FEW_TURNS:
            return most
        return min(most, max(SMALLEST_PART, -(-size // (turns * width))))

    def together(self, mine: Work, others: Work, parts: int, stop: Work) -> None:
        """Run `mine` here and `others` in as many threads as `parts` and `max_concurrency` allow.

        Returns when all have ended; `stop` is called first where one failed, and that failure raised.
        """
        threads = self._opened().threads
        futures: list[Future[None]] = []
        try:
            for _ in range(min(self.config.max_concurrency, parts) - 1):
                futures.append(done_by(threads, others, wait=False))
                if futures[-1].cancelled():  # closed meanwhile, or no thread to be had: the caller does the rest
                    break
            mine()
            for future in futures:
                if not future.cancel():
                    future.result()
        finally:
            stop()
            wait([future for future in futures if not future.cancel()])

    def close(self) -> None:
        """End the threads and drop the connections of this process."""
        opened, self._open = self._open, None  # whoever is in the middle of a request still has it, to its end
        if opened is not None:
            opened.leave(self)

    def _opened(self) -> _Opened:
        # A client shared over fork mixes up two processes' answers: https://github.com/boto/boto3/issues/1592
        opened = self._open
        if opened is not None and opened.pid == os.getpid():
            return opened
        session = None if _shared.get((os.getpid(), id(self.config))) else ready_session(self.config)
        with opening.take():
            opened = self._open  # `close()` may come at any time
            if opened is None or opened.pid != os.getpid():
                self._open = opened = _opened_with(self.config, session)
                opened.users.add(self)
            return opened


class _Opened:
    """What one process has open, for all stores that were opened with the very same settings."""

    def __init__(self, config: S3StorageConfig, session: Any) -> None:
        self.pid = os.getpid()
        self.config = config  # so that nothing else gets its id
        self.client, self.named = make_client(config, session or ready_session(config))
        self.threads = ThreadPoolExecutor(config.max_concurrency, thread_name_prefix="autostore-s3")
        self.users: weakref.WeakSet[S3Connection] = weakref.WeakSet()
        self._members: dict[str, frozenset[str]] = {}

    def leave(self, user: S3Connection) -> None:
        """Drop the idle connections once nobody uses them, though an error that somebody keeps may refer to this."""
        self.users.discard(user)
        if not self.users and self.pid == os.getpid():
            self.client.close()  # requests under way have theirs, and later ones get new ones

    def __del__(self) -> None:
        threads = getattr(self, "threads", None)  # None where making it failed
        # At the end of the process modules are gone before what was not closed; nothing is left to release then.
        if threads is not None and os is not None and self.pid == os.getpid():
            threads.shutdown(wait=False)
            self.client.close()

    def members(self, operation: str) -> frozenset[str]:
        """The names of the arguments that this operation takes."""
        if operation not in self._members:
            name = self.client.meta.method_to_api_mapping[operation]
            shape = self.client.meta.service_model.operation_model(name).input_shape
            self._members[operation] = frozenset(shape.members)
        return self._members[operation]


_shared: weakref.WeakValueDictionary[tuple[int, int], _Opened] = weakref.WeakValueDictionary()


def _opened_with(config: S3StorageConfig, session: Any) -> _Opened:
    """What is open in this process for these settings, or opened now, by a caller that has the turn.

    By the object, not by equality: the environment, which says the rest, may have changed between two equal ones.
    """
    name = os.getpid(), id(config)
    opened = _shared.get(name)
    if opened is None:
        _shared[name] = opened = _Opened(config, session)
    return opened
