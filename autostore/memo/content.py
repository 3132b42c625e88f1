"""Digests of values: equal ones only for values that are the same, in every process and on every machine.

Containers, described and the user's own objects are walked, in the order that they show; large values go by their
bytes; what has a format of its own by the file that it would be. What has neither is refused, by name.
"""

from __future__ import annotations

import collections
import enum
import hashlib
import struct
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from autostore.equality.state import attributes, hidden_slots, keeps_more
from autostore.errors import UnhashableInputError, UnsupportedFormatError, UntrustedDataError
from autostore.memo.bulk import bulk_digest
from autostore.memo.code import Code
from autostore.memo.libraries import Libraries
from autostore.memo.rings import Rings, combined
from autostore.words import an

__all__ = ["Digester", "Encode"]

Encode = Callable[[Any], tuple[bytes, Iterable[type]]]
"""The digest of the file that a value would be in the store, never a pickle, and the classes that it names;
`UnsupportedFormatError` for what has none."""

_FAST = frozenset((int, float, str, bool, type(None)))
_MANY = 64
_PLAIN = frozenset(
    ("torch.nn.modules.module", "torch.autograd.grad_mode", "polars.datatypes.classes", "argparse.Namespace",
     "collections.UserDict", "collections.UserList")
)  # fmt: skip
"""Modules and classes of libraries whose objects have all in their attributes."""
_DESCRIBED = ("__dataclass_fields__", "__pydantic_fields__", "__attrs_attrs__")


class _Bare:
    """As large as an object is that has attributes, and nothing else."""


class Digester:
    """One walk through what a call depends on; not to be used for another."""

    def __init__(
        self,
        encode: Encode,
        ignored: frozenset[str] = frozenset(),
        libraries: Libraries | None = None,
        *,
        reads_classes: bool = True,
    ) -> None:
        self._encode = encode
        self._libraries = libraries or Libraries()
        self._code = Code(self.parts, ignored, self._libraries, reads_classes=reads_classes)
        self._rings = Rings()

    @property
    def met(self) -> set[str]:
        """The ignored names that the code reads."""
        return self._code.met

    def digest(self, value: Any) -> bytes:
        """16 bytes, or a few more that say a small value itself."""
        leaf = _LEAVES.get(type(value))
        if leaf is not None:
            return leaf(value)
        return self._rings.digest(value, self._walked)

    def parts(self, kind: str, parts: Iterable[tuple[str, Any]], *, named: bool = False) -> bytes:
        """A digest of parts in their order, with `named` also of their names; an error names the part."""
        digests = []
        for name, part in parts:
            if named:
                digests.append(_text(name))
            try:
                digests.append(self.digest(part))
            except UnhashableInputError as error:
                raise _inside(error, name) from error.__cause__
        return combined(kind, digests)

    def _walked(self, value: Any) -> bytes:
        container = _CONTAINERS.get(type(value))
        if container is not None:
            return container(self, value)
        if isinstance(value, enum.Enum):
            # Flags of no bit, or of several, have no name.
            return combined("enum", [self.digest(type(value)), self.digest((value.name, value.value))])
        bulk = bulk_digest(value)
        if bulk is not None:
            return b"#" + bulk
        if not isinstance(value, type) and value.__class__ is not type(value):
            return self._proxy(value)
        if self._code.knows(value):
            return self._code.digest(value)
        return self._object(value)

    def _proxy(self, value: Any) -> bytes:
        """What passes for another, as the functions that `wrapt` decorates: the wrapper is code, too."""
        wrapper = getattr(value, "_self_wrapper", None)
        if wrapper is None:
            raise UnhashableInputError(f" is {an(_named(type(value)))} that passes for {an(_named(value.__class__))}")
        return combined("proxy", [self.digest(type(value)), self.digest(wrapper), self.digest(value.__wrapped__)])

    def _object(self, value: Any) -> bytes:
        kind = type(value)
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            beside = self.digest(attributes(value) or {})
            return combined("named tuple", [self.digest(kind), _list(self, tuple(value)), beside])
        if self._is_walked(kind):
            state = {**hidden_slots(value), **_field_slots(value), **(attributes(value) or {})}
            state = {name: part for name, part in state.items() if self._code.counts(kind, name)}
            fields = self.parts("fields", ((f".{name}", state[name]) for name in state), named=True)
            return combined("object", [self.digest(kind), fields])
        if _is_one_time(value):
            raise UnhashableInputError(f" is {an(_named(kind))}, whose content is known only once it is computed")
        try:
            file, kinds = self._encode(value)
            named = {_named(cls): cls for cls in kinds}
            return combined(
                "file", [_named(kind).encode(), file, *(self.digest(named[name]) for name in sorted(named))]
            )
        except (UnsupportedFormatError, UntrustedDataError) as error:
            if _is_bare(value):
                return combined("bare", [self.digest(kind)])
            raise UnhashableInputError(f" is {an(_named(kind))}, of which no plain format says all") from error

    def _is_walked(self, kind: type) -> bool:
        """Whether all that an object is lies in its attributes, and its class can be read or is described."""
        if keeps_more(kind):
            return False
        described = any(hasattr(kind, name) for name in _DESCRIBED)
        plain = any(base.__module__ in _PLAIN or _named(base) in _PLAIN for base in kind.__mro__)
        return described or plain or (self._libraries.version_of(kind.__module__) is None and kind is not object)


