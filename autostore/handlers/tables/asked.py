"""Which columns of a CSV a row's type asks for as they are written: texts, and decimals, which a float would change.

Asked is the schema that pydantic makes of a type: in it aliases, `NewType`, generic classes and models that are
but a list are what they stand for.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterator
from typing import Any

from autostore.handlers.fitting import adapter_of
from autostore.optional import require

__all__ = ["texts_asked_for"]

_EXACT = frozenset({"decimal", "fraction"})
_TEXTS = _EXACT | {"str", "bytes", "json", "url", "multi-host-url", "uuid", "complex"}
"""The schemas that take a text as it is written, whatever it looks like."""

_NUMBERS = frozenset({"int", "float"})
_NO_CELL = frozenset({"none", "is-instance"})
_INNER = ("lax_schema", "python_schema", "schema")
_DEPTH = 40

_ANY = ""
"""The name for what is no field: the values of a `dict`, and what a class takes beside its fields."""


def texts_asked_for(as_type: Any) -> Callable[[str], bool]:
    """Whether a column of this name is text or a decimal in `list[Row]`, whichever of its rows it is of."""
    try:
        walk = _Walk(adapter_of(as_type).core_schema)
        rows = [dict(walk.fields(row)) for row in walk.rows()]
    except require("pydantic").errors.PydanticUserError:  # a name that is found nowhere; reading tells
        rows = []

    def is_asked_for(column: str) -> bool:
        found = [fields[column] if column in fields else fields.get(_ANY) for fields in rows]
        kinds = [is_text for is_text in found if is_text is not None]
        return bool(kinds) and all(kinds)

    return is_asked_for


class _Walk:
    """A schema of pydantic, and the way through it to rows and their fields."""

    def __init__(self, schema: Any) -> None:
        self._top = schema
        self._known: dict[str, Any] = {}

    def rows(self) -> Iterator[Any]:
        """The schemas of the items of what the type may be."""
        for member in self._members(self._top):
            items = member.get("items_schema")
            for item in items if isinstance(items, list) else [items] if items else []:
                yield from self._members(item)

    def fields(self, row: Any) -> Iterator[tuple[str, bool]]:
        """The names and aliases of a row's fields, and whether they are text."""
        others = row.get("values_schema") or row.get("extras_schema")
        if others:
            yield _ANY, self._is_text(others)
        fields = row.get("fields") or row.get("arguments_schema") or ()
        named = fields.items() if isinstance(fields, dict) else ((field["name"], field) for field in fields)
        declared = getattr(row.get(_CLASS), "model_fields", {})
        for name, field in named:
            # A validator of its own that takes anything says not what it takes; the annotation does.
            plain = name in declared and declared[name].annotation in (str, decimal.Decimal)
            is_text = plain or self._is_text(field["schema"])
            for each in (name, *_aliases(field.get("validation_alias", field.get("alias")))):
                yield each, is_text

    def _members(self, schema: Any, depth: int = 0, cls: Any = None) -> Iterator[Any]:
        """What a union leaves the choice of, or the one that it is, without what stands around it."""
        if depth > _DEPTH:
            return
        for definition in schema.get("definitions", ()):
            self._known[definition["ref"]] = definition
        cls = schema.get("cls", cls)
        choices = schema.get("choices")
        if schema["type"] == "definition-ref":
            yield from self._members(self._known[schema["schema_ref"]], depth + 1)
        elif choices is not None:
            for choice in choices.values() if isinstance(choices, dict) else choices:
                yield from self._members(choice[0] if isinstance(choice, tuple) else choice, depth + 1)
        elif schema["type"] == "chain":
            steps = [step for step in schema["steps"] if step["type"] not in _NO_CELL]
            yield from (self._members(steps[0], depth + 1, cls) if steps else ())
        elif schema["type"] == "call":
            yield from self._members(schema["arguments_schema"], depth + 1, cls)
        else:
            inner = next((schema[key] for key in _INNER if key in schema and schema["type"] not in _TEXTS), None)
            if inner is None:
                yield schema | {_CLASS: cls}
            else:
                yield from self._members(inner, depth + 1, cls)

    def _is_text(self, schema: Any) -> bool:
        members = [member for member in self._members(schema) if member["type"] not in _NO_CELL]
        kinds = {member["type"] for member in members if not _is_of_texts(member)}
        # Beside a decimal a number is one, too: its digits are read by whichever takes them.
        exact = any(member["type"] in _EXACT for member in members)
        texts = any(member["type"] == "str" for member in members)
        return bool(members) and (not kinds or (exact and not texts and kinds <= _NUMBERS))


_CLASS = "$class"
"""The model or dataclass that a schema of fields is of; no schema has this key."""


def _aliases(said: Any) -> Iterator[str]:
    """The names that a field is also found by; a path into a cell is none."""
    if isinstance(said, str):
        yield said
    elif isinstance(said, list):
        for way in said if all(isinstance(step, list) for step in said) else [said]:
            if len(way) == 1 and isinstance(way[0], str):
                yield way[0]


def _is_of_texts(schema: Any) -> bool:
    if schema["type"] == "literal":
        return all(type(choice) is str for choice in schema["expected"])
    if schema["type"] == "enum":
        return all(isinstance(member.value, str) for member in schema["members"])
    return schema["type"] in _TEXTS
