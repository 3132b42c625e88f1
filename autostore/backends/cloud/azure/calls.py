"""obstore's calls to one container: errors are typed, signals are heard, and a key is never taken for a container."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from autostore.backend import changed, not_found
from autostore.backends.cloud.azure.answers import impossible, meaning, missing_container, not_azure
from autostore.backends.cloud.azure.blobs import attributes_of, own_words
from autostore.backends.cloud.azure.client import AzureClient
from autostore.backends.cloud.obstore.answers import Answer
from autostore.backends.cloud.obstore.bodies import CHUNK
from autostore.config import AzureStorageConfig
from autostore.engine.contract import Declined
from autostore.engine.objects import WRITE_ID, Said, in_quotes, plain_etag
from autostore.errors import InvalidConfigError, StorageConnectionError, StorageError, StorageFileNotFoundError
from autostore.guard.foreign import let_pass
from autostore.optional import require

__all__ = ["AzureCalls"]

PAGE = 1000

Call = Callable[[Any, Any, str], Any]


class AzureCalls:
    """What may be asked of a container."""

    def __init__(self, container: str, prefix: str, uri: str, config: AzureStorageConfig) -> None:
        self._client = AzureClient(container, config)
        self._prefix = prefix
        self._uri = uri
        self._is_there = False

    def look(self, path: str) -> Any:
        """What a HEAD says."""
        return self.understood(
            self._read(path, lambda ob, store, key: ob.get(store, key, options={"head": True})), path
        )

    def begun(self, path: str, options: dict[str, Any], most: int) -> Any:
        """An answer and the pieces of its body, or None instead of them above `most` bytes; or an `Answer`."""
        wanted = {name: value for name, value in options.items() if value is not None}

        def get(ob: Any, store: Any, key: str) -> tuple[Any, Any]:
            result = ob.get(store, key, options=wanted)
            if result.meta["size"] >= most:
                return result, None
            pieces = iter(result.stream(min_chunk_size=CHUNK))
            return result, (pieces, next(pieces, None))

        return self._read(path, get)

    def following(self, path: str, pieces: Iterator[Any], first: Any) -> Iterator[Any]:
        """The pieces of an answer, each waited for so that signals are heard."""
        while first:
            yield first
            first = self.understood(self._read(path, lambda *_: next(pieces, None)), path)

    def span(self, path: str, etag: str, start: int, stop: int) -> bytes:
        """Bytes of exactly this version."""
        options = {"range": (start, stop), "if_match": in_quotes(etag)}

        def get(ob: Any, store: Any, key: str) -> tuple[Any, bytes]:
            result = ob.get(store, key, options=options)
            return result, bytes(result.bytes())

        try:
            found = self._read(path, get)
        except StorageFileNotFoundError as error:
            raise changed(path, self._uri) from error
        if found is Answer.CHANGED or found is Answer.EMPTY:
            raise changed(path, self._uri)
        result, data = self.understood(found, path)
        if plain_etag(result.meta["e_tag"]) != etag:
            raise changed(path, self._uri)
        if len(data) != stop - start:
            raise not_azure("The answer ended early", path, self._uri)
        return data  # type: ignore[no-any-return]

    def put(self, path: str, body: bytes | Path, said: Said, mode: Any, **more: Any) -> str | None:
        """The new ETag; None where a condition did not hold, and nothing was written."""
        options = {"attributes": attributes_of(said), "mode": mode, "use_multipart": False, **more}
        try:
            found = self._ask(
                path,
                lambda ob, store, key: self._client.taken_back(
                    lambda: ob.put(store, key, body, **options), lambda: ob.put_async(store, key, body, **options)
                ),
            )
        except StorageConnectionError:
            if mode == "overwrite":
                raise
            etag = self._own(path, said)  # perhaps only the answer was lost
            if etag is None:
                raise
            return etag
        if found is Answer.CHANGED:
            return self._own(path, said)
        return plain_etag(self.understood(found, path)["e_tag"])

    def _own(self, path: str, said: Said) -> str | None:
        """The ETag of what is there, if it is this very write: an earlier attempt whose answer was lost."""
        try:
            result = self.look(path)
        except StorageFileNotFoundError:
            return None
        own = WRITE_ID in said.metadata and own_words(result).get(WRITE_ID) == said.metadata[WRITE_ID]
        return plain_etag(result.meta["e_tag"]) if own else None

    def delete(self, path: str) -> None:
        """An absent blob is no error."""
        self._ask(path, lambda ob, store, key: ob.delete(store, key))

    def chunks(self, prefix: str) -> Iterator[list[tuple[str, Any]]]:
        """Names below the store, and what is known of each, whose full name begins so."""
        stream = self._stream(prefix)
        while chunk := self._next(stream):
            yield self._beginning(chunk, prefix)

    def first_chunk(self, prefix: str) -> tuple[list[tuple[str, Any]], bool]:
        """The first of them, and whether there are no others."""
        chunk = self._next(self._stream(prefix))
        return self._beginning(chunk, prefix), len(chunk) < PAGE

    def _stream(self, prefix: str) -> Iterator[Any]:
        folder = prefix.rpartition("/")[0]
        return iter(require("obstore").list(self._store(), folder or None, chunk_size=PAGE))

    def _next(self, stream: Iterator[Any]) -> Any:
        return self._call(lambda *_: self._client.heard(lambda: next(stream, [])))

    def _beginning(self, chunk: Any, prefix: str) -> list[tuple[str, Any]]:
        start = len(self._prefix)
        return [(meta["path"][start:], meta) for meta in chunk if meta["path"].startswith(prefix)]

    def signed(self, path: str, expires: float) -> str:
        """A URL that reads one blob for so many seconds."""
        wanted = timedelta(seconds=int(expires))
        return str(self._read(path, lambda ob, store, key: ob.sign(store, "GET", key, wanted)))

    def close(self) -> None:
        """Drop the connections."""
        self._client.close()

    def understood(self, found: Any, path: str) -> Any:
        """The answer, if it is one; what nothing tells apart is a missing container or a missing blob."""
        if found is Answer.UNCLEAR:
            if not self._is_there:
                self._call(lambda ob, store: next(iter(ob.list(store, chunk_size=1)), None))
            raise not_found(path, self._uri)
        if isinstance(found, Answer):
            raise not_azure("What answers here is not Azure", path, self._uri)
        return found

    def _read(self, path: str, call: Call) -> Any:
        return self._ask(path, lambda ob, store, key: self._client.heard(lambda: call(ob, store, key)))

    def _call(self, call: Callable[[Any, Any], Any]) -> Any:
        """Of a listing: it is about no blob, and an error is one."""
        found = self._ask("", lambda ob, store, _: call(ob, store))
        if found is Answer.UNCLEAR:
            raise missing_container("", self._uri)
        return self.understood(found, "")

    def _ask(self, path: str, call: Call) -> Any:
        """What obstore answers; errors are raised outside of its own, whose text holds addresses and keys."""
        key = self._prefix + path
        if "\\" in key:
            raise impossible(path, self._uri)
        store, ob = self._store(), require("obstore")
        handled = sys.exc_info()[1]
        try:
            answer = call(ob, store, key)
        except BaseException as error:
            found = self._meaning(error, handled, key, path)
        else:
            self._is_there = True
            return answer
        if isinstance(found, StorageError):
            raise found
        return found

    def _meaning(
        self, error: BaseException, handled: BaseException | None, key: str, path: str
    ) -> Answer | StorageError:
        if type(error).__name__ == "PanicException":
            return not_azure("obstore failed", path, self._uri)
        if not isinstance(error, Exception) or isinstance(error, StorageError):
            raise error
        let_pass(error, handled, by_client=True)
        return meaning(error, key, path, self._uri)

    def _store(self) -> Any:
        try:
            return self._client.store()
        except Declined:
            raise InvalidConfigError(
                f"{self._uri} cannot be used in a process that was forked from one that used obstore. Start processes "
                "with multiprocessing's 'spawn' or 'forkserver'."
            ) from None
