"""Names of classes in files, and the only way from one to a class (each part of it by `imported.py`).

`module:Qual.Name`; a generic class has its parameters behind it: `m:Page[builtins:int]`,
`UnionType[...]` for `X | Y`, `Union[...]` for typing's own, `None`, `...` in tuples, and the values of
`typing:Literal["a",1,true]` as JSON. A named class is imported only where code in data is allowed;
elsewhere it must have been imported already.
"""

from __future__ import annotations

import collections
import contextlib
import contextvars
import enum
import json
import operator
import re
import types
import typing
from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any

from autostore.equality.declared import is_declared
from autostore.errors import (
    CorruptDataError,
    StorageError,
    UnsupportedFormatError,
    UntrustedDataError,
)
from autostore.handlers.imported import import_class, lookup
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
_LITERAL = "typing:Literal"
_ALIASES = {
    "collections.abc": ("Collection", "Iterable", "Mapping", "MutableMapping", "MutableSequence", "MutableSet",
                        "Sequence", "Set"),
    "typing": ("AbstractSet", "Collection", "Counter", "DefaultDict", "Deque", "Dict", "FrozenSet", "Iterable", "List",
               "Mapping", "MutableMapping", "MutableSequence", "MutableSet", "OrderedDict", "Sequence", "Set", "Tuple"),
}  # fmt: skip
# Of modules that need no import, as every program has them; they are told apart by name only.
_STANDARD = {
    "collections.abc": _ALIASES["collections.abc"],
    "datetime": ("date", "datetime", "time", "timedelta", "timezone"),
    "decimal": ("Decimal",),
    "fractions": ("Fraction",),
    "ipaddress": ("IPv4Address", "IPv4Interface", "IPv4Network", "IPv6Address", "IPv6Interface", "IPv6Network"),
    "pathlib": ("Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath"),
    "typing": ("Any", *_ALIASES["typing"]),
    "uuid": ("UUID",),
    "zoneinfo": ("ZoneInfo",),
}
_named: contextvars.ContextVar[list[type] | None] = contextvars.ContextVar("_named", default=None)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^\[\],]+|[\[\],]')


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
    if isinstance(found, type) and found is not cls:
        raise UnsupportedFormatError(
            f"{name:.200} is another class by now: it was defined again, or its module reloaded. "
            "Make the object anew, of that class."
        )
    if found is not cls or len(name) > LONGEST_NAME:
        raise UnsupportedFormatError(
            f"{cls.__qualname__} cannot be found as {name:.200} when it is read. "
            "Define the class at the top level of a module, under its own name."
        )
    if (named := _named.get()) is not None:
        named.append(cls)
    return name


@contextlib.contextmanager
def classes_named() -> Iterator[list[type]]:
    """All classes that files name which are written meanwhile, here and in no other thread."""
    named: list[type] = []
    token = _named.set(named)
    try:
        yield named
    finally:
        _named.reset(token)


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
    if origin is typing.Literal:
        return f"{_LITERAL}[{','.join(map(_spell_value, arguments))}]"
    head = {typing.Union: "Union", types.UnionType: "UnionType"}.get(origin)
    if head is None and getattr(cls, "_name", None) in _ALIASES["typing"] and type(cls).__module__ == "typing":
        head = f"typing:{cls._name}"
    return f"{head or _spell(origin)}[{','.join(map(_spell, arguments))}]" if arguments else head or _spell(origin)


def _spell_value(value: Any) -> str:
    if value is None or type(value) in (str, int, bool):
        return "None" if value is None else json.dumps(value)
    raise UnsupportedFormatError(f"{value!r:.80} in a Literal has no name that a file could hold. Use its text.")


def find_class(type_name: str, *, may_import: bool, known: Mapping[str, type] | None = None) -> type:
    """The class of this name; `known` ones need no import."""
    if len(type_name) > LONGEST_NAME:
        raise CorruptDataError(f"A class has {len(type_name)} characters. Look at it with as_type=bytes.")
    found = (known or {}).get(type_name) or lookup(type_name)
    if found is not None:  # a generic class too, where it stands in its module as Pydantic puts it
        return found
    if "[" not in type_name:
        return import_class(type_name, may_import)
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
            # Texts nowhere else: Pydantic evaluates them, as references to classes.
            arguments.append(self._value() if head == _LITERAL else self._one())
            if self._ahead == "]":
                self._next()
                return self._subscribed(head, arguments)
        raise self._odd()

    def _value(self) -> Any:
        spelt = self._next()
        try:
            value = None if spelt == "None" else json.loads(spelt)
        except ValueError:
            raise self._odd() from None
        if value is None or type(value) in (str, int, bool):
            return value
        raise self._odd()

    def _argument(self, name: str) -> Any:
        if name in ("None", "..."):
            return None if name == "None" else Ellipsis
        found = _standard(name) or lookup(name) or import_class(name, self._may_import)
        if found not in _ARGUMENTS.values() and _standard(name) is None and not is_described(found):
            raise UntrustedDataError(f"The file names {name}, which is no class of values.")
        return found

    def _subscribed(self, head: str, arguments: list[Any]) -> Any:
        if head == "UnionType":
            return reduce(operator.or_, arguments)
        if head == "Union":
            return typing.Union[tuple(arguments)]  # noqa: UP007 - which differs from X | Y
        if head == _LITERAL:
            return typing.Literal[tuple(arguments)]
        generic = self._argument(head)
        if generic not in _CONTAINERS and not _is_alias(head) and not is_described(generic):
            raise UntrustedDataError(f"The file names {head}, which takes no parameters.")
        try:
            return generic[tuple(arguments)]
        except TypeError as error:
            raise CorruptDataError(f"{head} does not take these parameters (changed?): {error}.") from error

    def _odd(self) -> CorruptDataError:
        return CorruptDataError(f"{self._name!r:.80} does not name a class. Look at it with as_type=bytes.")


def _is_alias(name: str) -> bool:
    module, _, word = name.partition(":")
    return word in _ALIASES.get(module, ())


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
