"""What of a class says how its instances behave: its functions, fields, defaults and constants."""

from __future__ import annotations

import dataclasses
import enum
import re
import types
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["members", "without_addresses"]

_MACHINERY = frozenset(
    ["__abstractmethods__", "__annotate_func__", "__annotations__", "__annotations_cache__", "__class_vars__",
     "__dataclass_fields__", "__dataclass_params__", "__dict__", "__doc__", "__firstlineno__", "__match_args__",
     "__module__", "__non_callable_proto_members__", "__orig_bases__", "__parameters__", "__private_attributes__",
     "__protocol_attrs__", "__qualname__", "__signature__", "__slotnames__", "__static_attributes__", "__weakref__",
     "_abc_impl", "_field_defaults", "_fields", "__type_params__"]
)  # fmt: skip
_PREFIXES = ("__pydantic_", "__attrs_")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_NOTHING = frozenset(("PydanticUndefinedType", "_MISSING_TYPE", "_Nothing"))


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Names and values, in an order of their own; what libraries put into the class is left out."""
    if issubclass(cls, enum.Enum):
        yield "members", [(name, member._value_) for name, member in cls.__members__.items()]
    names = frozenset(getattr(cls, "__members__", ()) or ())
    for name, part in sorted(vars(cls).items()):
        silent = name in _MACHINERY or name in names or name.startswith(_PREFIXES)
        if not silent and not _is_generated(part) and not (names and name.startswith("_")):
            yield name, part
    yield "annotations", [(name, without_addresses(kind)) for name, kind in _annotations(cls).items()]
    yield from _fields(cls)


def without_addresses(value: Any) -> str:
    """Its text, the same in every process."""
    return _ADDRESS.sub("", value if isinstance(value, str) else repr(value))


def _annotations(cls: type) -> Mapping[str, Any]:
    found = vars(cls).get("__annotations__")
    return found if isinstance(found, dict) else {}


def _is_generated(part: Any) -> bool:
    """Slots and methods that dataclasses, attrs and NamedTuple make from fields, which are told themselves."""
    if isinstance(part, types.MemberDescriptorType | types.GetSetDescriptorType):
        return True
    function = getattr(part, "__func__", part)
    if not isinstance(function, types.FunctionType):
        return type(part).__name__ == "_tuplegetter"
    code, module = function.__code__, str(function.__globals__.get("__name__", ""))
    made = code.co_qualname.startswith("__create_fn__") or code.co_filename.startswith("<attrs generated")
    return made or module.startswith("namedtuple_") or module == "collections"


def _fields(cls: type) -> Iterator[tuple[str, Any]]:
    for one in getattr(cls, "__dataclass_fields__", {}).values():
        if isinstance(one, dataclasses.Field):
            yield one.name, (_said(one.default), _said(one.default_factory), one.init, bool(one.kw_only))
    for name, one in (getattr(cls, "__pydantic_fields__", None) or {}).items():
        yield name, (_said(one.default), one.default_factory, list(one.metadata), one.alias)
    for name, one in (vars(cls).get("__private_attributes__") or {}).items():
        yield name, (_said(one.default), one.default_factory)
    for one in getattr(cls, "__attrs_attrs__", ()):
        default = one.default
        yield one.name, (_said(getattr(default, "factory", default)), one.validator, one.converter)
    defaults = vars(cls).get("_field_defaults")
    if isinstance(defaults, dict):
        yield "defaults", dict(defaults)


def _said(default: Any) -> Any:
    return "none" if type(default).__name__ in _NOTHING else default
