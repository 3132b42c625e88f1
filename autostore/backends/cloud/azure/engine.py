"""The engine of Azure: blobs by obstore, complete, so that it declines nothing.

Azure checks the conditions of a PUT; obstore sends none with a DELETE, so that is looked at before, and a copy goes
through this machine, where the version that was read is known and the target's condition is a PUT's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from autostore.backend import FileMetadata, changed, exists_already
from autostore.backends.cloud.azure.answers import not_azure
from autostore.backends.cloud.azure.blobs import described, own_words, seen
from autostore.backends.cloud.azure.calls import AzureCalls
from autostore.backends.cloud.azure.options import account, address, options_for
from autostore.backends.cloud.obstore.answers import Answer
from autostore.backends.cloud.obstore.bodies import write_body
from autostore.config import AzureStorageConfig
from autostore.disk.failures import disk_errors_are_typed
from autostore.engine.contract import Declined, Engine, Page
from autostore.engine.objects import Said, in_quotes, written
from autostore.engine.traits import ServerTraits
from autostore.errors import InvalidConfigError, PreconditionFailedError, compose
from autostore.mark import Mark
from autostore.parallel import in_order
from autostore.pieces.ranges import Tail
from autostore.versioning import Versioning

__all__ = ["AzureEngine"]

ATTEMPTS = 4
"""How often a read begins again because the blob was replaced."""


class AzureEngine(Engine):
    """Blobs below `az://container/prefix`; `scratch` gives a temporary file for a copy on its way."""

    name = "obstore"

    def __init__(
        self,
        container: str,
        prefix: str,
        uri: str,
        config: AzureStorageConfig,
        scratch: Callable[[], AbstractContextManager[Path]],
    ) -> None:
        self._calls = AzureCalls(container, prefix, uri, config)
        self._prefix = prefix
        self._uri = uri
        self._config = config
        self._scratch = scratch

    def head(self, path: str) -> FileMetadata:
        """One HEAD, which shows user metadata."""
        return described(path, self._calls.look(path))

    def get(
        self, path: str, file: Path, *, unless_etag: str | None = None, expected: int | None = None
    ) -> FileMetadata | None:
        """One GET, from the first byte on; an empty blob refuses that, and is asked for whole."""
        options: dict[str, Any] = {"range": {"offset": 0}} if expected != 0 else {}
        if unless_etag is not None:
            options["if_none_match"] = in_quotes(unless_etag)
        found = self._calls.begun(path, options, self._config.multipart_threshold)
        if found is Answer.EMPTY:
            found = self._calls.begun(path, {**options, "range": None}, self._config.multipart_threshold)
        if found is Answer.SAME:
            return None
        result, body = self._calls.understood(found, path)
        told = described(path, result)
        if tuple(result.range) != (0, told.size):
            raise not_azure("What answers here is not Azure", path, self._uri)
        pieces = self._calls.following(path, *body) if body is not None else self._parts(told)
        if not write_body(pieces, told.size, file, f"key {path!r} in {self._uri}"):
            raise not_azure("The answer ended early", path, self._uri)
        return told

    def _parts(self, told: FileMetadata) -> Iterator[bytes]:
        """A large blob in parallel ranges of one version."""
        step, width = self._config.multipart_chunksize, self._config.max_concurrency
        spans = [(start, min(start + step, told.size)) for start in range(0, told.size, step)]
        return in_order(lambda span: self.read(told.path, told.etag, *span), spans, width)

    def last_bytes(
        self, path: str, reach: int, *, if_etag: str | None = None, unless_etag: str | None = None
    ) -> Tail | None:
        """A HEAD and a GET: Azure knows no last bytes."""
        for attempt in range(ATTEMPTS):
            found = self.head(path)
            if if_etag is not None and found.etag != if_etag:
                raise changed(path, self._uri)
            if found.etag == unless_etag:
                return None
            try:
                data = self.read(path, found.etag, max(0, found.size - reach), found.size)
            except PreconditionFailedError:
                if if_etag is not None or attempt == ATTEMPTS - 1:
                    raise
                continue
            return Tail(found.etag, found.size, data)
        return None

    def read(self, path: str, etag: str, start: int, stop: int) -> bytes:
        """One GET."""
        if start >= stop:
            return b""
        return self._calls.span(path, etag, start, stop)

    def put(
        self, path: str, file: Path, said: Said, *, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """One PUT from memory; after a refusal a HEAD more tells whether it was our own."""
        with disk_errors_are_typed(f"key {path!r} in {self._uri}"):
            data = file.read_bytes()
        mode: Any = "create" if if_absent else "overwrite" if if_etag is None else {"e_tag": in_quotes(if_etag)}
        etag = self._calls.put(path, data, said, mode)
        if etag is None:
            raise exists_already(path, self._uri) if if_absent else changed(path, self._uri)
        return written(path, len(data), {"ETag": etag}, said)

    def put_bytes(self, path: str, data: bytes, said: Said) -> FileMetadata:
        """One PUT."""
        return written(path, len(data), {"ETag": self._calls.put(path, data, said, "overwrite")}, said)

    def put_parts(self, path: str, file: Path, said: Said) -> FileMetadata:
        """Blocks, `max_concurrency` at once, and what publishes them; of a failure Azure forgets them in a week."""
        with disk_errors_are_typed(f"key {path!r} in {self._uri}"):
            size = file.stat().st_size
        etag = self._calls.put(path, file, said, "overwrite", chunk_size=self._config.multipart_chunksize,
                               max_concurrency=self._config.max_concurrency, use_multipart=True)  # fmt: skip
        return written(path, size, {"ETag": etag}, said)

    def delete(self, path: str, *, if_etag: str | None = None) -> None:
        """One request; whoever has a condition looks before."""
        self._calls.delete(path)

    def pages(self, prefix: str) -> Iterator[list[FileMetadata]]:
        """1,000 blobs at a time, of the whole folder in which the prefix ends."""
        for chunk in self._calls.chunks(self._prefix + prefix):
            yield [seen(name, meta) for name, meta in chunk]

    def page(self, prefix: str, *, most: int | None = None) -> Page:
        """The first 1,000 of the folder."""
        chunk, whole = self._calls.first_chunk(self._prefix + prefix)
        found = [seen(name, meta) for name, meta in chunk if most is not None or "/" not in name[len(prefix) :]]
        return Page(found[:most], whole)

    def copy(
        self, source: str, target: str, said: Said, *, if_etag: str | None = None, over: str | None = "",
        seen: FileMetadata | None = None, place: tuple[str, str] | None = None,
    ) -> FileMetadata:  # fmt: skip
        """A GET, and a PUT under the target's condition."""
        if place is not None:
            raise Declined
        with self._scratch() as file:
            found = self.get(source, file)
            if found is None or (if_etag is not None and found.etag != if_etag):
                raise changed(source, self._uri)
            if over == "" and found.size >= self._config.multipart_threshold:
                return self.put_parts(target, file, said.identified())
            if over == "":
                return self.put(target, file, said)
            return self.put(target, file, said.identified(), if_etag=over, if_absent=over is None)

    def duplicate(self, source: str, target: str, *, if_etag: str) -> None:
        """As `copy`."""
        result = self._calls.look(source)
        said = Said(own_words(result), dict(result.attributes).get("Content-Type"))
        self.copy(source, target, said, if_etag=if_etag)

    def sweep(self) -> None:
        """Nothing: Azure itself forgets blocks that nobody published."""

    def versioning(self, says: Callable[[str, Mark | None], Said]) -> Versioning:
        """None that this library reads."""
        problem = 'A container keeps no versions that history="native" reads'
        raise InvalidConfigError(compose(problem, uri=self._uri, remedy="Open the store with history=True."))

    def traits(self) -> ServerTraits:
        """No request: a copy checks what it read, and is published by a PUT."""
        return ServerTraits(delete=False, source=True, target=True)

    def place(self) -> str:
        """The account, or the address that was set."""
        return address(self._config) or f"azure:{account(self._config)}"

    def is_aws(self) -> bool:
        """Never."""
        return False

    def presigned(self, path: str, expires: float) -> str:
        """No request, with the account's key."""
        return self._calls.signed(path, expires)

    def storage_options(self, engine: str) -> dict[str, Any]:
        """As Polars and delta-rs want them."""
        return options_for(engine, self._config)

    def close(self) -> None:
        """Drop the connections."""
        self._calls.close()
