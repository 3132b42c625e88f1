"""XML as .xml: elements and trees of `xml.etree.ElementTree` come back, and a file of anybody else is its text.

A comment at the beginning says what a file was written from. What a file declares of its own (entities, defaults of
attributes) may unfold without end and is refused, and nothing is fetched:
https://docs.python.org/3/library/xml.html#xml-security.
"""

from __future__ import annotations

import functools
import re
from typing import Any, BinaryIO, NoReturn

from autostore.equality import Again, same
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling
from autostore.guard.foreign import let_pass
from autostore.handlers.encoding import without_mark
from autostore.handlers.named import NotedTextHandler
from autostore.headers.header import Header, beginning, text_of
from autostore.optional import loaded_type, require
from autostore.preview import Markdown, Preview
from autostore.previews import text
from autostore.previews.bounds import clip

__all__ = ["XMLHandler"]

MOST_LEVELS, MOST_SHARED = 200, 1_000_000
_LIBRARY = "xml.etree.ElementTree"
_ELEMENT, _ATTRIBUTE = 250, 300
"""Bytes in memory of an element with its texts and its place, for each `<`; and of an attribute, for each `=`."""

_MOST_SHOWN = 10_000
_DECLARED = re.compile(rb"<\?xml[^>]{1,200}?encoding\s*=\s*[\"']([\w.-]{1,40})")
"""What a file says that it is encoded in."""


class XMLHandler(NotedTextHandler):
    """Elements and trees of the standard library as .xml; a text stays one, and so does a file of somebody else."""

    types = "`Element` and `ElementTree` of xml.etree, namespaces as it has them; str"
    read_by = "readers of XML"
    named_extensions = (".xml",)
    note = '<?xml version="1.0" encoding="utf-8"?>\n<!-- autostore: '

    def is_value(self, data: Any) -> bool:
        """Exact elements and trees."""
        return _word(type(data)) != ""

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """What it was written from, and how it begins."""
        content = beginning(file)
        kind = f"{_LIBRARY}.{self._kind(content)}" if self.is_noted(content) else "str"
        return Header(type=kind, preview=text_of(content))

    def loads(self, content: bytes, file_extension: str, as_type: Any = None) -> Any:
        """What our note names, or what is asked for; comments are kept in what was written here."""
        noted = self.is_noted(content)
        word = _word(as_type) or (self._kind(content) if noted else "Element")
        if word not in ("Element", "ElementTree"):
            raise CorruptDataError(f"The file names an unknown kind {word!r:.50}. Upgrade autostore.")
        root = _parsed(content, self.ceiling, whole=noted)
        return root if word == "Element" else require(_LIBRARY).ElementTree(root)

    def as_type(self, value: Any, as_type: Any) -> Any:
        """It is that already, or cannot be."""
        if _word(as_type):
            return value
        problem = f"An XML file holds elements, which cannot be read as {as_type!r:.80}"
        raise UnsupportedFormatError(f"{problem}. Read it with as_type={_LIBRARY}.Element.")

    def dumps(self, data: Any, file_extension: str) -> bytes:
        """What reads back the same."""
        word = _word(type(data))
        root = data if word == "Element" else data.getroot()
        if root is None or root.tail:
            raise UnsupportedFormatError("XML has one root, and no text behind it. Set the element's tail to None.")
        _check_shape(root)
        try:
            # A carriage return would be read as the end of a line.
            written = require(_LIBRARY).tostring(root, encoding="unicode").replace("\r", "&#13;")
            content = f"{self.note}{word} -->\n{written}\n".encode()
            kept = same(_parsed(content, Ceiling(None), whole=True), root)
        except (ValueError, TypeError, AttributeError, RecursionError, CorruptDataError) as error:
            let_pass(error)
            raise UnsupportedFormatError(f"XML cannot hold this: {error!s:.200}. Use a bare key.") from error
        if not kept:
            raise UnsupportedFormatError(
                "XML would not give this back equal: an empty text is None there, and a name a str. Use a bare key."
            )
        return content

    def preview(self, data: Any) -> Preview:
        """The root, the number of elements, and how it begins."""
        if type(data) is str:
            return text.text(data)
        root = data if _word(type(data)) == "Element" else data.getroot()
        count = sum(1 for _ in root.iter())
        head = require(_LIBRARY).tostring(root, encoding="unicode") if count <= _MOST_SHOWN else ""
        return {"root": clip(str(root.tag)), "elements": count, "head": Markdown(clip(head))}

    def _as_raw(self, content: bytes) -> Any:
        try:
            return super()._as_raw(content)
        except CorruptDataError as error:
            declared = _DECLARED.match(content)
            if declared is None:
                raise
            problem = f"The file is XML in {declared[1].decode()}, as it says, and a text here is UTF-8"
            raise UnsupportedFormatError(f"{problem}. Read it with as_type={_LIBRARY}.Element.") from error

    def _kind(self, content: bytes) -> str:
        return content[len(self.note) :].partition(b" -->")[0].decode(errors="replace")


