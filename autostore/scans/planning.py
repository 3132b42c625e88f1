"""Before a scan runs: which versions it is of, and which columns they have together."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autostore.errors import InvalidConfigError
from autostore.optional import require
from autostore.parallel import in_order
from autostore.pieces.ranges import REACH
from autostore.scans.batches import SMALL
from autostore.scans.constants import of_folders
from autostore.scans.fetching import Opener
from autostore.scans.footer import footer_of
from autostore.scans.parts import Part, named_damage
from autostore.scans.schemas import schema_of, united
from autostore.scans.source import Source

__all__ = ["look", "over", "planned", "typed"]

Schema = Mapping[str, Any]

SAMPLE = 16
"""How many tables of a folder are looked at for its schema, the first and the last among them."""

KEPT_BYTES = 64 << 20
"""Last bytes of tables that are kept from planning until the scan runs, together."""


def look(opener: Opener, part: Part, *, reach: int = REACH) -> tuple[Part, Schema]:
    """The version that is there, or still is, and its columns; 1 request."""
    opened = opener.open(part.path, part.extension, etag=part.etag or None, reach=reach)
    with contextlib.closing(opened) as pinned:
        tail = pinned.tail
        found = dataclasses.replace(part, etag=tail.etag, size=tail.size, tail=tail)
        with named_damage(found):
            return found, schema_of(footer_of(tail, pinned.read))


def planned(opener: Opener, parts: Sequence[Part], schema: Any) -> tuple[list[Part], Schema]:
    """The tables, and the columns of their files: given, or of a sample, or of all."""
    if isinstance(schema, Mapping):
        _check("schema", schema)
        return list(parts), dict(schema)
    if schema not in (None, "all"):
        raise InvalidConfigError(f"schema={schema!r:.80} is not understood. Pass 'all', a mapping, or nothing.")
    chosen = range(len(parts)) if schema == "all" else _spread(len(parts), SAMPLE)

    def look_at(number: int) -> tuple[int, Part, Schema]:
        size = parts[number].size
        return number, *look(opener, parts[number], reach=size if size <= SMALL else REACH)

    room, schemas, found = KEPT_BYTES, [], list(parts)
    for number, part, own in in_order(look_at, chosen, opener.backend.concurrency):
        schemas.append((part.name, own))
        room -= len(part.tail.data) if part.tail is not None else 0
        if room > 0:
            found[number] = part
    return found, united(schemas)


def over(opener: Opener, parts: Sequence[Part], stored: Schema, constants: Schema) -> Source:
    """The tables as one; a column that the files have themselves is theirs, whatever their folders say."""
    return Source(opener, parts, stored, {name: dtype for name, dtype in constants.items() if name not in stored})


def typed(parts: Sequence[Part], names: Sequence[str], wanted: Schema) -> tuple[list[Part], Schema]:
    """The tables with the values of their folders as these dtypes; text where none is given."""
    pl = require("polars")
    _check("hive_schema", wanted)
    unknown = sorted(wanted.keys() - set(names))
    if unknown:
        raise InvalidConfigError(
            f"hive_schema has {unknown[0]!r:.80}, and no folder is named so. There are {', '.join(names) or 'none'}."
        )
    columns = {name: of_folders(name, parts, wanted.get(name, pl.String)) for name in names}
    if not wanted:
        return list(parts), dict.fromkeys(names, pl.String)
    rows = pl.DataFrame(columns).to_dicts()
    changed = [dataclasses.replace(part, constants=row) for part, row in zip(parts, rows, strict=True)]
    return changed, {name: column.dtype for name, column in columns.items()}


def _check(argument: str, schema: Schema) -> None:
    """Refuse what is no dtype: each is given as Polars' own."""
    data_type = require("polars").DataType
    for name, dtype in schema.items():
        if not isinstance(dtype, data_type) and not (isinstance(dtype, type) and issubclass(dtype, data_type)):
            raise InvalidConfigError(
                f"{argument} has {dtype!r:.80} for {name!r:.80}, which is no dtype of Polars. "
                "Pass one, such as pl.Int64 or pl.String."
            )


def _spread(count: int, most: int) -> Iterable[int]:
    """Numbers below `count`, evenly spread, the first and the last among them."""
    if count <= most:
        return range(count)
    return [round(n * (count - 1) / (most - 1)) for n in range(most)]
