"""What a branch remembers of its base, path by path, below `.autostore/base/`.

    .autostore/base/<path>/.autostore/saw         the branch wrote over the base's file; what that was then
                                      gone        the branch deleted it, and it stays hidden
                                      gone-bare   the same, of what was written under a bare key: its stem's others, too

Each holds `{"v": 1, "saw": <ETag>, "at": <ns>}`: the base's at the first change, empty where it had nothing then; and
when the record was made, by the writer's clock.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from autostore.backend import StorageBackend, look
from autostore.disk.small import put_text, text_of
from autostore.errors import CorruptDataError, StorageFileNotFoundError, compose
from autostore.keys import RESERVED
from autostore.naming.versions import in_nanoseconds

__all__ = ["BARE", "GONE", "HIDES", "SAW", "SeenFiles"]

FOLDER = f"{RESERVED}/base/"
SAW, GONE, BARE = "saw", "gone", "gone-bare"
HIDES = frozenset((GONE, BARE))
KINDS = HIDES | {SAW}


class _Record(NamedTuple):
    saw: str
    at: int


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
        for path, kind, _ in self._records(prefix):
            found.setdefault(path, set()).add(kind)
        return {path: frozenset(kinds) for path, kinds in found.items()}

    def since(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Every path that begins so, and since when (ns) the base's file is not what the branch shows; 1 GET each.

        And a look at each that the branch wrote over: not what a writer or a promotion saw that was killed, where the
        branch has no file.
        """
        for path, kind, record in self._records(prefix):
            if kind == SAW and look(self._place, path) is None:
                continue
            with contextlib.suppress(StorageFileNotFoundError):
                yield path, self._read(record).at

    def saw(self, path: str, kinds: Iterable[str]) -> str:
        """The base's ETag when the branch first changed the path; "" where it had nothing then."""
        for kind in (BARE, GONE, SAW):
            if kind in kinds:
                with contextlib.suppress(StorageFileNotFoundError):
                    return self._read(f"{FOLDER}{path}/{RESERVED}/{kind}").saw
        return ""

    def at(self, path: str, kind: str) -> int:
        """When this record was made (ns); 0 where it is gone."""
        with contextlib.suppress(StorageFileNotFoundError):
            return self._read(f"{FOLDER}{path}/{RESERVED}/{kind}").at
        return 0

    def put(self, path: str, kind: str, saw: str) -> None:
        """Remember."""
        with self._place.scratch_file() as file:
            put_text(file, json.dumps({"v": 1, "saw": saw, "at": time.time_ns()}), f"key {path!r} in {self._place.uri}")
            self._place.upload(file, f"{FOLDER}{path}/{RESERVED}/{kind}")

    def drop(self, path: str, kinds: Iterable[str]) -> None:
        """Forget."""
        for kind in kinds:
            self._place.drop_own(f"{FOLDER}{path}/{RESERVED}/{kind}")

    def _records(self, prefix: str) -> Iterator[tuple[str, str, str]]:
        """(path, kind, where the record lies)."""
        for file in self._place.list_own(f"{FOLDER}{prefix}"):
            path, ours, kind = file.path.removeprefix(FOLDER).rpartition(f"/{RESERVED}/")
            if ours and kind in KINDS:
                yield path, kind, file.path

    def _read(self, path: str) -> _Record:
        with self._place.scratch_file() as file:
            there = self._place.download(path, file)
            assert there is not None
            try:
                record = json.loads(text_of(file, f"key {path!r} in {self._place.uri}"))
                # Older versions wrote no time.
                return _Record(str(record["saw"]), int(record.get("at", in_nanoseconds(there.modified_time))))
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
                problem, remedy = "What the branch saw of its base cannot be read", "Look at it, and keep it."
                raise CorruptDataError(compose(problem, key=path, uri=self._place.uri, remedy=remedy)) from error
