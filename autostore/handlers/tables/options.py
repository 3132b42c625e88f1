"""How a Parquet file is laid out: what `write(..., options=...)` may say, in the words of both libraries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from autostore.errors import InvalidConfigError

__all__ = ["DEFAULT", "ROWS", "ParquetOptions"]

ROWS = 122_880
"""Rows of a group where nobody says, as Polars has it: few enough to be worth skipping, enough to compress."""

_CODECS = ("zstd", "snappy", "lz4", "gzip", "brotli", "uncompressed")
_LEVELLED = ("zstd", "gzip", "brotli")


@dataclass(frozen=True)
class ParquetOptions:
    """What a file is to be like; the defaults are what scans can skip by.

    Attributes:
    compression: one of zstd, snappy, lz4, gzip, brotli, uncompressed.
    compression_level: of the codec's own; None: its default.
    row_group_size: rows that are skipped or read together, at most; None: some 120,000.
    statistics: whether the footer has least and greatest value of each column and group, by which scans skip.
    """

    compression: str = "zstd"
    compression_level: int | None = None
    row_group_size: int | None = None
    statistics: bool = True

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Checked; `InvalidConfigError` names what cannot be."""
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise InvalidConfigError(f"Parquet has no option {name!r:.80}. Its options are {', '.join(known)}.")
        made = cls(**options)
        if made.compression not in _CODECS:
            raise InvalidConfigError(f"compression is {made.compression!r:.80}. Pass one of {', '.join(_CODECS)}.")
        if type(made.statistics) is not bool:
            raise InvalidConfigError(f"statistics is {made.statistics!r:.80}. Pass True or False.")
        for name in ("compression_level", "row_group_size"):
            value = getattr(made, name)
            if value is not None and (type(value) is not int or (name == "row_group_size" and value < 1)):
                raise InvalidConfigError(f"{name} is {value!r:.80}. Pass a whole number, or None.")
        if made.compression_level is not None and made.compression not in _LEVELLED:
            raise InvalidConfigError(f"{made.compression} has no compression_level. Leave it out, or choose zstd.")
        return made

    @property
    def for_polars(self) -> dict[str, Any]:
        """Arguments of `write_parquet` and `sink_parquet`."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def for_arrow(self) -> dict[str, Any]:
        """Arguments of pyarrow's `ParquetWriter`."""
        return {
            "compression": "none" if self.compression == "uncompressed" else self.compression,
            "compression_level": self.compression_level,
            "write_statistics": self.statistics,
            "use_compliant_nested_type": False,  # the compliant names would rename the items of lists
        }

    @property
    def rows(self) -> int:
        """Of a group, at most."""
        return self.row_group_size or ROWS


DEFAULT = ParquetOptions()
