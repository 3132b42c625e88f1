"""What another manager wrote before: the files of Dagster's own, of dagster-polars and of plain stores, as they lie.

All of them lay an asset at `<prefix>/<asset key>` and a partition at `<asset key>/<partition>`, the values of several
dimensions one below the other in the order of their names; dagster-polars adds `.parquet`, a store its value's own
extension, Dagster's pickles have none, nor has what the original autostore wrote under a bare key.
"""

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autostore import (
    AutoStore,
    CorruptDataError,
    InvalidKeyError,
    LocalFileConfig,
    StorageConfig,
    StorageFileNotFoundError,
    UnknownTypeError,
    UntrustedDataError,
)
from autostore_dagster.keys import parse
from autostore_dagster.recognizing import extension_of

__all__ = ["Previous"]

Reading = Callable[[AutoStore, str], Any]
"""Reads a key of a store, as the consumer's annotation asks."""


@dataclasses.dataclass(frozen=True)
class Previous:
    """A place that is read where the own one has nothing, and never written.

    Attributes:
        store: the place.
        config: its settings, which say whether pickles may be read; they are not signed there.
    """

    store: AutoStore
    config: StorageConfig | None = None

    def read(self, key: str, reading: Reading) -> Any:
        """What lies there of the asset or partition that has this key here; not found where nothing does.

        A look and a read more than of the own place, and of a file without extension the whole of it in memory.
        """
        path = self._path(key)
        try:
            return reading(self.store, path)
        except (StorageFileNotFoundError, InvalidKeyError):
            if (content := self._content(path)) is None:
                return self._read_parquet(key, path, reading)
        except CorruptDataError:  # an asset called `q1.csv` was a pickle of that name, or Parquet
            content = self._content(path)
            if content is None or path.endswith(extension_of(content) or path):
                raise
        return self._recognized(path, content, reading)

    def _recognized(self, path: str, content: bytes, reading: Reading) -> Any:
        """What is in a file whose name does not say its format; whatever is no other one is taken for a pickle."""
        name = f"value{extension_of(content) or '.pkl'}"
        with tempfile.TemporaryDirectory(prefix="autostore-") as folder:
            Path(folder, name).write_bytes(content)
            with AutoStore(folder, self._pickles()) as store:
                try:
                    value = reading(store, name)
                    # A lazy table reads its file when it is collected, and this one is gone by then.
                    return value.collect().lazy() if type(value).__name__ == "LazyFrame" else value
                except (UntrustedDataError, UnknownTypeError, CorruptDataError) as error:
                    message = f"The file {path!r} of the previous place {self.store.uri} was not read: {error}"
                    raise type(error)(message) from error

    def _path(self, key: str) -> str:
        try:
            place = parse(key)
        except ValueError as error:  # too long a name, of which the key holds only a hash
            raise self._missing(key) from error
        if not place.asset:  # an op's output belongs to its run
            raise self._missing(key)
        return "/".join([*place.asset, *(value for _, value in sorted(place.partition.items()))])

    def _content(self, path: str) -> bytes | None:
        try:
            return self.store.read(path, as_type=bytes)
        except (StorageFileNotFoundError, InvalidKeyError):
            return None

    def _read_parquet(self, key: str, path: str, reading: Reading) -> Any:
        """Of a name that ends as a file's does, `q1.csv`, dagster-polars made `q1.csv.parquet`."""
        try:
            return reading(self.store, f"{path}.parquet")
        except (StorageFileNotFoundError, InvalidKeyError) as error:
            raise self._missing(key) from error

    def _missing(self, key: str) -> StorageFileNotFoundError:
        return StorageFileNotFoundError(f"Nothing is stored under {key!r}, nor in the previous place {self.store.uri}.")

    def _pickles(self) -> LocalFileConfig:
        given = self.config or StorageConfig()
        return LocalFileConfig(
            allow_pickle=given.allow_pickle, pickle_key=given.pickle_key, max_read_bytes=given.max_read_bytes
        )
