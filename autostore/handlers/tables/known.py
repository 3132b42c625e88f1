"""Types of Arrow that pandas does not find again by the names that it records in a footer itself.

Of lists, structs, maps, decimals and dictionaries it writes the text of the dtype, and fails on reading it;
by the name `object` the same column is read.
"""

from __future__ import annotations

import json
from typing import Any

from autostore.optional import require

__all__ = ["found_again", "to_pandas"]


def to_pandas(table: Any) -> Any:
    """The frame, also where pandas wrote such types: Arrow's own."""
    table, unknown = found_again(table)
    return table.to_pandas(types_mapper=lambda kind: require("pandas").ArrowDtype(kind) if kind in unknown else None)


def found_again(table: Any) -> tuple[Any, list[Any]]:
    """The table without their names, and these types."""
    metadata = dict(table.schema.metadata or {})
    told, unknown = metadata.get(b"pandas", b""), []
    if b"[pyarrow]" not in told:
        return table, []
    found = json.loads(told)
    for column in found["columns"]:
        try:
            require("pandas").api.types.pandas_dtype(column["numpy_type"])
        except (TypeError, NotImplementedError, ValueError):
            column["numpy_type"] = "object"
            unknown.append(table.schema.field(column["field_name"]).type)
    return table.replace_schema_metadata({**metadata, b"pandas": json.dumps(found).encode()}), unknown
