"""Models, dataclasses, classes of attrs, NamedTuples and enums: taken apart, and put together by what they declare.

Of the classes' own code only a model's validators and default factories run, when a value is put together.
"""

from __future__ import annotations

import enum
import functools
import operator
import types
from collections.abc import Mapping, Sequence
from typing import Any

from autostore.equality import same
from autostore.equality.declared import declared_fields, is_declared
from autostore.equality.state import CACHED_HASH, attributes, hidden_slots
from autostore.errors import CorruptDataError, UntrustedDataError
from autostore.guard.foreign import let_pass
from autostore.handlers.fitting import checked
from autostore.handlers.names import is_model, is_named_tuple, name_class
from autostore.handlers.typed.tag import need, refuse, typed
from autostore.handlers.validated import reasons
from autostore.words import an

__all__ = ["encode_enum", "enum_member", "fields_of", "rebuilt"]

_ABSENT: Any = object()


def encode_enum(value: enum.Enum) -> list[Any]:
    """`[class, name]`; of flags `[class, [names]]`."""
    cls = type(value)
    name = name_class(cls)
    if not isinstance(value, enum.Flag):
        if cls.__members__.get(value._name_) is not value:
            refuse(f"is no member of {cls.__qualname__}")
        return [name, value._name_]
    names = [member._name_ for member in cls if member._value_ & value._value_ == member._value_]
    if _combined(cls, names) is not value:
        refuse(f"has bits that {cls.__qualname__} has no name for")
    return [name, names]


def enum_member(cls: type, name: Any) -> Any:
    """The member, or the combination of flags."""
    if not issubclass(cls, enum.Enum):
        raise UntrustedDataError(f"The file takes {cls.__qualname__} for an enum, which it is not.")
    if type(name) is list:
        need(issubclass(cls, enum.Flag))
        return _combined(cls, name)
    if name not in cls.__members__:
        raise CorruptDataError(f"{cls.__qualname__} has no member {name!r:.80} (renamed?). Pass as_type= to read it.")
    return cls.__members__[typed(name, str)]


def _combined(cls: Any, names: Sequence[str]) -> Any:
    # Not `|`, which a class may define anew.
    bits = functools.reduce(operator.or_, (cls.__members__[typed(name, str)]._value_ for name in names), 0)
    known = cls._value2member_map_.get(bits)
    return enum.Flag._missing_.__func__(cls, bits) if known is None else known  # type: ignore[attr-defined]


def fields_of(value: Any) -> tuple[dict[str, Any], list[str]]:
    """The fields, and pointers to those never set; refused where they would not make up the value again."""
    cls = type(value)
    unset: list[str] = []
    if is_named_tuple(cls):
        fields = dict(zip(cls._fields, value, strict=False))
        if getattr(value, "__dict__", None) or len(value) != len(cls._fields):
            refuse("holds more or less than its fields")
    elif is_model(cls):
        fields = {**_attributes(value), **(value.__pydantic_extra__ or {})}
        unset = [_pointer(name) for name in fields if name not in value.__pydantic_fields_set__]
    else:
        fields = _of_declared(value)
    if not is_named_tuple(cls) and not _is_rebuilt(value, fields, unset):
        refuse(
            f"is {an(cls.__qualname__)} that its fields would not give back: "
            "its validators change them, or it holds more than they say"
        )
    return fields, unset


def _is_rebuilt(value: Any, fields: dict[str, Any], unset: list[str]) -> bool:
    try:
        back = rebuilt(type(value), fields, unset)
    except Exception as error:
        let_pass(error)  # of the class's validators
        refuse(f"is {an(type(value).__qualname__)} that cannot be made of its own fields: {error!s:.300}")
    if not is_model(type(value)):  # of a dataclass no code has run
        kept = all(getattr(back, name, _ABSENT) is part for name, part in fields.items())
        return kept and list(_attributes(back)) == list(_attributes(value))
    # Parts that are the very same objects are not compared again: each level of a nested value costs only itself.
    return same(back, value)


