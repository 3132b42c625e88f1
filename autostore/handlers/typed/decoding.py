"""From the text of typed JSON to the value: each object of JSON becomes what its tag says, innermost first."""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from autostore.errors import CorruptDataError, StorageError, UnknownTypeError, UntrustedDataError
from autostore.guard.foreign import let_pass
from autostore.handlers.envelope import check_version
from autostore.handlers.names import find_class, is_model
from autostore.handlers.parsing import parse_json
from autostore.handlers.typed.objects import enum_member, rebuilt
from autostore.handlers.typed.table import DECODERS
from autostore.handlers.typed.tag import array, need, typed
from autostore.handlers.typed.text import parse
from autostore.handlers.validated import value_of

__all__ = ["Decoder"]

_PLAIN: Any = object()
_ENVELOPE = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"\$autostore"')


class Decoder:
    """Decodes one file.

    Args:
        may_import: whether modules that the file names may be imported.
        member: gives the value of a member by its name; None outside of bundles.
        known: classes by name, which need no import.
        lenient: an object of a class that cannot be found, or no longer fits, is its fields, an enum its name.
        only_known: so is an object of any class that is not among the known.
    """

    def __init__(
        self,
        *,
        may_import: bool,
        member: Callable[[str], Any] | None = None,
        known: Mapping[str, type] | None = None,
        lenient: bool = False,
        only_known: bool = False,
    ) -> None:
        self._may_import = may_import
        self._known = known
        self._lenient = lenient
        self._only_known = only_known
        self._value: Any = _PLAIN
        self._fields: tuple[Any, Any] = (_PLAIN, None)
        self._member = member

    def decode(self, content: bytes) -> Any:
        """The value; of a file without an envelope what its plain JSON says."""
        if not _ENVELOPE.match(content):
            found = parse_json(content.decode("utf-8-sig"))
            if type(found) is not dict or "$autostore" not in found:
                return found
        parse(content, self._hook)
        if self._value is _PLAIN:
            raise CorruptDataError('The file has no "$autostore" around its value. Restore it.')
        return self._value

    def without_others(self) -> Decoder:
        """Another one, to which an object is its fields unless its class is known by name."""
        return Decoder(
            may_import=self._may_import,
            member=self._member,
            known=self._known,
            lenient=self._lenient,
            only_known=True,
        )

    def fields(self, value: Any) -> Any:
        """The fields of the object that `value` was made of, if the whole file is one; else `value`."""
        return self._fields[1] if value is self._fields[0] else value

    def _hook(self, pairs: list[tuple[str, Any]]) -> Any:
        if self._value is not _PLAIN:
            self._fail_for("$autostore")
        if len(pairs) == 1 and pairs[0][0][:1] == "$":
            return self._tagged(*pairs[0])
        found = dict(pairs)
        if len(found) != len(pairs):
            raise CorruptDataError("The file has an object with a key twice. Restore it.")
        if "$" in "".join(found):
            self._check_keys(found)
        return found

    def _check_keys(self, found: dict[str, Any]) -> None:
        odd = [key for key in found if key[:1] == "$"]
        if not odd:
            return
        if "$autostore" in found:
            check_version(found["$autostore"])
        if found.keys() != {"$autostore", "value"}:
            self._fail_for(odd[0])
        self._value = found["value"]

    def _fail_for(self, key: str) -> NoReturn:
        raise CorruptDataError(f"The key {key!r:.40} stands beside others, or inside. Look at it with as_type=bytes.")

    def _tagged(self, tag: str, payload: Any) -> Any:
        decode = DECODERS.get(tag) or self._own(tag)
        if decode is None:
            where = " outside of a bundle" if tag == "$file" else ", which this autostore does not know"
            raise CorruptDataError(f"The file uses the tag {tag!r:.40}{where}. Upgrade autostore.")
        try:
            return decode(payload)
        except (StorageError, MemoryError):
            raise
        except Exception as error:  # whatever a class of the standard library raises
            let_pass(error)  # of one that the file names
            raise CorruptDataError(
                f"{tag} does not hold what it should: {type(error).__name__}: {error!s:.200}. "
                "Look at it with as_type=bytes."
            ) from error

    def _own(self, tag: str) -> Callable[[Any], Any] | None:
        # Not kept: a cycle would keep every value that was read alive until the next collection.
        if tag == "$object":
            return self._object
        if tag == "$enum":
            return self._enum
        return self._file if tag == "$file" and self._member is not None else None

    def _file(self, payload: Any) -> Any:
        assert self._member is not None
        return self._member(typed(payload, str))

    def _class(self, name: Any) -> type | None:
        try:
            return find_class(typed(name, str), may_import=self._may_import, known=self._known)
        except (UntrustedDataError, UnknownTypeError, CorruptDataError):
            if self._lenient:
                return None
            raise

    def _enum(self, payload: Any) -> Any:
        name, member = array(payload, 2)
        cls = self._class(name)
        try:
            return member if cls is None else enum_member(cls, member)
        except CorruptDataError:
            if self._lenient:
                return member
            raise

    def _object(self, payload: Any) -> Any:
        need({"type"} < set(typed(payload, dict)) <= {"type", "data", "fields", "unset"})
        need(("data" in payload) != ("fields" in payload))
        cls, unset = self._class(payload["type"]), typed(payload.get("unset", []), list)
        fields = payload["data"] if "data" in payload else typed(payload["fields"], dict)
        if cls is None or (self._only_known and payload["type"] not in (self._known or {})):
            return fields
        try:
            made = self._made(cls, fields, unset, validated="data" in payload)
        except CorruptDataError:
            if self._lenient:
                return fields
            raise
        self._fields = made, fields
        return made

    def _made(self, cls: type, fields: Any, unset: list[str], *, validated: bool) -> Any:
        if not validated:
            return rebuilt(cls, fields, unset)
        if issubclass(cls, enum.Enum) or not (is_model(cls) or dataclasses.is_dataclass(cls)):
            raise UntrustedDataError(f"{cls.__qualname__} is no model or dataclass, so it is not made of data.")
        return value_of(cls, fields, unset)
