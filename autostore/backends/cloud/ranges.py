"""Ranges of one version of an object: each request names its ETag, so that no two are of different versions."""

from __future__ import annotations

from collections.abc import Sequence

from autostore.engine.contract import Engine
from autostore.parallel import in_order
from autostore.pieces.ranges import Ranges, Span, Tail

__all__ = ["EngineRanges"]

LONGEST = 16 << 20
"""Bytes of one request: a longer range comes over several connections."""


class EngineRanges(Ranges):
    """A version of an object, by whatever engine reads it; `width` is how many requests are worth having at once."""

    def __init__(self, engine: Engine, path: str, width: int) -> None:
        self._engine = engine
        self._path = path
        self._width = width

    def opened(self, reach: int, if_etag: str | None, seen: Tail | None) -> EngineRanges:
        """The same, of the version that is there, or still is: one GET of its last `reach` bytes at most."""
        self.tail = self._last_bytes(reach, if_etag, seen)
        return self

    def _last_bytes(self, reach: int, if_etag: str | None, seen: Tail | None) -> Tail:
        """The version that is there, and its last bytes; those that were `seen` are only confirmed."""
        if seen is None or if_etag not in (None, seen.etag):
            found = self._engine.last_bytes(self._path, reach, if_etag=if_etag)
            assert found is not None
            return found
        if if_etag is not None:
            return seen  # every range says whether it is still so
        return self._engine.last_bytes(self._path, reach, unless_etag=seen.etag) or seen

    def read(self, spans: Sequence[Span]) -> list[bytes]:
        """One GET for each, `max_concurrency` at once; a long one in several."""
        cut = [(n, at, min(at + LONGEST, stop)) for n, (start, stop) in enumerate(spans)
               for at in range(start, stop, LONGEST)]  # fmt: skip
        pieces: list[list[bytes]] = [[] for _ in spans]

        def one(part: tuple[int, int, int]) -> bytes:
            return self._engine.read(self._path, self.tail.etag, part[1], part[2])

        for (n, _, _), data in zip(cut, in_order(one, cut, min(self._width, len(cut))), strict=True):
            pieces[n].append(data)
        return [found[0] if len(found) == 1 else b"".join(found) for found in pieces]
