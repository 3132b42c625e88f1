"""The data of models and dataclasses as JSON, which Pydantic writes and validates; and which fields were never set.

What a class's own JSON would change is refused: data is handed out only if reading it back gives an equal value.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from autostore.equality import same
from autostore.equality.state import attributes
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.handlers.fitting import adapter_of, checked, said
from autostore.handlers.names import is_model
from autostore.handlers.parsing import parse_json
from autostore.optional import require

__all__ = ["data_of", "reasons", "validate", "value_of"]


def data_of(value: Any) -> tuple[str, list[str]]:
    """The JSON text of a model or dataclass, and JSON pointers to the fields of models that were never set."""
    cls = type(value)
    adapter: Any = _adapter(cls)  # type: ignore[arg-type]  # a class is hashable, whatever its instances are
    if isinstance(adapter, Exception):
        raise UnsupportedFormatError(f"{cls.__qualname__} has no JSON: {adapter}. Use a bare key.") from adapter
    text = _dumped(cls, adapter, value)
    try:
        data = parse_json(text)  # as it will be read: of what a class may write, NaN and infinity are no JSON
    except (CorruptDataError, ValueError, RecursionError) as error:
        held = "NaN, infinity, thousands of digits, or a key twice"
        problem = f"The JSON that {cls.__qualname__} makes of itself would not be read: it has {held}"
        raise UnsupportedFormatError(f"{problem}. Use a bare key.") from error
    unset = list(_unset(value, data, ""))
    back = _read_back(cls, adapter, text)
    _forget(back, data, unset)
    if not same(back, value):
        raise _changed(cls, ", as secret, private, excluded or converted fields are lost")
    return text, unset


def _read_back(cls: type, adapter: Any, text: str) -> Any:
    def refusal(error: Exception) -> UnsupportedFormatError:
        let_pass(error)
        return _changed(cls, f": {reasons(error)}")

    try:
        return checked(lambda: adapter.validate_json(text, by_alias=False, by_name=True), refusal)
    except UnsupportedFormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise refusal(error) from error


def _dumped(cls: type, adapter: Any, value: Any) -> str:
    try:
        # Field names, not aliases: they are what the class itself calls them.
        text: str = adapter.dump_json(value, by_alias=False, round_trip=True, warnings="error").decode("utf-8")
    except Exception as error:
        _let_serializers_pass(adapter, value)
        let_pass(error)
        words = _QUOTED.sub("", f"{type(error).__name__}: {error}")
    else:
        return text
    # What caused it quotes the value, which may be secret.
    raise UnsupportedFormatError(f"{cls.__qualname__} cannot be written as JSON: {words}. Use a bare key.")


_QUOTED = re.compile(r"input_value=.*?, (?=input_type=)", re.DOTALL)
"""A value in the words of pydantic's serializers."""


def _let_serializers_pass(adapter: Any, value: Any) -> None:
    """Raise what a serializer of the class raised: on the way to JSON Pydantic keeps its text only."""
    try:
        adapter.dump_python(value, mode="json", by_alias=False, round_trip=True, warnings=False)
    except Exception as error:
        let_pass(error)


def value_of(cls: type, data: Any, unset: Any = ()) -> Any:
    """The instance that `data_of` took apart."""
    if not isinstance(unset, list | tuple) or not all(type(pointer) is str for pointer in unset):
        raise CorruptDataError('"unset" is no list of JSON pointers. Look at it with as_type=bytes.')
    value = checked(
        lambda: validate(cls, data),
        lambda error: CorruptDataError(
            f"The data no longer fits {cls.__module__}:{cls.__qualname__}: {reasons(error)}. "
            "Pass as_type= with the class it was written from, or as_type=dict (of a list list[dict]) for its fields."
        ),
    )
    _forget(value, data, unset)
    return value


def validate(as_type: Any, data: Any) -> Any:
    """JSON data as an instance of any type that Pydantic knows."""
    is_kept = isinstance(as_type, type) and as_type is not require("pydantic").BaseModel
    adapter = _adapter(as_type) if is_kept else adapter_of(as_type)
    if isinstance(adapter, Exception):
        raise adapter
    # JSON mode, in which strict models too accept dates and tuples as JSON spells them.
    return adapter.validate_json(json.dumps(data), by_alias=False, by_name=True)


@functools.lru_cache(maxsize=256)
def _adapter(cls: Hashable) -> Any:
    """Building one takes milliseconds for a dataclass; so does finding that there is none, which is kept too."""
    try:
        return require("pydantic").TypeAdapter(cls)
    except Exception as error:  # the class's annotations are code of its own
        return error.with_traceback(None)


def _unset(value: Any, data: Any, at: str) -> Iterator[str]:
    """Pointers into `data`, as RFC 6901 spells them, to fields that were never set."""
    for label, part in _parts(value, data):
        if label is None:
            yield from _unset(part, data, at)
            continue
        if is_model(type(value)) and label not in value.__pydantic_fields_set__:
            yield f"{at}/{_escape(label)}"
        inner = data.get(label) if type(data) is dict else data[label]
        if type(inner) in (dict, list):
            yield from _unset(part, inner, f"{at}/{_escape(str(label))}")


def _parts(value: Any, data: Any) -> Iterator[tuple[Any, Any]]:
    """`(label in data, part)`; a label of None where the part is all of the data. Sets have no labels."""
    if is_model(type(value)):
        fields = {**(attributes(value) or {}), **(value.__pydantic_extra__ or {})}
        yield from [(None, value.root)] if type(value).__pydantic_root_model__ else fields.items()
    elif isinstance(value, dict) and type(data) is dict and len(value) == len(data):
        yield from zip(data, value.values(), strict=True)  # the keys' own spelling in JSON is Pydantic's
    elif isinstance(value, list | tuple) and type(data) is list and len(value) == len(data):
        yield from enumerate(value)
    elif dataclasses.is_dataclass(value):
        yield from ((field.name, getattr(value, field.name, None)) for field in dataclasses.fields(value))


def _forget(value: Any, data: Any, unset: Sequence[str]) -> None:
    """Have the fields that `unset` points to never been set; those that the class no longer has are left out."""
    for pointer in unset:
        *way, last = (token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:] or [""])
        found, inner = value, data
        for token in way:
            found, inner = _step(found, inner, token)
        found, _ = _root(found, inner)
        if is_model(type(found)):
            found.__pydantic_fields_set__.discard(last)


def _step(value: Any, data: Any, token: str) -> tuple[Any, Any]:
    value, data = _root(value, data)
    for label, part in _parts(value, data):
        if str(label) == token:
            inner = data.get(label) if type(data) is dict else data[label]
            return part, inner
    return None, None


def _root(value: Any, data: Any) -> tuple[Any, Any]:
    while is_model(type(value)) and type(value).__pydantic_root_model__:
        value = value.root
    return value, data


def _escape(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1")


def _changed(cls: type, reason: str) -> UnsupportedFormatError:
    return UnsupportedFormatError(
        f"This {cls.__qualname__} would not come back equal from JSON{reason}. "
        "Use a bare key, or change the fields so that their JSON holds them."
    )


def reasons(error: Exception) -> str:
    """What did not fit and where, without the values: they may be secret."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    return "; ".join(
        f"{'.'.join(map(str, detail['loc'])) or 'the whole'}: {said(detail)}"
        for detail in errors(include_url=False)[:5]
    )
