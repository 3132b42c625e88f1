"""What of a class says how its instances behave: its functions, fields, defaults, constants and annotations."""

from __future__ import annotations

import abc
import dataclasses
import enum
import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from autostore.memo.libraries import version_of

__all__ = ["annotated", "members", "without_addresses"]

_MACHINERY = frozenset(
    ["__abstractmethods__", "__annotate_func__", "__annotations__", "__annotations_cache__", "__class_vars__",
     "__dataclass_fields__", "__dataclass_params__", "__dict__", "__doc__", "__firstlineno__",
     "__module__", "__non_callable_proto_members__", "__orig_bases__", "__parameters__", "__private_attributes__",
     "__protocol_attrs__", "__qualname__", "__signature__", "__slotnames__", "__static_attributes__", "__weakref__",
     "_abc_impl", "_field_defaults", "_fields", "__type_params__"]
)  # fmt: skip
_PREFIXES = ("__pydantic_", "__attrs_")
_SAID = "_attributes_set"
"""Where a field of a model keeps all that was said of it."""
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_NOTHING = frozenset(("PydanticUndefinedType", "_MISSING_TYPE", "_Nothing"))
_PLAIN = (type, str, int, bytes, type(None), type(...), enum.Enum, types.FunctionType, types.MethodType)


class _Enum(enum.Enum):
    NONE = 0


class _Flag(enum.Flag):
    NONE = 0


_OF_ENUMS = frozenset(name for cls in (_Enum, _Flag) for name in vars(cls) if name.startswith("_"))


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Names and values, in an order of their own; what libraries put into the class is left out, or told in short."""
    names: frozenset[str] = frozenset()
    if issubclass(cls, enum.Enum):
        yield "members", [(name, member._value_) for name, member in cls.__members__.items()]
        yield "boundary", str(getattr(cls, "_boundary_", None))
        names = frozenset(cls.__members__)
    for name, part in sorted(vars(cls).items()):
        silent = name in _MACHINERY or name in names or name.startswith(_PREFIXES)
        silent = silent or isinstance(part, types.MemberDescriptorType | types.GetSetDescriptorType)
        if not silent and not (issubclass(cls, enum.Enum) and name in _OF_ENUMS and _is_of_library(part)):
            yield name, _generated(part)
    for name, kind in _annotations(cls).items():
        yield name, annotated(kind)
    yield from _fields(cls)
    if registered := _registered(cls):
        yield "registered", registered


def without_addresses(value: Any) -> str:
    """Its text, the same in every process."""
    return _ADDRESS.sub("", value if isinstance(value, str) else repr(value))


def annotated(kind: Any) -> Any:
    """What stands for a type, or what `Annotated` adds to one: itself where it can be walked, else its text."""
    if isinstance(kind, _PLAIN) or typing.get_origin(kind) is not None:
        return kind
    if isinstance(kind, list | tuple):
        return [annotated(part) for part in kind]
    if isinstance(kind, dict):
        return {name: annotated(part) for name, part in kind.items()}
    if hasattr(kind, _SAID):
        return _field(kind)
    declared = dataclasses.is_dataclass(kind) or isinstance(kind, typing.TypeVar | typing.NewType)
    return kind if declared else without_addresses(kind)


def _registered(cls: type) -> frozenset[type]:
    """What `register` made subclasses of an abstract class, for `isinstance`."""
    found: Any = getattr(abc, "_get_dump")(cls)[0] if "_abc_impl" in vars(cls) else ()  # noqa: B009 - in no stub
    return frozenset(one for one in (weak() for weak in found) if one is not None)


def _annotations(cls: type) -> Mapping[str, Any]:
    found = vars(cls).get("__annotations__")
    return found if isinstance(found, dict) else {}


def _is_of_library(part: Any) -> bool:
    """Whether the machinery of enums brought it, and no method of the user's own that has its name."""
    function = getattr(part, "__func__", part)
    module = getattr(function, "__module__", None)
    return not (isinstance(function, types.FunctionType) and version_of(str(module)) is None)


def _generated(part: Any) -> Any:
    """A method that a library made from fields by its code, or its name: what it holds the fields tell."""
    function = getattr(part, "__func__", part)
    if not isinstance(function, types.FunctionType):
        return "a field" if type(part).__name__ == "_tuplegetter" else part
    code, module = function.__code__, str(function.__globals__.get("__name__", ""))
    if code.co_qualname.startswith("__create_fn__") or code.co_filename.startswith("<attrs generated"):
        return code
    if module == "attr._make" and code.co_name == "__setattr__" and function.__closure__:
        hooks = next((cell.cell_contents for cell in function.__closure__ if isinstance(cell.cell_contents, dict)), {})
        return {name: hook for name, (_, hook) in hooks.items()}
    made = module.startswith("namedtuple_") or module in ("attr._make", "collections")
    return code.co_qualname if made else part


def _fields(cls: type) -> Iterator[tuple[str, Any]]:
    for one in (_of(cls, "__dataclass_fields__") or {}).values():
        if isinstance(one, dataclasses.Field):
            flags = (one.init, one.repr, one.hash, one.compare, bool(one.kw_only))
            yield one.name, (_said(one.default), _said(one.default_factory), flags, dict(one.metadata))
    for name, one in (_of(cls, "__pydantic_fields__") or {}).items():
        yield name, _field(one)
    yield from _decorators(cls)
    if "__pydantic_config__" in vars(cls):
        yield "config", vars(cls)["__pydantic_config__"]
    for name, one in (vars(cls).get("__private_attributes__") or {}).items():
        yield name, (_said(one.default), one.default_factory)
    for one in _of(cls, "__attrs_attrs__") or ():
        default = one.default
        how = (one.validator, one.converter, one.on_setattr, one.eq_key, one.order_key, dict(one.metadata))
        yield one.name, (_said(getattr(default, "factory", default)), how)
    defaults = vars(cls).get("_field_defaults")
    if isinstance(defaults, dict):
        yield "defaults", dict(defaults)


def _of(cls: type, name: str) -> Any:
    """An attribute as a class or a base has it, whatever its metaclass says."""
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)


def _field(one: Any) -> Any:
    """All that was said of a field of a model."""
    said = getattr(one, _SAID).items()
    kind = (annotated(one.annotation), [annotated(part) for part in one.metadata])
    how = {name: annotated(part) for name, part in said if not name.startswith("default")}
    return (*kind, _said(one.default), one.default_factory, one.alias, how)


def _decorators(cls: type) -> Iterator[tuple[str, Any]]:
    """Of which fields, and when, the validators and serializers of a model are called; they stand in its class."""
    for kind, found in _told(_of(cls, "__pydantic_decorators__")):
        for name, one in found.items() if isinstance(found, dict) else ():
            told = [(part, annotated(_said(value))) for part, value in _told(one.info) if part != "wrapped_property"]
            yield name, (kind, told)


def _told(described: Any) -> list[tuple[str, Any]]:
    fields = dataclasses.fields(described) if dataclasses.is_dataclass(described) else ()
    return [(field.name, getattr(described, field.name)) for field in fields]


def _said(default: Any) -> Any:
    return "none" if type(default).__name__ in _NOTHING else default
