"""The fast engine: obstore for what small and middling objects need, reads, ranges and single PUTs.

Whatever it cannot do, or did not understand, it declines, so that boto3 does it and says what is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from autostore.backend import FileMetadata, changed
from autostore.backends.cloud.boto3.endpoints import named_here
from autostore.backends.cloud.boto3.errors import translated
from autostore.backends.cloud.obstore.answers import Answer, meaning
from autostore.backends.cloud.obstore.bodies import CHUNK, small_body, write_body
from autostore.backends.cloud.obstore.client import ObstoreClient
from autostore.backends.cloud.obstore.settings import is_plain, needs_profile
from autostore.backends.cloud.obstore.trust import Surprise, Trust, trusted
from autostore.config import S3StorageConfig
from autostore.engine.contract import Declined, Engine
from autostore.engine.objects import Said, in_quotes, known, plain_etag, written
from autostore.errors import StorageError, StorageFileNotFoundError
from autostore.guard.foreign import let_pass
from autostore.optional import require
from autostore.pieces.ranges import Tail
from autostore.telling.requests import told

__all__ = ["ObstoreEngine"]

_HEADERS = frozenset(
    ["Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Type", "Storage-Class"]
)
"""What obstore tells of an object beside its user metadata."""


class ObstoreEngine(Engine):
    """Objects below `s3://bucket/prefix`; `complete` is asked where settings are in the AWS configuration."""

    name = "obstore"

    def __init__(self, bucket: str, prefix: str, uri: str, config: S3StorageConfig, complete: Engine) -> None:
        self._client = ObstoreClient(bucket, config, complete)
        self._prefix = prefix
        self._uri = uri
        self._config = config
        self.reads, self.writes = Trust(), Trust()
        self._quoted_if_match = True

    @trusted("reads")
    def get(
        self, path: str, file: Path, *, unless_etag: str | None = None, expected: int | None = None
    ) -> FileMetadata | None:
        """One GET, from the first byte on: of a plain one obstore does not tell a part that nobody asked for.

        An object that is better read in parts, or empty, is declined once that is known.
        """
        most = self._config.multipart_threshold
        if expected is not None and not 0 < expected < most:
            raise Declined
        options: dict[str, Any] = {"range": {"offset": 0}}
        if unless_etag is not None:
            options["if_none_match"] = in_quotes(unless_etag)

        found = self._read(path, lambda ob, store, key: _begun(ob.get(store, key, options=options), most))
        if found is Answer.SAME and unless_etag is not None:
            return None
        result, body = self._whole(found)
        size = result.meta["size"]
        if tuple(result.range) != (0, size):
            raise Surprise
        if body is None:
            raise Declined
        if not write_body(self._following(path, *body), size, file, self._where(path)):
            raise Surprise
        return _described(path, result)

    def _following(self, path: str, pieces: Iterator[Any], first: Any) -> Iterator[Any]:
        """The pieces of an answer, each waited for so that signals are heard."""
        while first:
            yield first
            first = self._understood(self._read(path, lambda *_: next(pieces, None)))

    @trusted("reads")
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
            raise Surprise
        return Tail(etag, size, data)

    @trusted("reads")
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
            raise Surprise
        return data  # type: ignore[no-any-return]

    @trusted("writes")
    def put(
        self, path: str, file: Path, said: Said, *, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """One PUT; after a refusal boto3 finds out whether it was our own."""
        return self._put_body(path, small_body(file, self._where(path)), said, if_etag, if_absent=if_absent)

    @trusted("writes")
    def put_bytes(self, path: str, data: bytes, said: Said) -> FileMetadata:
        """One PUT."""
        return self._put_body(path, data, said, None, if_absent=False)

    def _put_body(self, path: str, body: bytes, said: Said, if_etag: str | None, *, if_absent: bool) -> FileMetadata:
        if self._config.checksums is False:
            raise Declined
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
            raise Surprise
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
        endpoint = named_here(self._config)
        if endpoint is None or needs_profile(self._config):
            raise Declined
        return endpoint

    def close(self) -> None:
        """Drop the connections, and what was thought of the server."""
        self.reads, self.writes = Trust(), Trust()
        self._client.close()

    def _read(self, path: str, call: Callable[[Any, Any, str], Any]) -> Any:
        return self._ask(path, lambda ob, store, key: self._client.heard(lambda: call(ob, store, key)))

    def _ask(self, path: str, call: Callable[[Any, Any, str], Any], *, repeatable: bool = True) -> Any:
        """What obstore answers; errors are raised outside of its own, whose text holds addresses and keys."""
        key = self._prefix + path
        if not is_plain(key):
            raise Declined
        with translated(self._uri, path):  # what becomes of credentials that rotate
            store, ob = self._client.store(), require("obstore")
        handled = sys.exc_info()[1]
        try:
            return told("obstore", key, lambda: call(ob, store, key))
        except BaseException as error:
            found = self._meaning(error, handled, key, path, repeatable=repeatable)
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
        let_pass(error, handled, by_client=True)
        return meaning(error, key, path, self._uri, repeatable=repeatable)

    def _understood(self, found: Any) -> Any:
        """The answer, if it is one."""
        if found is Answer.EMPTY:
            raise Declined
        if isinstance(found, Answer):
            raise Surprise
        return found

    def _whole(self, found: Any) -> Any:
        """An object's answer and bytes, if it has what S3 says of every object; obstore fills in what is missing."""
        result, data = self._understood(found)
        if not plain_etag(result.meta["e_tag"]) or not result.meta["last_modified"].timestamp():
            raise Surprise
        return result, data

    def _where(self, path: str) -> str:
        return f"key {path!r} in {self._uri}"


def _begun(result: Any, most: int) -> tuple[Any, Any]:
    """An answer, the rest of its pieces and the first; no pieces of an object that is better read in parts."""
    if result.meta["size"] >= most:
        return result, None
    pieces = iter(result.stream(min_chunk_size=CHUNK))
    return result, (pieces, next(pieces, None))


def _with_bytes(result: Any) -> tuple[Any, bytes]:
    return result, bytes(result.bytes())


def _described(path: str, result: Any) -> FileMetadata:
    meta, attributes = result.meta, dict(result.attributes)
    own = {name: value for name, value in attributes.items() if name not in _HEADERS}
    kind = attributes.get("Content-Type")
    return known(path, meta["size"], meta["e_tag"], meta["last_modified"], metadata=own, content_type=kind)
