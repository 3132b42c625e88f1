"""What the UI shows of a stored value: facts of the file, and what the builder of its family says.

Everything is bounded: an event log is no place for the data itself.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from autostore import AutoStore, FileMetadata
from autostore_dagster.metadata import arrays, images, records, tables, text
from autostore_dagster.metadata.bounds import clip

__all__ = ["PREVIEW_ERROR", "Stored", "describe"]

PREVIEW_ERROR = "preview_error"

# Larger lazy tables are not read back for a preview: on S3 that would be a download.
LARGEST_READ_BACK = 64 * 1024 * 1024

FIRST = ("head", "thumbnail", "preview", "fields", "layers")

Builder = Callable[[Any], Mapping[str, Any]]

# By the package and name of a class or one of its bases, so that nothing is imported for asking.
BUILDERS: Mapping[str, Builder] = {
    "polars.DataFrame": tables.polars_frame,
    "polars.LazyFrame": tables.polars_lazy,
    "pandas.DataFrame": tables.pandas_frame,
    "pyarrow.Table": tables.arrow_table,
    "numpy.ndarray": arrays.array,
    "scipy.sparray": arrays.sparse,
    "scipy.spmatrix": arrays.sparse,
    "torch.Tensor": arrays.tensor,
    "torch.Module": arrays.module,
    "PIL.Image": images.image,
    "pydantic.BaseModel": records.model,
    "builtins.str": text.text,
    "builtins.bytes": text.binary,
    "builtins.dict": records.mapping,
    "builtins.list": records.sequence,
    "builtins.int": records.scalar,
    "builtins.float": records.scalar,
}


@dataclass(frozen=True)
class Stored:
    """One value as it was written: its key, the store's URI, its file and how long it took (seconds)."""

    key: str
    store_uri: str
    file: FileMetadata
    seconds: float


def describe(
    store: AutoStore, value: Any, stored: Stored, *, partitioned: bool, previews: bool
) -> dict[str, dg.MetadataValue]:
    """Facts of the file, and what the value's family adds; a family that fails adds only its error.

    What there is to look at comes first, as the UI keeps the order.
    """
    found = _facts(value, stored)
    if previews and value is not None:
        try:
            found |= _builder(value)(_readable(store, value, stored))
        except Exception as error:  # a preview runs users' code (reprs, lazy plans); it must not fail a stored output
            found[PREVIEW_ERROR] = dg.MetadataValue.text(clip(f"{type(error).__name__}: {error}"))
    if partitioned and "dagster/row_count" in found:
        found["dagster/partition_row_count"] = found.pop("dagster/row_count")
    return {name: found[name] for name in FIRST if name in found} | found


def _facts(value: Any, stored: Stored) -> dict[str, Any]:
    file = stored.file
    extension = file.path.removeprefix(stored.key)
    kind = type(value)
    facts: dict[str, Any] = {
        "uri": dg.MetadataValue.path(f"{stored.store_uri.rstrip('/')}/{file.path}"),
        "key": dg.MetadataValue.text(stored.key),
        "format": dg.MetadataValue.text(extension),
        "type": dg.MetadataValue.text(f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")),
        "etag": dg.MetadataValue.text(file.etag),
        "load": dg.MetadataValue.text(f'AutoStore("{stored.store_uri}")["{stored.key}"]'),
        "dagster/size_bytes": dg.MetadataValue.int(file.size),
        "write_seconds": dg.MetadataValue.float(round(stored.seconds, 4)),
    }
    if stored.seconds > 0:
        facts["write_mb_per_second"] = dg.MetadataValue.float(round(file.size / 1e6 / stored.seconds, 3))
    return facts


def _builder(value: Any) -> Builder:
    if dataclasses.is_dataclass(value):
        return records.record
    for base in type(value).__mro__:
        builder = BUILDERS.get(f"{base.__module__.partition('.')[0]}.{base.__name__}")
        if builder is not None:
            return builder
    return lambda _value: {}


def _readable(store: AutoStore, value: Any, stored: Stored) -> Any:
    """A lazy table as it was stored, so that its plan does not run a second time."""
    if type(value).__name__ != "LazyFrame":
        return value
    if stored.file.size > LARGEST_READ_BACK and not stored.store_uri.startswith("file:"):
        return None
    return store.read(stored.key, as_type=type(value))
