"""Names of classes in files, and the only place that turns one into a class.

`module:Qual.Name`; a generic class has its parameters behind it: `m:Page[builtins:int]`,
`UnionType[...]` for `X | Y`, `Union[...]` for typing's own, `None`, and `...` in tuples. A named class
is imported only where code in data is allowed; elsewhere it must have been imported already.
"""

from __future__ import annotations

import collections
import enum
import importlib
import operator
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any

from autostore.equality.declared import is_declared
from autostore.errors import (
    CorruptDataError,
    StorageError,
    UnknownTypeError,
    UnsupportedFormatError,
    UntrustedDataError,
)
from autostore.guard.foreign import let_pass
from autostore.optional import loaded_type, require

__all__ = ["LONGEST_NAME", "find_class", "is_described", "is_model", "is_named_tuple", "name_class"]

LONGEST_NAME = 1000
"""Characters; a longer one would fill every message and log."""

_CONTAINERS = (list, dict, tuple, set, frozenset, collections.deque, collections.OrderedDict, collections.Counter,
               collections.defaultdict)  # fmt: skip
_ARGUMENTS: dict[str, Any] = {
    f"{cls.__module__}:{cls.__qualname__}": cls
    for cls in (*_CONTAINERS, int, float, complex, bool, str, bytes, bytearray, range, slice, object)
}
# Of modules that need no import, as every program has them; they are told apart by name only.
_STANDARD = {
    "datetime": ("date", "datetime", "time", "timedelta", "timezone"),
    "decimal": ("Decimal",),
    "fractions": ("Fraction",),
    "ipaddress": ("IPv4Address", "IPv4Interface", "IPv4Network", "IPv6Address", "IPv6Interface", "IPv6Network"),
    "pathlib": ("Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath"),
    "typing": ("Any",),
    "uuid": ("UUID",),
    "zoneinfo": ("ZoneInfo",),
}
_TOKEN = re.compile(r"[^\[\],]+|[\[\],]")


def name_class(cls: type) -> str:
    """The name of a class, if it can be found again under it; refused otherwise.

    `__main__` is accepted: the same program finds its classes there, and another one can
    read the file with `as_type`.
    """
    name = _spell(cls)
    try:
        found = find_class(name, may_import=True)
    except StorageError:
        found = None
    if found is not cls or len(name) > LONGEST_NAME:
        raise UnsupportedFormatError(
            f"{cls.__qualname__} cannot be found as {name:.200} when it is read. "
            "Define the class at the top level of a module, under its own name."
        )
    return name


def _spell(cls: Any) -> str:
    if cls is None or cls is type(None) or cls is Ellipsis:
        return "..." if cls is Ellipsis else "None"
    if isinstance(cls, type):
        generic = vars(cls).get("__pydantic_generic_metadata__") or {"origin": None}
        origin, arguments = generic["origin"], generic.get("args", ())
        if origin is None:
            return f"{cls.__module__}:{cls.__qualname__}"
    else:
        origin, arguments = typing.get_origin(cls), typing.get_args(cls)
        if origin is None:
            raise UnsupportedFormatError(f"{cls!r:.80} has no name that a file could hold. Use a class.")
    head = {typing.Union: "Union", types.UnionType: "UnionType"}.get(origin) or _spell(origin)
    return f"{head}[{','.join(map(_spell, arguments))}]"


def find_class(type_name: str, *, may_import: bool, known: Mapping[str, type] | None = None) -> type:
    """The class of this name; `known` ones need no import."""
    if len(type_name) > LONGEST_NAME:
        raise CorruptDataError(f"A class has {len(type_name)} characters. Look at it with as_type=bytes.")
    found = (known or {}).get(type_name) or _lookup(type_name)
    if found is not None:  # a generic class too, where it stands in its module as Pydantic puts it
        return found
    if "[" not in type_name:
        return _import(type_name, may_import)
    tokens = _Tokens(type_name, may_import)
    found = tokens.parse()
    if not isinstance(found, type):
        raise UntrustedDataError(f"The file names {type_name}, which is no class of values.")
    return found


