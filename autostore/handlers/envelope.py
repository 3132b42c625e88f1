"""The envelope of .pydantic.json and .dataclass.json files.

    {"$autostore": 1, "type": "module:Qual.Name", "data": ..., "unset": ["/pointer", ...]}

`unset` points to the fields of models that were never set; it is left out where there are none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from autostore.errors import CorruptDataError
from autostore.handlers.names import LONGEST_NAME
from autostore.handlers.parsing import parse_json

__all__ = ["VERSION", "check_version", "open_envelope", "seal_envelope"]

VERSION = 1


def seal_envelope(type_name: str, data: str, unset: Sequence[str] = ()) -> str:
    """The text of a file, around JSON text."""
    name = json.dumps(type_name, ensure_ascii=False)
    more = f', "unset": {json.dumps(unset, ensure_ascii=False)}' if unset else ""
    return f'{{"$autostore": {VERSION}, "type": {name}, "data": {data}{more}}}'


def open_envelope(text: str) -> tuple[str | None, Any, Any]:
    """The name of the type, the data and what is unset; no name for a JSON file without an envelope."""
    content = parse_json(text)
    if type(content) is not dict or "$autostore" not in content:
        return None, content, ()
    check_version(content["$autostore"])
    if type(content.get("type")) is not str or "data" not in content:
        raise CorruptDataError('The envelope needs a "type" and "data". Look at it with as_type=bytes.')
    if len(content["type"]) > LONGEST_NAME:
        raise CorruptDataError(f'The "type" is {len(content["type"])} characters long. Look at it with as_type=bytes.')
    return content["type"], content["data"], content.get("unset", ())


def check_version(version: Any) -> None:
    """Refuse what this autostore does not know."""
    if type(version) is not int or version < 1:
        raise CorruptDataError(f'"$autostore" is {version!r:.40}, not a version number. Look at it with as_type=bytes.')
    if version > VERSION:
        raise CorruptDataError(
            f"The file has version {version}, and this autostore knows {VERSION}. Upgrade autostore."
        )
