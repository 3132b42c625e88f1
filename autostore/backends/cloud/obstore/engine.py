"""The fast engine: obstore for what small and middling objects need, reads, ranges and single PUTs.

Whatever it cannot do, or did not understand, it declines, so that boto3 does it and says what is wrong.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autostore.backend import FileMetadata, changed
from autostore.backends.cloud.engine import Declined, Engine
from autostore.backends.cloud.objects import Said, in_quotes, known, plain_etag, written
from autostore.backends.cloud.obstore.answers import Answer, meaning
from autostore.backends.cloud.obstore.client import ObstoreClient
from autostore.backends.cloud.obstore.settings import custom_endpoint, is_plain, needs_profile
from autostore.config import S3StorageConfig
from autostore.errors import StorageError, StorageFileNotFoundError
from autostore.guard.foreign import let_pass
from autostore.optional import require
from autostore.pieces.ranges import Tail

__all__ = ["ObstoreEngine"]

LARGEST_SENT = 8 << 20
"""Bytes of a body that is held in memory while it is sent."""

CHUNK = 1 << 20
_HEADERS = frozenset(
    ["Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Type", "Storage-Class"]
)
"""What obstore tells of an object beside its user metadata."""

SURPRISES = 3
"""After so many answers in a row that it did not understand obstore is not asked again."""


class ObstoreEngine(Engine):
    """Objects below `s3://bucket/prefix`; `complete` is asked where settings are in the AWS configuration."""

    name = "obstore"

    def __init__(self, bucket: str, prefix: str, uri: str, config: S3StorageConfig, complete: Engine) -> None:
        self._client = ObstoreClient(bucket, config, complete)
        self._prefix = prefix
        self._uri = uri
        self._config = config
        self._surprises = 0
        self._quoted_if_match = True

    def get(self, path: str, file: Path, *, unless_etag: str | None = None, expected: int = 0) -> FileMetadata | None:
        """One GET; an object that is better read in parts is declined once its size is known."""
        most = self._config.multipart_threshold
        if expected >= most:
            raise Declined
        options = {} if unless_etag is None else {"if_none_match": in_quotes(unless_etag)}

        def get(ob: Any, store: Any, key: str) -> tuple[Any, bytes | None]:
            result = ob.get(store, key, options=options)
            return result, bytes(result.bytes()) if result.meta["size"] <= min(CHUNK, most - 1) else None

        found = self._read(path, get)
        if found is Answer.SAME and unless_etag is not None:
            return None
        result, data = self._whole(found)
        if result.meta["size"] >= most:
            raise Declined
        self._write(result, data, file, path)
        return _described(path, result)

    def last_bytes(
        self, path: str, reach: int, *, if_etag: str | None = None, unless_etag: str | None = None
    ) -> Tail | None:
        """One GET; of an empty object another, by boto3."""
        options: dict[str, Any] = {"range": {"suffix": reach}}
        if unless_etag is not None:
            options["if_none_match"] = in_quotes(unless_etag)
        elif if_etag is not None:
            options["if_match"] = in_quotes(if_etag)
        found = self._read(path, lambda ob, store, key: _with_bytes(ob.get(store, key, options=options)))
        if found is Answer.SAME and unless_etag is not None:
            return None
        if found is Answer.CHANGED and if_etag is not None:
            raise changed(path, self._uri)
        result, data = self._whole(found)
        etag, size = plain_etag(result.meta["e_tag"]), result.meta["size"]
        if len(data) != min(reach, size) or result.range[1] != size:
            raise self._surprise()
        return Tail(etag, size, data)

    def read(self, path: str, etag: str, start: int, stop: int) -> bytes:
        """One GET."""
        options = {"range": (start, stop), "if_match": in_quotes(etag)}
        try:
            found = self._read(path, lambda ob, store, key: _with_bytes(ob.get(store, key, options=options)))
        except StorageFileNotFoundError as error:
            raise changed(path, self._uri) from error
        if found is Answer.CHANGED:
            raise changed(path, self._uri)
        result, data = self._whole(found)
        if plain_etag(result.meta["e_tag"]) != etag:  # a server that ignores If-Match
            raise changed(path, self._uri)
        if tuple(result.range) != (start, stop) or len(data) != stop - start:
            raise self._surprise()
        return data  # type: ignore[no-any-return]

    def put(
        self, path: str, file: Path, said: Said, *, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """One PUT; after a refusal boto3 finds out whether it was our own."""
        body = _small_body(file)
        if if_absent or if_etag is None:
            found = self._put(path, body, said, "create" if if_absent else "overwrite")
        else:
            found = self._put(path, body, said, {"e_tag": self._form(if_etag, other=False)})
            if found is Answer.CHANGED:  # radosgw wants the ETag of If-Match without quotes
                found = self._put(path, body, said, {"e_tag": self._form(if_etag, other=True)})
                self._quoted_if_match ^= found is not Answer.CHANGED
        if found is Answer.CHANGED:
            raise Declined
        answer = self._understood(found)
        if not plain_etag(answer["e_tag"]):
            raise self._surprise()
        return written(path, len(body), {"ETag": answer["e_tag"]}, said)

    def _put(self, path: str, body: bytes, said: Said, mode: Any) -> Any:
        attributes = dict(said.metadata)
        if said.content_type is not None:
            attributes["Content-Type"] = said.content_type

        options = {"attributes": attributes, "mode": mode, "use_multipart": False}

        def put(ob: Any, store: Any, key: str) -> Any:
            return self._client.taken_back(
                lambda: ob.put(store, key, body, **options), lambda: ob.put_async(store, key, body, **options)
            )

        try:
            return self._ask(path, put, repeatable=mode == "overwrite")
        except StorageFileNotFoundError:
            raise Declined from None  # of what was to be written: boto3 says what is missing

    def _form(self, etag: str, *, other: bool) -> str:
        return in_quotes(etag) if self._quoted_if_match ^ other else etag

    def place(self) -> str:
        """The endpoint, where it was set."""
        endpoint = custom_endpoint(self._config)
        if endpoint is None or needs_profile(self._config):
            raise Declined
        return endpoint

    def close(self) -> None:
        """Drop the connections."""
        self._client.close()

    def _read(self, path: str, call: Callable[[Any, Any, str], Any]) -> Any:
        return self._ask(path, lambda ob, store, key: self._client.heard(lambda: call(ob, store, key)))

    def _ask(self, path: str, call: Callable[[Any, Any, str], Any], *, repeatable: bool = True) -> Any:
        """What obstore answers; errors are raised outside of its own, whose text holds addresses and keys."""
        key = self._prefix + path
        if not is_plain(key):
            raise Declined
        store, ob = self._client.store(), require("obstore")
        handled = sys.exc_info()[1]
        try:
            answer = call(ob, store, key)
        except BaseException as error:
            found = self._meaning(error, handled, key, path, repeatable=repeatable)
        else:
            self._surprises = 0
            return answer
        if isinstance(found, StorageError):
            raise found
        return found

    def _meaning(
        self, error: BaseException, handled: BaseException | None, key: str, path: str, *, repeatable: bool
    ) -> Answer | StorageError:
        if type(error).__name__ == "PanicException":
            self._client.is_off = True
            return Answer.UNCLEAR
        if not isinstance(error, Exception):
            raise error
        let_pass(error, handled)
        return meaning(error, key, path, self._uri, repeatable=repeatable)

    def _understood(self, found: Any) -> Any:
        """The answer, if it is one."""
        if isinstance(found, Answer):
            raise self._surprise()
        return found

    def _whole(self, found: Any) -> Any:
        """An object's answer and bytes, if it has what S3 says of every object; obstore fills in what is missing."""
        result, data = self._understood(found)
        if not plain_etag(result.meta["e_tag"]) or not result.meta["last_modified"].timestamp():
            raise self._surprise()
        return result, data

    def _surprise(self) -> Declined:
        self._surprises += 1
        self._client.is_off |= self._surprises >= SURPRISES
        return Declined()

    def _write(self, result: Any, data: bytes | None, file: Path, path: str) -> None:
        """The body into the file; where it ends early or breaks boto3 begins again."""
        stream = None if data is not None else iter(result.stream(min_chunk_size=CHUNK))
        size, position, piece = result.meta["size"], 0, data
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            while position < size:
                if stream is not None:
                    piece = self._understood(self._read(path, lambda *_: next(stream, None)))
                position += self._write_piece(descriptor, piece, position)
        except BaseException:
            file.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)

    def _write_piece(self, descriptor: int, piece: Any, position: int) -> int:
        if not piece:
            raise self._surprise()  # the body ended before its length
        left = memoryview(piece)
        while left:
            left = left[os.pwrite(descriptor, left, position + len(piece) - len(left)) :]
        return len(piece)


def _with_bytes(result: Any) -> tuple[Any, bytes]:
    return result, bytes(result.bytes())


def _small_body(file: Path) -> bytes:
    with open(file, "rb") as source:
        if os.fstat(source.fileno()).st_size > LARGEST_SENT:
            raise Declined
        return source.read()


def _described(path: str, result: Any) -> FileMetadata:
    meta, attributes = result.meta, dict(result.attributes)
    own = {name: value for name, value in attributes.items() if name not in _HEADERS}
    kind = attributes.get("Content-Type")
    return known(path, meta["size"], meta["e_tag"], meta["last_modified"], metadata=own, content_type=kind)