def _word(kind: Any) -> str:
    """The name of a class of elements or trees; "" for any other."""
    for name in ("Element", "ElementTree"):
        if kind is not None and kind is loaded_type(_LIBRARY, name):
            return name
    return ""


def _parsed(content: bytes, ceiling: Ceiling, *, whole: bool) -> Any:
    ceiling.check(2 * len(content) + content.count(b"<") * _ELEMENT + content.count(b"=") * _ATTRIBUTE, "The XML")
    library = require(_LIBRARY)
    words, declares = _words(content)
    builder = (_closed() if declares else library.TreeBuilder)(insert_comments=whole, insert_pis=whole)
    parser = library.XMLParser(target=builder)
    try:
        parser.feed(words)
        root = parser.close()
    except library.ParseError as error:
        raise CorruptDataError(f"This is no XML: {error!s:.200}. Look at it with as_type=str.") from error
    if _levels(root) > MOST_LEVELS:
        raise CorruptDataError(f"The XML is nested more than {MOST_LEVELS} deep. Look at it with as_type=str.")
    return root


def _words(content: bytes) -> tuple[str | bytes, bool]:
    """What the parser is given, and whether it may declare words of its own; what is not UTF-8 it decodes itself."""
    try:
        words = without_mark(content)
    except CorruptDataError:
        if not _DECLARED.match(content):
            raise
        return content, True
    return words, "<!DOCTYPE" in words and ("<!ENTITY" in words or "<!ATTLIST" in words)


@functools.cache
def _closed() -> Any:
    """What builds a tree, but where a file would declare its own words."""

    class Closed(require(_LIBRARY).TreeBuilder):  # type: ignore[misc]
        def doctype(self, *_: Any) -> NoReturn:
            problem = "The XML declares entities or defaults of attributes, which may unfold without end"
            raise CorruptDataError(f"{problem}. Look at it with as_type=str.")

    return Closed


def _levels(root: Any) -> int:
    """Levels of elements; no more than one too many are counted."""
    level, levels = [root], 0
    while level and levels <= MOST_LEVELS:
        level = [child for element in level for child in element]
        levels += 1
    return levels


def _check_shape(root: Any) -> None:
    """Refuse what nests too deep, also within itself, and shared parts that would be written again and again."""
    level, levels = [root], 0
    while level:
        levels += 1
        if levels > MOST_LEVELS or (len(level) > MOST_SHARED and len(set(map(id, level))) < len(level)):
            raise UnsupportedFormatError(f"XML is written to {MOST_LEVELS} levels, each part in one place. Flatten it.")
        level = [child for element in level for child in element]


def _same_element(first: Any, second: Any, again: Again) -> bool:
    return type(first) is type(second) and again(
        *([one.tag, one.text, one.tail, one.attrib, list(one)] for one in (first, second))
    )


def _same_tree(first: Any, second: Any, again: Again) -> bool:
    return type(first) is type(second) and again(first.getroot(), second.getroot())


XMLHandler.equality = {f"{_LIBRARY}.Element": _same_element, f"{_LIBRARY}.ElementTree": _same_tree}
