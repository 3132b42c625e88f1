"""Which columns of a CSV stay text: those whose texts say more than the values that Polars infers from them."""

from __future__ import annotations

from typing import Any

__all__ = ["lossy_columns", "scanned"]


_GROUPED = r"^[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+$"
_WHOLE = r"^[+-]?(?:0|[1-9][0-9]{0,2}(?:\.[0-9]{3})*)$"
_COMMA = r"^[+-]?(?:[0-9]+|[1-9][0-9]{0,2}(?:\.[0-9]{3})+),[0-9]+$"
"""Numbers as they are written where the decimal sign is a comma."""


def scanned(pl: Any, stream: Any, **options: Any) -> Any:
    """The query over an open CSV file, from its beginning."""
    stream.seek(0)
    return pl.scan_csv(stream, **options)


def lossy_columns(pl: Any, stream: Any, schema: Any, separator: str) -> list[str]:
    """The columns whose text says more than the values that Polars infers from it."""
    inferred = [name for name, dtype in schema.items() if dtype != pl.String]
    if not inferred:
        return []
    text = scanned(pl, stream, infer_schema=False, glob=False, separator=separator)
    lossy = [_is_lossy(pl.nth(i), dtype).any() for i, dtype in enumerate(schema.values()) if dtype != pl.String]
    if separator == ";":
        lossy = _with_thousands(pl, schema, lossy)
    found = text.select(flag.alias(str(n)) for n, flag in enumerate(lossy)).collect().row(0)
    return [name for name, flag in zip(inferred, found, strict=True) if flag]


def _with_thousands(pl: Any, schema: Any, lossy: list[Any]) -> list[Any]:
    """Also those whose numbers have groups after points, where other columns have decimal commas: 2.000 is 2,000."""
    dtypes = list(enumerate(schema.values()))
    commas = [pl.nth(i).str.contains(_COMMA).any() for i, dtype in dtypes if dtype == pl.String]
    places = [(i, dtype) for i, dtype in dtypes if dtype != pl.String]
    return [
        flag
        | (pl.any_horizontal(commas) & pl.nth(i).str.contains(_GROUPED).any() & pl.nth(i).str.contains(_WHOLE).all())
        if commas and dtype.is_float()
        else flag
        for flag, (i, dtype) in zip(lossy, places, strict=True)
    ]


def _is_lossy(text: Any, dtype: Any) -> Any:
    lossy = text == ""
    if dtype.is_numeric():
        lossy |= text.str.contains(r"^[+-]?0[0-9]|^\+")
        number = text.cast(dtype, strict=False)
        # Longer than any integer type, which inference does not count, and other digits than ours.
        lossy |= number.is_null() & text.is_not_null()
    if dtype.is_float():  # whole numbers that no integer type holds
        lossy |= text.str.contains(r"^-?[0-9]{16,}$")
        lossy |= number.is_infinite() & text.str.contains(r"[0-9]")  # beyond floats
        lossy |= (number == 0) & text.str.contains(r"^[^eE]*[1-9]")
    if dtype.is_temporal():  # other orders of day and month are guesses; beyond microseconds digits are dropped
        lossy |= ~text.str.contains(r"^([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{2}:[0-9]{2})")
        lossy |= text.str.contains(r"\.[0-9]{6}[0-9]*[1-9]|:60")  # leap seconds become the next minute's
        # All of one form, or Polars infers it and then cannot read it.
        lossy |= text.str.strptime(dtype, strict=False).is_null() & text.is_not_null()
    return lossy
