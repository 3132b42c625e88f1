"""Text, JSON and bytes: the first characters, and the type that an envelope or the first sign names."""

from __future__ import annotations

import json
import re
import zipfile
from typing import BinaryIO

from autostore.headers.archives import opened
from autostore.headers.header import BEGINNING, Header, beginning, text_of

__all__ = ["bundle", "document", "enveloped", "json_text", "lines", "plain", "typed"]

_TYPE = re.compile(r'\s*\{"\$autostore": \d+, "type": ("(?:[^"\\]|\\.)*")')
_TAG = re.compile(r'\s*\{"\$autostore": \d+, "value": (?:\{"\$(\w+)": )?')
_CLASS = re.compile(r'(?:\{"type": |\[)?("(?:[^"\\]|\\.)*")')
_SIGNS = {"{": "dict", "[": "list", '"': "str", "t": "bool", "f": "bool", "n": "NoneType"}
_TAGS = {
    "date": "datetime.date", "datetime": "datetime.datetime", "time": "datetime.time", "uuid": "uuid.UUID",
    "timedelta": "datetime.timedelta", "decimal": "decimal.Decimal", "fraction": "fractions.Fraction",
    "path": "pathlib.Path", "ip": "ipaddress", "numpy": "numpy", "pandas": "pandas",
    "deque": "collections.deque", "ordereddict": "collections.OrderedDict", "counter": "collections.Counter",
    "defaultdict": "collections.defaultdict",
}  # fmt: skip


def plain(file: BinaryIO) -> Header:
    """A text."""
    return Header(type="str", preview=text_of(beginning(file)))


def json_text(file: BinaryIO) -> Header:
    """Dict, list, text or number, by the first sign."""
    text = text_of(beginning(file))
    return Header(type=_by_sign(text.lstrip()), preview=text)


def lines(file: BinaryIO) -> Header:
    """A list of what stands in each line."""
    return Header(type="list", preview=text_of(beginning(file)))


def document(file: BinaryIO) -> Header:
    """A text whose type only reading shows."""
    return Header(preview=text_of(beginning(file)))


def enveloped(file: BinaryIO) -> Header:
    """The class of a model or dataclass."""
    data = beginning(file).decode(errors="ignore")
    match = _TYPE.match(data)
    named = json.loads(match[1]).replace(":", ".") if match else "dict"
    return Header(type=named, preview=text_of(data.encode()))


def typed(file: BinaryIO) -> Header:
    """The outermost type of typed JSON."""
    data = beginning(file)
    return Header(type=_typed(data.decode(errors="ignore")), preview=text_of(data))


def bundle(file: BinaryIO) -> Header:
    """The outermost type, and the members."""
    with zipfile.ZipFile(file) as archive:
        with opened(archive, "value.json") as member:
            data = member.read(BEGINNING)
        parts = {info.filename: f"{info.file_size} bytes" for info in archive.infolist()[:1000]}
    parts.pop("value.json", None)
    return Header(type=_typed(data.decode(errors="ignore")), parts=parts, preview=text_of(data))


def _typed(text: str) -> str | None:
    match = _TAG.match(text)
    if match is None:
        return _by_sign(text.lstrip())
    rest, tag = text[match.end() :], match[1]
    if tag is None:
        return _by_sign(rest)
    named = _CLASS.match(rest) if tag in ("object", "enum") else None
    return json.loads(named[1]).replace(":", ".") if named else _TAGS.get(tag, tag)


def _by_sign(text: str) -> str | None:
    if text[:1] in _SIGNS:
        return _SIGNS[text[0]]
    number = re.match(r"-?\d+([.eE])?", text)
    return ("float" if number[1] else "int") if number else None
