"""What a Parquet file's footer says of the kind of table: `autostore` = `{"v": 1, "type": "polars.LazyFrame"}`.

Beside the type stands what Parquet itself has no room for: `rows` of a table without columns,
`freq` of a pandas index, the `name` of a pandas Series where that is no text, and the recipe (`parts`) of what
pandas holds and Parquet does not: such a file has `"v": 2`, so that no older version takes its columns for the value.
https://parquet.apache.org/docs/file-format/metadata/
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping
from typing import Any

from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.handlers.tables.footer import check_levels, read_footer
from autostore.handlers.tables.kinds import KINDS
from autostore.optional import require

__all__ = ["MARK", "TableMark", "mark_text", "read_mark"]

MARK = "autostore"
"""The key in the footer; readers here strip it."""

TableMark = Mapping[str, Any]


def mark_text(kind: str, **details: Any) -> str:
    """The mark of a new file."""
    return json.dumps(
        {"v": 2 if "parts" in details else 1, "type": kind, **details}, ensure_ascii="parts" not in details
    )


def read_mark(stream: Any) -> TableMark:
    """The mark of an open file, which is then at its beginning; a file without one is a Polars DataFrame."""
    text = _text(stream)
    stream.seek(0)
    if text is None:
        return {"type": "polars.DataFrame"}
    try:
        mark: TableMark = json.loads(text)
        version, kind = mark["v"], mark["type"]
    except (ValueError, TypeError, KeyError) as error:
        raise UnsupportedFormatError(
            f"The file's own metadata says {text!r:.80} under {MARK!r}, where this library names the kind of table, "
            "and another program means something else. Read store.path(key) with polars or pyarrow."
        ) from error
    if version not in (1, 2):
        raise CorruptDataError(f"The file has version {version!r:.40}. Upgrade autostore.")
    if kind not in KINDS:
        raise CorruptDataError(f"The file names an unknown kind of table {kind!r:.80}. Upgrade autostore.")
    return mark


def _text(stream: Any) -> str | None:
    check_levels(stream)
    # Either library reads a footer; the one that is loaded, or installed, does, many times as fast as we.
    try:
        if sys.modules.get("polars") is not None or importlib.util.find_spec("pyarrow") is None:
            found: str | None = require("polars").read_parquet_metadata(stream).get(MARK)
        else:
            metadata = require("pyarrow.parquet").read_metadata(stream).metadata or {}
            found = metadata.get(MARK.encode(), b"").decode() or None
    except NotImplementedError:  # Arrow's; it reads no footer of a type that it does not know
        stream.seek(0)
        return read_footer(stream).said(MARK)
    except Exception as error:  # Polars', of a logical type that it does not know
        let_pass(error)
        stream.seek(0)
        try:
            return read_footer(stream).said(MARK)
        except CorruptDataError:
            raise error from None
    return found