def _of_declared(value: Any) -> dict[str, Any]:
    names = [field.name for field in declared_fields(type(value))]
    if hasattr(value, CACHED_HASH):
        refuse("keeps its hash, which attrs alone can make anew")
    state = _attributes(value)
    more = (set(state) - set(names)) | hidden_slots(value).keys()
    if more:
        refuse(f"has the attribute {min(more)!r:.80} beside its fields")
    # In the order in which they were set, which is part of the value.
    ordered = [name for name in state if name in names] + [name for name in names if name not in state]
    found = ((name, state.get(name, _slot(value, name))) for name in ordered)
    return {name: part for name, part in found if part is not _ABSENT}


def _attributes(value: Any) -> dict[str, Any]:
    return attributes(value) or {}


def _slot(value: Any, name: str) -> Any:
    if any(isinstance(vars(cls).get(name), types.MemberDescriptorType) for cls in type(value).__mro__):
        return getattr(value, name, _ABSENT)
    return _ABSENT


def rebuilt(cls: type, fields: Mapping[str, Any], unset: Sequence[str] = ()) -> Any:
    """An instance of these fields; a missing one takes its default."""
    if is_named_tuple(cls):
        return _named_tuple(cls, fields)
    if is_model(cls):
        return _model(cls, fields, unset)
    if is_declared(cls) and not issubclass(cls, enum.Enum):
        return _declared(cls, fields)
    raise UntrustedDataError(f"{cls.__qualname__} is no model, dataclass, class of attrs or NamedTuple.")


def _named_tuple(cls: Any, fields: Mapping[str, Any]) -> Any:
    _check_known(cls, fields, cls._fields)
    defaults = getattr(cls, "_field_defaults", {})
    for name in cls._fields:
        if name not in fields and name not in defaults:
            raise _needs(cls, name)
    return tuple.__new__(cls, [fields[name] if name in fields else defaults[name] for name in cls._fields])


def _declared(cls: type, fields: Mapping[str, Any]) -> Any:
    known = {field.name: field for field in declared_fields(cls)}
    _check_known(cls, fields, known)
    value: Any = object.__new__(cls)
    missing = [field for name, field in known.items() if name not in fields]
    for name, part in fields.items():
        object.__setattr__(value, name, part)
    for field in missing:
        if field.default is not None:
            object.__setattr__(value, field.name, field.default())
        elif field.needed:
            raise _needs(cls, field.name)
    return value


def _model(cls: Any, fields: Mapping[str, Any], unset: Sequence[str]) -> Any:
    names = {typed(pointer, str)[1:].replace("~1", "/").replace("~0", "~") for pointer in unset}
    # A default need not be valid: what was never set is put in its place as it was, after the others were validated.
    given = {name: part for name, part in fields.items() if name not in names or name not in cls.model_fields}
    content = fields["root"] if cls.__pydantic_root_model__ and "root" in fields else given
    value = checked(
        lambda: cls.__pydantic_validator__.validate_python(content, by_name=True, by_alias=False),
        lambda error: CorruptDataError(
            f"The fields no longer fit {cls.__module__}:{cls.__qualname__}: {reasons(error)}. "
            "Pass as_type= with the class it was written from, or as_type=dict (of a list list[dict]) for its fields."
        ),
    )
    need(type(value) is cls, f"{cls.__qualname__} makes another class of its fields")
    for name in names & set(fields) & set(cls.model_fields):
        value.__dict__[name] = fields[name]
    value.__pydantic_fields_set__.difference_update(names)
    return value


def _check_known(cls: type, fields: Mapping[str, Any], known: Any) -> None:
    for name in fields:
        if name not in known:
            raise CorruptDataError(
                f"{cls.__qualname__} has no field {name!r:.80} (renamed?). "
                "Pass as_type=dict (of a list list[dict]) for the fields."
            )


def _needs(cls: type, name: str) -> CorruptDataError:
    return CorruptDataError(
        f"{cls.__qualname__} needs the field {name!r:.80}, which the file lacks. "
        "Pass as_type=dict (of a list list[dict]) for the fields."
    )


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")
