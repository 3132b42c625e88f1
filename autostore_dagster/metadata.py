"""What the UI shows of a stored value: facts of the file, and the preview that the value's handler gives.

A preview is bounded by the store: an event log is no place for the data itself.
"""

from dataclasses import dataclass
from typing import Any

import dagster as dg

from autostore import AutoStore, FileMetadata
from autostore.plugins import Preview
from autostore_dagster.rendering import is_line, rendered, sendable

__all__ = ["COLUMNS", "PREVIEW_ERROR", "STORED_COLUMNS", "Stored", "describe"]

PREVIEW_ERROR = "preview_error"

COLUMNS = "dagster/column_schema"

STORED_COLUMNS = "stored_columns"
"""The same as they are stored, where the asset tells columns of its own."""

# Larger lazy tables are not read back for a preview: on S3 that would be a download.
LARGEST_READ_BACK = 64 * 1024 * 1024

LONGEST_ERROR = 2_000
"""Characters."""


@dataclass(frozen=True)
class Stored:
    """One value as it was written: key, place, file, seconds it took, the asked format, its version if one is kept."""

    key: str
    store_uri: str
    file: FileMetadata
    seconds: float
    format: str | None = None
    version: str | None = None


def describe(
    store: AutoStore,
    value: Any,
    stored: Stored,
    *,
    partitioned: bool,
    previews: bool,
    described: dg.TableSchema | None = None,
) -> dict[str, dg.MetadataValue]:
    """Facts of the file, and the value's preview; one that fails adds only its error.

    What there is to look at comes first, as the UI keeps the order. `described` says of columns what they mean.
    """
    found: dict[str, dg.MetadataValue] = {}
    if previews and value is not None:
        try:
            found = rendered(_preview(store, value, stored), described)
        except Exception as error:  # a preview runs users' code (reprs, lazy plans); it must not fail a stored output
            problem = f"{type(error).__name__}: {error}"
            found = {PREVIEW_ERROR: dg.MetadataValue.text(sendable(f"{problem:.{LONGEST_ERROR}}"))}
    if partitioned and "dagster/row_count" in found:
        found["dagster/partition_row_count"] = found.pop("dagster/row_count")
    looked_at = {name: shown for name, shown in found.items() if name == "head" or not is_line(shown)}
    facts = _facts(value, stored)
    return looked_at | facts | {name: shown for name, shown in found.items() if name not in facts}


def _facts(value: Any, stored: Stored) -> dict[str, dg.MetadataValue]:
    file = stored.file
    extension = file.path.removeprefix(stored.key)
    kind = type(value)
    facts: dict[str, dg.MetadataValue] = {
        "uri": dg.MetadataValue.path(f"{stored.store_uri.rstrip('/')}/{file.path}"),
        "key": dg.MetadataValue.text(stored.key),
        "format": dg.MetadataValue.text(extension),
        "type": dg.MetadataValue.text(f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")),
        "etag": dg.MetadataValue.text(file.etag),
        "load": dg.MetadataValue.text(f'AutoStore("{stored.store_uri}")["{stored.key}"]'),
        "dagster/size_bytes": dg.MetadataValue.int(file.size),
        "write_seconds": dg.MetadataValue.float(round(stored.seconds, 4)),
    }
    if stored.version is not None:
        facts["version"] = dg.MetadataValue.text(stored.version)
    if stored.seconds > 0:
        facts["write_mb_per_second"] = dg.MetadataValue.float(round(file.size / 1e6 / stored.seconds, 3))
    return facts


def _preview(store: AutoStore, value: Any, stored: Stored) -> Preview:
    """The value's preview; of a lazy table that of what was stored, so that its plan does not run again."""
    if type(value).__name__ == "LazyFrame":
        if stored.file.size > LARGEST_READ_BACK and not stored.store_uri.startswith("file:"):
            return {}
        value = store.read(stored.key, as_type=type(value))
    return store.preview(value, format=stored.format)