def _list(walk: Digester, value: Any) -> bytes:
    kind = type(value).__name__
    if len(value) > _MANY and set(map(type, value)) <= _FAST:
        text = _text_of(value)
        if text is not None:
            return combined(f"plain {kind}", [text])
    return walk.parts(kind, ((f"[{number}]", part) for number, part in enumerate(value)))


def _text_of(value: Any) -> bytes | None:
    """The literal of a list of plain values, which says their types; NaN has several, and some text cannot be said."""
    try:
        text = repr(value)
        return None if "nan" in text else text.encode()
    except ValueError:  # more digits than are shown, or half a surrogate pair
        return None


def _dict(walk: Digester, value: Mapping[Any, Any]) -> bytes:
    """In their order, which a function sees, too."""
    keys = walk.parts("keys", ((" as a key", key) for key in value))
    kind = type(value).__name__
    return combined(kind, [keys, walk.parts("values", ((f"[{key!r:.50}]", part) for key, part in value.items()))])


def _default_dict(walk: Digester, value: Any) -> bytes:
    return combined("default", [walk.digest(value.default_factory), _dict(walk, value)])


def _deque(walk: Digester, value: Any) -> bytes:
    return combined("deque", [walk.digest(value.maxlen), _list(walk, list(value))])


def _set(walk: Digester, value: Any) -> bytes:
    digests = []
    for part in value:
        try:
            digests.append(walk.digest(part))
        except UnhashableInputError as error:
            raise _inside(error, " in a set") from error.__cause__
    return combined(type(value).__name__, sorted(digests))


def _inside(error: UnhashableInputError, name: str) -> UnhashableInputError:
    return UnhashableInputError(f"{name}{error}")


def _named(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _field_slots(value: Any) -> dict[str, Any]:
    """Fields of a dataclass or class of attrs that are slots."""
    kind = type(value)
    names = (*getattr(kind, "__dataclass_fields__", ()), *(one.name for one in getattr(kind, "__attrs_attrs__", ())))
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _is_bare(value: Any) -> bool:
    """Whether an object has nothing of its own, as `polars.col`: its class says all, and C keeps nothing beside."""
    kind: Any = type(value)
    plain = kind.__dictoffset__ != 0 and not keeps_more(kind) and kind.__basicsize__ <= _Bare.__basicsize__
    return plain and not vars(value) and not hidden_slots(value)


def _is_one_time(value: Any) -> bool:
    """Iterators, streams and queries: gone through, or computed, to be known."""
    kind = type(value)
    return hasattr(kind, "__next__") or hasattr(kind, "read_next_batch") or kind.__name__ == "LazyFrame"


def _text(value: str) -> bytes:
    return _sized(b"s", value.encode("utf-8", "surrogatepass"))


def _sized(tag: bytes, data: bytes) -> bytes:
    """The bytes themselves, or a digest; a tag each, so that neither passes for the other."""
    return tag + data if len(data) <= 64 else tag.upper() + hashlib.blake2b(data, digest_size=16).digest()


_LEAVES: Mapping[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"None",
    bool: lambda value: b"b1" if value else b"b0",
    int: lambda value: _sized(b"i", b"%x" % value),
    float: lambda value: b"f" + struct.pack("<d", value),
    complex: lambda value: b"c" + struct.pack("<dd", value.real, value.imag),
    str: _text,
    bytes: lambda value: _sized(b"y", value),
    bytearray: lambda value: _sized(b"m", bytes(value)),
    type(...): lambda _: b"...",
    type(NotImplemented): lambda _: b"NotImplemented",
}
"""Each begins with a letter of its own; lengths are told where they are combined."""

_CONTAINERS: Mapping[type, Callable[[Digester, Any], bytes]] = {
    list: _list,
    tuple: _list,
    dict: _dict,
    collections.OrderedDict: _dict,
    collections.Counter: _dict,
    collections.defaultdict: _default_dict,
    collections.deque: _deque,
    types.MappingProxyType: _dict,
    set: _set,
    frozenset: _set,
}
