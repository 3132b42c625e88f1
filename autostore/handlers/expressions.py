"""Polars' expressions as .plexpr: the JSON of their own serialization, in which no code may stand.

A Python function would be a pickle that Polars loads, and a plugin the path of a library: refused both ways, by the
name in the JSON and by the bytes with which Polars begins a function. Polars promises this JSON to its own version:
a later one may not know it.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from autostore.equality.families import Again
from autostore.errors import CorruptDataError, UnsupportedFormatError, UntrustedDataError
from autostore.guard.ceiling import read_whole
from autostore.guard.foreign import let_pass
from autostore.handler import DataHandler
from autostore.handlers.parsing import parse_json
from autostore.handlers.tables.kinds import panics_are_errors
from autostore.optional import DISTRIBUTION, loaded_type, require
from autostore.preview import Preview

__all__ = ["ExpressionHandler"]

_MOST_LEVELS = 200
_ITEM = 60
"""Bytes that an item of a list of numbers takes while it is parsed, in a file two characters."""

_FUNCTION = [80, 76, 80, 89]
"""`PLPY`, with which Polars' bytes of a Python function begin."""


_CODE = ("Anonymous", "Python", "Ffi", "Plugin", "SubPlan")
"""What the names of nodes have in them that lead to code: functions, shared libraries, plans with scans."""


def _same_expression(first: Any, second: Any, _again: Again) -> bool:
    return bool(first.meta.eq(second)) and _dumped(first) == _dumped(second)


class ExpressionHandler(DataHandler):
    """Expressions of Polars as .plexpr; with code in them they are refused, or a pickle."""

    types = "expressions of Polars without Python functions or plugins"
    read_by = "Polars of the same version, in any language"
    requires = ("polars",)
    install = f"{DISTRIBUTION}[polars]"
    equality = {"polars.Expr": _same_expression}
    media_types = {".plexpr": "application/json"}

    @property
    def extensions(self) -> list[str]:
        """Only .plexpr."""
        return [".plexpr"]

    @property
    def priority(self) -> int:
        """A typed library."""
        return 10

    def can_handle_data(self, data: Any) -> bool:
        """Exactly expressions."""
        expression = loaded_type("polars", "Expr")
        return expression is not None and type(data) is expression

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The expression; nothing of it runs."""
        content = read_whole(file_path, self.ceiling)
        self.ceiling.check(_ITEM // 2 * len(content), "The expression")
        text = content.decode()
        try:
            refused = _function_in(parse_json(text))
        except (ValueError, RecursionError) as error:
            raise CorruptDataError(f"The file is no expression of Polars: {error!s:.200}") from error
        if refused:
            raise UntrustedDataError(
                f"The expression holds code ({refused}): a Python function or a library. Not read."
            )
        try:
            with panics_are_errors():
                return require("polars").Expr.deserialize(io.StringIO(text), format="json")
        except require("polars").exceptions.PolarsError as error:
            raise CorruptDataError(
                f"This Polars knows no such expression: {error!s:.200}. Read it with the version that wrote it."
            ) from error

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the JSON; a Python function is refused."""
        try:
            text = _dumped(data)
            refused = _function_in(json.loads(text))
            kept = refused or self._kept(text, data)
        except (require("polars").exceptions.PolarsError, CorruptDataError, RecursionError, ValueError) as error:
            let_pass(error)
            raise UnsupportedFormatError(f"Polars cannot write this expression: {error!s:.200}") from error
        if refused:
            raise UnsupportedFormatError(
                f"The expression holds code ({refused}): a Python function or a plugin's library. Use Polars' own "
                "expressions, or store what the function needs."
            )
        if not kept:
            raise UnsupportedFormatError("Polars would not give this expression back equal. Store its columns' names.")
        with open(file_path, "w", encoding="utf-8", newline="") as file:
            file.write(text)

    def _kept(self, text: str, data: Any) -> bool:
        with panics_are_errors():
            back = require("polars").Expr.deserialize(io.StringIO(text), format="json")
        return bool(back.meta.eq(data))

    def preview(self, data: Any) -> Preview:
        """How Polars prints it."""
        return {"expression": str(data)}


def _dumped(expression: Any) -> str:
    with panics_are_errors():
        return str(expression.meta.serialize(format="json"))


def _function_in(tree: Any) -> str:
    """The name of what holds code; "" where nothing does."""
    pending, levels = [tree], 0
    while pending:
        levels += 1
        if levels > _MOST_LEVELS:
            raise CorruptDataError(f"An expression has at most {_MOST_LEVELS} levels here.")
        children: list[Any] = []
        for part in pending:
            if type(part) is dict:
                named = next((name for name in part if any(word in name for word in _CODE)), "")
                if named:
                    return named
                children += part.values()
            elif part[:4] == _FUNCTION:
                return "PLPY"
            else:
                children += part
        pending = [child for child in children if type(child) in (dict, list)]
    return ""