class _Tokens:
    """Parses the name of a generic class; nothing but known containers and described classes is subscribed."""

    def __init__(self, name: str, may_import: bool) -> None:
        self._name, self._may_import = name, may_import
        self._tokens: Iterator[str] = iter(_TOKEN.findall(name))
        self._ahead = next(self._tokens, "")

    def parse(self) -> Any:
        found = self._one()
        if self._ahead:
            raise self._odd()
        return found

    def _next(self) -> str:
        token, self._ahead = self._ahead, next(self._tokens, "")
        return token

    def _one(self) -> Any:
        head = self._next()
        if self._ahead != "[":
            return self._argument(head)
        arguments = []
        while self._next() in ("[", ","):
            arguments.append(self._one())
            if self._ahead == "]":
                self._next()
                return self._subscribed(head, arguments)
        raise self._odd()

    def _argument(self, name: str) -> Any:
        if name in ("None", "..."):
            return None if name == "None" else Ellipsis
        found = _standard(name) or _lookup(name) or _import(name, self._may_import)
        if found not in _ARGUMENTS.values() and _standard(name) is None and not is_described(found):
            raise UntrustedDataError(f"The file names {name}, which is no class of values.")
        return found

    def _subscribed(self, head: str, arguments: list[Any]) -> Any:
        if head == "UnionType":
            return reduce(operator.or_, arguments)
        if head == "Union":
            return typing.Union[tuple(arguments)]  # noqa: UP007 - which differs from X | Y
        generic = self._argument(head)
        if generic not in _CONTAINERS and not is_described(generic):
            raise UntrustedDataError(f"The file names {head}, which takes no parameters.")
        try:
            return generic[tuple(arguments)]
        except TypeError as error:
            raise CorruptDataError(f"{head} does not take these parameters (changed?): {error}.") from error

    def _odd(self) -> CorruptDataError:
        return CorruptDataError(f"{self._name!r:.80} does not name a class. Look at it with as_type=bytes.")


def _standard(name: str) -> Any:
    if name in _ARGUMENTS:
        return _ARGUMENTS[name]
    module, _, qualname = name.partition(":")
    return getattr(require(module), qualname) if qualname in _STANDARD.get(module, ()) else None


def is_named_tuple(cls: type) -> bool:
    """Whether instances are tuples with names for their parts, whose making runs no code of theirs."""
    return issubclass(cls, tuple) and type(getattr(cls, "_fields", None)) is tuple


def is_model(cls: type) -> bool:
    """Whether the class is a model of Pydantic."""
    base = loaded_type("pydantic", "BaseModel")
    return base is not None and issubclass(cls, base)


def is_described(cls: Any) -> bool:
    """Whether a file may name this class: it says itself what its instances are made of."""
    if not isinstance(cls, type):
        return False
    return is_declared(cls) or issubclass(cls, enum.Enum) or is_model(cls) or is_named_tuple(cls)


def _import(type_name: str, may_import: bool) -> type:
    module, _, qualname = type_name.partition(":")
    remedy = f"Import {module} first, or pass as_type= to say which class to read (as_type=dict gives the fields)."
    if not module or not qualname:
        raise CorruptDataError(f"{type_name!r:.80} does not name a class. Pass as_type= to say which to read.")
    if module not in sys.modules:
        if not may_import:
            raise UntrustedDataError(f"The file names {type_name}, which this store may not import. {remedy}")
        try:
            importlib.import_module(module)
        except Exception as error:  # the module's own, but that it is not there
            if not isinstance(error, ImportError):
                let_pass(error)
            raise UnknownTypeError(
                f"The file names {type_name}, which cannot be imported: {error}. {remedy}"
            ) from error
    found = _lookup(type_name)
    if found is not None:
        return found
    if _is_there(module, qualname):
        raise UntrustedDataError(f"The file names {type_name}, which is no class of values.")
    raise UnknownTypeError(f"{module} has no class {qualname} (renamed or moved?). {remedy}")


def _is_there(module: str, qualname: str) -> bool:
    """Whether the name leads to anything, so that nobody moved it; asked as `_lookup` does, without running code."""
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        names = getattr(found, "__dict__", {})
        if part not in names:
            return False
        found = names[part]
    return True


def _lookup(type_name: str) -> type | None:
    # Through __dict__, because getattr could run code: a lazy module imports what it is asked for.
    module, _, qualname = type_name.partition(":")
    found: Any = sys.modules.get(module)
    # Pydantic keeps a generic class in its module under a name that holds dots of its parameters.
    whole = getattr(found, "__dict__", {}).get(qualname)
    if isinstance(whole, type) and "[" in qualname:
        return whole
    for part in qualname.split("."):
        found = getattr(found, "__dict__", {}).get(part)
        if not isinstance(found, type):
            return None
    return found if isinstance(found, type) else None
