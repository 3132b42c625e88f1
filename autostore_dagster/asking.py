"""What the metadata of an input asks for, read once; what it cannot mean is refused, and what is misspelt is named."""

import difflib
from collections.abc import Mapping
from typing import Any

import dagster as dg

from autostore import UnsupportedFormatError

__all__ = ["allows_missing", "columns", "refuse_unknown"]

NAMES = {name.replace("_", ""): name for name in ("columns", "allow_missing_partitions", "version", "as_of")}

NEAR = 0.88
"""How alike a name is that was meant as one of ours: `column`, `as-of`, `Version`; not `conversion`."""


def columns(metadata: Mapping[str, Any]) -> list[str] | None:
    """The columns that the input reads; None: all of them."""
    value = _plain(metadata.get("columns"))
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise dg.DagsterInvariantViolationError(
            f'The input metadata "columns" is {value!r}. Pass a list of column names.'
        )
    return list(value)


def allows_missing(metadata: Mapping[str, Any]) -> bool:
    """Whether partitions that are not stored are left out."""
    value = _plain(metadata.get("allow_missing_partitions"))
    if value is not None and not isinstance(value, bool):
        raise UnsupportedFormatError(
            f'The input metadata "allow_missing_partitions" is {value!r:.80}. Pass True or False.'
        )
    return bool(value)


def refuse_unknown(metadata: Mapping[str, Any]) -> None:
    """Refuse options of ours that no input has, and names that are nearly those of options: the rest is the user's."""
    for name in metadata:
        if name.startswith("autostore/"):
            raise UnsupportedFormatError(
                f'The input metadata {name!r} is not understood. An input has "columns", "allow_missing_partitions", '
                '"version" and "as_of"; "autostore/format", "autostore/previews" and "autostore/data_version" '
                "belong to the asset."
            )
        if name not in NAMES.values() and (meant := _meant(name)):
            raise UnsupportedFormatError(
                f"The input metadata {name!r:.80} is not understood. Did you mean {meant!r}? Metadata of your own "
                "takes any name that is not nearly that of an option."
            )


def _meant(name: str) -> str:
    letters = "".join(char for char in name.lower() if char.isalnum())
    near = difflib.get_close_matches(letters, NAMES, n=1, cutoff=NEAR)
    return NAMES[near[0]] if near else ""


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, dg.MetadataValue) else value
