"""How much memory the texts of a table of Arrow take, once each cell has its own."""

from __future__ import annotations

from typing import Any

from autostore.errors import UnsupportedFormatError
from autostore.handlers.tables.dictionary import texts_in
from autostore.optional import require

__all__ = ["spelt_out"]


def spelt_out(table: Any, *, categories: bool = True) -> int:
    """Bytes of the texts of a table that share a place with others, once each takes its own; and of categories."""
    return sum(_lengths(chunk, categories) for column in table.columns for chunk in column.chunks)


def _lengths(array: Any, categories: bool) -> int:
    pa, compute = require("pyarrow"), require("pyarrow.compute")
    if pa.types.is_string_view(array.type) or pa.types.is_binary_view(array.type):
        views = memoryview(array.buffers()[1] or b"").cast("i")
        return sum(views[4 * array.offset : 4 * (array.offset + len(array)) : 4])  # each begins with its length
    if isinstance(array, pa.ExtensionArray):
        return _lengths(array.storage, categories)
    if pa.types.is_dictionary(array.type):
        if not categories:
            return 0
        words = texts_in(array.dictionary)
        return compute.sum(compute.binary_length(words).take(array.indices), min_count=0).as_py() or 0
    if pa.types.is_struct(array.type):
        return sum(_lengths(part, categories) for part in array.flatten())
    if pa.types.is_list_view(array.type) or pa.types.is_large_list_view(array.type):
        items, own = compute.sum(array.sizes, min_count=0).as_py(), _lengths(array.values, categories)
        return own if items <= len(array.values) else int(items * max(own, 8))  # its lists share their items
    if pa.types.is_map(array.type):
        return _lengths(array.keys, categories) + _lengths(array.items, categories)
    if pa.types.is_union(array.type) or pa.types.is_run_end_encoded(array.type):
        problem = f"Columns of the type {array.type!s:.80} are read by Arrow only"
        raise UnsupportedFormatError(f"{problem}. Read the table with as_type=pyarrow.Table.")
    return _lengths(array.flatten(), categories) if array.type.num_fields else 0
