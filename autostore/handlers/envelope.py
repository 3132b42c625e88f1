"""The envelope of typed JSON files, and the only place that turns a name in a file into a class.

    {"$autostore": 1, "type": "module:Qual.Name", "data": ...}

A named class is imported only where code in data is allowed; elsewhere it must have been
imported already. Whatever else the name leads to is never called.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

from autostore.errors import CorruptDataError, UnknownTypeError, UnsupportedFormatError, UntrustedDataError
from autostore.guard.foreign import let_pass
from autostore.handlers.json import parse_json

__all__ = ["VERSION", "find_class", "name_class", "open_envelope", "seal_envelope"]

VERSION = 1
LONGEST_NAME = 1000


def name_class(cls: type) -> str:
    """`module:Qual.Name`, if the class can be found again under it; refused otherwise.

    `__main__` is accepted: the same program finds its classes there, and another one can
    read the file with `as_type`.
    """
    name = f"{cls.__module__}:{cls.__qualname__}"
    if _lookup(name) is not cls:
        raise UnsupportedFormatError(
            f"{cls.__qualname__} cannot be found as {name} when it is read. "
            "Define the class at the top level of a module, under its own name."
        )
    return name


def seal_envelope(type_name: str, data: str) -> str:
    """The text of a file, around JSON text."""
    return f'{{"$autostore": {VERSION}, "type": {json.dumps(type_name, ensure_ascii=False)}, "data": {data}}}'


def open_envelope(text: str) -> tuple[str | None, Any]:
    """The name of the type and the data; no name for a JSON file without an envelope."""
    content = parse_json(text)
    if type(content) is not dict or "$autostore" not in content:
        return None, content
    version = content["$autostore"]
    if type(version) is not int or version < 1:
        raise CorruptDataError(f'"$autostore" is {version!r:.40}, not a version number. Look at it with as_type=bytes.')
    if version > VERSION:
        raise CorruptDataError(
            f"The file has version {version}, and this autostore knows {VERSION}. Upgrade autostore."
        )
    if type(content.get("type")) is not str or "data" not in content:
        raise CorruptDataError('The envelope needs a "type" and "data". Look at it with as_type=bytes.')
    if len(content["type"]) > LONGEST_NAME:  # it would fill every message and log
        raise CorruptDataError(f'The "type" is {len(content["type"])} characters long. Look at it with as_type=bytes.')
    return content["type"], content["data"]


def find_class(type_name: str, *, may_import: bool) -> type:
    """The class of this name."""
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
    if found is None:
        raise UnknownTypeError(f"{module} has no class {qualname} (renamed or moved?). {remedy}")
    return found


def _lookup(type_name: str) -> type | None:
    # Through __dict__, because getattr could run code: a lazy module imports what it is asked for.
    module, _, qualname = type_name.partition(":")
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, "__dict__", {}).get(part)
        if not isinstance(found, type):
            return None
    return found if isinstance(found, type) else None
