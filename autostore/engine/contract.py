"""The contract below a bucket's backend: `Engine`, what one client library does with the objects below one URI.

An engine may decline a call, before anything of it was done or where nobody can tell; the complete one then does it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from autostore.backend import FileMetadata
from autostore.engine.objects import Said
from autostore.engine.traits import ServerTraits
from autostore.mark import Mark
from autostore.pieces.ranges import Tail
from autostore.versioning import Versioning

__all__ = ["Declined", "Engine", "Page", "SentParts"]


class Declined(Exception):  # noqa: N818 - an answer, not an error: another engine does it
    """This engine leaves the call to another."""


class Page(NamedTuple):
    """One page of a listing, and whether there is no other."""

    files: list[FileMetadata]
    whole: bool


class SentParts(ABC):
    """An upload whose parts leave while the next ones are made; `count` have left."""

    count: int

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Have the next part sent, once few enough are on their way; raises what an earlier one met."""

    @abstractmethod
    def complete(self) -> FileMetadata:
        """Publish the parts."""

    @abstractmethod
    def abort(self) -> None:
        """Leave nothing of it; never raises."""


class Engine:
    """Objects below one URI, by one client library; whatever an engine does not implement it declines.

    Paths are relative to the URI. Errors are this library's, name path and URI, and show no secret. An absent
    object is `StorageFileNotFoundError`, a missing bucket never. A condition that did not hold is
    `PreconditionFailedError`, and nothing changed. Many threads use one engine, and it works after a fork.
    """

    name: str = ""

    def head(self, path: str) -> FileMetadata:
        """What is known of one object, its user metadata included; one request."""
        raise Declined

    def get(
        self, path: str, file: Path, *, unless_etag: str | None = None, expected: int | None = None
    ) -> FileMetadata | None:
        """Write an object, whole and of one version, into `file`; None, and no file, where its ETag is `unless_etag`.

        After a failure `file` does not exist. `expected`: how many bytes it had where somebody looked just now.
        """
        raise Declined

    def last_bytes(
        self, path: str, reach: int, *, if_etag: str | None = None, unless_etag: str | None = None
    ) -> Tail | None:
        """The last `reach` bytes (of a shorter object all); None where the ETag is `unless_etag`."""
        raise Declined

    def read(self, path: str, etag: str, start: int, stop: int) -> bytes:
        """Bytes of exactly this version, else `PreconditionFailedError`."""
        raise Declined

    def put(
        self, path: str, file: Path, said: Said, *, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """One PUT of the whole file. With a condition `said` has a write id, by which a lost answer is told."""
        raise Declined

    def put_parts(self, path: str, file: Path, said: Said) -> FileMetadata:
        """The file in parallel parts, of which nothing is left where it fails; `said` has a write id."""
        raise Declined

    def put_bytes(self, path: str, data: bytes, said: Said) -> FileMetadata:
        """One PUT of what is in memory."""
        raise Declined

    def begin_parts(self, path: str, said: Said) -> SentParts:
        """Begin an object whose bytes are still to be made; `said` has a write id."""
        raise Declined

    def delete(self, path: str, *, if_etag: str | None = None) -> None:
        """Remove one object; an absent one is no error, but with `if_etag`, which not every server checks."""
        raise Declined

    def pages(self, prefix: str) -> Iterator[list[FileMetadata]]:
        """Everything whose path begins so, each object once, in the order of the bytes; one request a page."""
        raise Declined

    def page(self, prefix: str, *, most: int | None = None) -> Page:
        """One request: the objects whose paths begin so with no `/` behind; with `most` so many, with or without."""
        raise Declined

    def copy(
        self, source: str, target: str, said: Said, *, if_etag: str | None = None, over: str | None = "",
        seen: FileMetadata | None = None, place: tuple[str, str] | None = None,
    ) -> FileMetadata:  # fmt: skip
        """Have the server copy; the target's metadata is what is `said`.

        `if_etag` is the source's; `over` the target's (None: nothing is there; "": whatever is). Where the copy
        is of what was `seen` of the source nothing more is asked. `place`: bucket and prefix of a source elsewhere.
        """
        raise Declined

    def duplicate(self, source: str, target: str, *, if_etag: str) -> None:
        """Have the server copy with all that it knows of the source."""
        raise Declined

    def sweep(self) -> None:
        """Abort uploads in parts that nobody completed within a day."""
        raise Declined

    def versioning(self, says: Callable[[str, Mark | None], Said]) -> Versioning:
        """What the bucket keeps by itself; `says` is what a write of a path says."""
        raise Declined

    def traits(self) -> ServerTraits:
        """Which conditions the server checks; asked once for each bucket and process."""
        raise Declined

    def place(self) -> str:
        """The server's address, by which two stores know that they are on one."""
        raise Declined

    def is_aws(self) -> bool:
        """Whether the server is AWS itself, which checks every condition."""
        raise Declined

    def presigned(self, path: str, expires: float) -> str:
        """A URL by which anybody reads one object for so many seconds."""
        raise Declined

    def storage_options(self, engine: str) -> dict[str, Any]:
        """How another library reaches the bucket, in its own words."""
        raise Declined

    def close(self) -> None:
        """Let go of connections and threads; the next call opens them again."""
