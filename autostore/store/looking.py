"""What a store shows of itself: to a program, to a person, to a notebook; nothing is loaded for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from autostore.info.shown import Shown
from autostore.info.values import Entry, Formats, Info, Tree
from autostore.keys import Key
from autostore.preview import Preview
from autostore.store.describing import Describer

__all__ = ["LookingInterface"]

SHOWN_KEYS = 200
"""How many keys a notebook shows of a store."""

COMPLETED_KEYS = 1000
"""How many it completes."""


class LookingInterface(ABC):
    """What a store shows, over its describer."""

    _describer: Describer

    @abstractmethod
    def _key(self, key: object) -> Key:
        """The key, checked and parsed."""

    @abstractmethod
    def read(self, key: str, *, as_type: Any = None) -> Any:
        """See `AutoStore.read`."""

    @abstractmethod
    def preview(self, data: Any, *, format: str | None = None) -> Preview:
        """See `AutoStore.preview`."""

    def info(self, key: str) -> Info:
        """Type, shape, columns, size and more of an object, from its file's header; it is not loaded.

        1 request as `get_metadata`, and of the file its first or last bytes; where the place gives no pieces of a
        file, one of up to 64 MiB is fetched, and of a larger one only size and time are told.

        Raises:
            StorageFileNotFoundError: nothing is stored here.
            CorruptDataError: the header is damaged.
        """
        return self._describer.info(self._key(key))

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """As `keys(prefix)`, each with its file, size, time and ETag; 1 request per 1,000 objects, flat memory."""
        return self._describer.entries(prefix)

    def tree(self, prefix: str = "", *, limit: int | None = None, headers: bool = False) -> Tree:
        """The keys that begin with `prefix`, in folders; `print` shows it.

        1 request per 1,000 objects, up to `limit` keys; with `headers` each is looked at as `info` does.
        """
        return self._describer.tree(prefix, limit, headers=headers)

    def formats(self) -> Formats:
        """Every format, in the order in which they are asked for a value; `print` shows them; no request."""
        return self._describer.formats()

    def show(self, key: str) -> Shown:
        """What a person would look at first in a stored value: a picture, a table's head; it prints, too.

        Costs as `read`, and as `preview` of what was read.
        """
        return Shown(key, self.preview(self.read(key)))

    def _repr_html_(self) -> str:
        """The first keys as a foldable tree, for notebooks; costs as `tree(limit=200, headers=True)`."""
        return self.tree(limit=SHOWN_KEYS, headers=True)._repr_html_()

    def _ipython_key_completions_(self) -> list[str]:
        """The first keys, for `store["<TAB>`; one listing of as many."""
        return [entry.key for _, entry in zip(range(COMPLETED_KEYS), self.entries(), strict=False)]
