"""What a branch remembers of its base, path by path, below `.autostore/base/`.

    .autostore/base/<path>/.autostore/saw         the branch wrote over the base's file; what that was then
                                      gone        the branch deleted it, and it stays hidden
                                      gone-bare   the same, of what was written under a bare key: its stem's others, too

Each holds `{"v": 1, "saw": <ETag>}`, the base's at the first change; empty where the base had nothing then.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable

from autostore.backend import StorageBackend
from autostore.disk.small import put_text, text_of
from autostore.errors import CorruptDataError, StorageFileNotFoundError, compose
from autostore.keys import RESERVED

__all__ = ["BARE", "GONE", "SAW", "SeenFiles"]

FOLDER = f"{RESERVED}/base/"
SAW, GONE, BARE = "saw", "gone", "gone-bare"
KINDS = frozenset((SAW, GONE, BARE))


class SeenFiles:
    """The files beside the values of one branch; who changes one holds the lock of its path."""

    def __init__(self, place: StorageBackend) -> None:
        self._place = place

    def of(self, path: str) -> frozenset[str]:
        """The kinds that there are of a path; one request."""
        start = f"{FOLDER}{path}/{RESERVED}/"
        return frozenset(file.path.removeprefix(start) for file in self._place.list_own(start)) & KINDS

    def below(self, prefix: str) -> dict[str, frozenset[str]]:
        """Every path that begins so, with its kinds; one request per 1,000."""
        found: dict[str, set[str]] = {}
        for file in self._place.list_own(f"{FOLDER}{prefix}"):
            path, ours, kind = file.path.removeprefix(FOLDER).rpartition(f"/{RESERVED}/")
            if ours and kind in KINDS:
                found.setdefault(path, set()).add(kind)
        return {path: frozenset(kinds) for path, kinds in found.items()}

    def saw(self, path: str, kinds: Iterable[str]) -> str:
        """The base's ETag when the branch first changed the path; "" where it had nothing then."""
        for kind in (BARE, GONE, SAW):
            if kind in kinds:
                with contextlib.suppress(StorageFileNotFoundError):
                    return self._read(f"{FOLDER}{path}/{RESERVED}/{kind}")
        return ""

    def put(self, path: str, kind: str, saw: str) -> None:
        """Remember."""
        with self._place.scratch_file() as file:
            put_text(file, json.dumps({"v": 1, "saw": saw}), f"key {path!r} in {self._place.uri}")
            self._place.upload(file, f"{FOLDER}{path}/{RESERVED}/{kind}")

    def drop(self, path: str, kinds: Iterable[str]) -> None:
        """Forget."""
        for kind in kinds:
            self._place.drop_own(f"{FOLDER}{path}/{RESERVED}/{kind}")

    def _read(self, path: str) -> str:
        with self._place.scratch_file() as file:
            self._place.download(path, file)
            try:
                saw = json.loads(text_of(file, f"key {path!r} in {self._place.uri}"))["saw"]
            except (ValueError, KeyError, TypeError) as error:
                problem, remedy = "What the branch saw of its base cannot be read", "Look at it, and keep it."
                raise CorruptDataError(compose(problem, key=path, uri=self._place.uri, remedy=remedy)) from error
        return str(saw)
