"""TOML and INI: settings as dicts, in files that people edit.

TOML is read by the standard library and written by tomli-w; what it would change (None, tuples, zones with names,
integers beyond 64 bits, which other readers refuse) is refused. INI holds texts in sections, and no more.
"""

from __future__ import annotations

import configparser
import io
import re
import tomllib
from typing import Any, BinaryIO

from autostore.equality import Again, same
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.handler import DataHandler
from autostore.handlers.encoding import without_mark
from autostore.handlers.fitting import fitted
from autostore.handlers.named import NotedTextHandler
from autostore.handlers.unfolding import check_unfolded, nesting
from autostore.handlers.yaml import YAMLHandler
from autostore.headers import texts as texts_header
from autostore.headers.header import Header
from autostore.optional import require
from autostore.preview import Preview
from autostore.previews import records, text

__all__ = ["INIHandler", "TOMLHandler", "settings"]

MOST_LEVELS = 200
_DOTTED = re.compile(rb"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){1000}""")
_INT64 = range(-(2**63), 2**63)


class TOMLHandler(NotedTextHandler):
    """Dicts as .toml; a file of anybody else is its text, and a dict or a model with `as_type`."""

    types = "dicts of what TOML has: str, int, float, bool, dates, times, lists, dicts; str"
    read_by = "readers of TOML 1.0"
    install = "dagster-autostore[toml]"
    media_types = {".toml": "application/toml"}
    named_extensions = (".toml",)
    note = "# autostore: dict\n"

    def is_value(self, data: Any) -> bool:
        """Exact dicts."""
        return type(data) is dict

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """The first characters."""
        return texts_header.document(file)

    def loads(self, content: bytes, file_extension: str, as_type: Any = None) -> Any:
        """The dict."""
        check_unfolded(content, self.ceiling, "The TOML")
        if _DOTTED.search(content):  # tomllib takes a time that grows as the square of a key's parts
            raise CorruptDataError("A key of the TOML has more than 1,000 parts. Look at it with as_type=str.")
        value = tomllib.loads(without_mark(content))
        if nesting(value, MOST_LEVELS) > MOST_LEVELS:
            raise CorruptDataError(f"The TOML is nested more than {MOST_LEVELS} deep. Flatten it.")
        return value

    def dumps(self, data: Any, file_extension: str) -> bytes:
        """What reads back the same."""
        writer = require("tomli_w")
        try:
            content: bytes = (self.note + writer.dumps(data)).encode()
            kept = same(tomllib.loads(content.decode()), data) and _is_small(data)
        except (TypeError, ValueError, AttributeError, RecursionError) as error:
            let_pass(error)
            raise UnsupportedFormatError(f"TOML cannot hold this value: {error}. Use a bare key.") from error
        if not kept:
            raise UnsupportedFormatError(
                "TOML would not give this value back equal. Put dicts behind plain values, or use a bare key."
            )
        return content

    def preview(self, data: Any) -> Preview:
        """The number of entries, and the first of them; of a text how it begins."""
        return text.text(data) if type(data) is str else records.mapping(data)


def _is_small(data: Any) -> bool:
    """Whether every reader takes its numbers, and its depth."""
    pending, levels = [data], 0
    while pending:
        levels += 1
        children: list[Any] = []
        for part in pending:
            children += part.values() if type(part) is dict else part
        if any(type(child) is int and child not in _INT64 for child in children):
            return False
        pending = [child for child in children if type(child) in (dict, list)]
    return levels <= MOST_LEVELS


class INIHandler(NotedTextHandler):
    """Dicts of dicts of text, and parsers of configparser, as .ini and .cfg; a file of anybody else is its text."""

    types = "dicts of dicts of str, `configparser.ConfigParser`; str"
    read_by = "readers of INI"
    named_extensions = (".ini", ".cfg")
    note = "# autostore: "

    def is_value(self, data: Any) -> bool:
        """Exact dicts, and exact parsers of the usual settings."""
        return type(data) in (dict, configparser.ConfigParser)

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """The first characters."""
        return texts_header.document(file)

    def loads(self, content: bytes, file_extension: str, as_type: Any = None) -> Any:
        """What our note names; else a dict, or a parser where it is asked for."""
        check_unfolded(content, self.ceiling, "The INI", b"\n")
        words = without_mark(content)
        named = words.partition("\n")[0].removeprefix(self.note) if self.is_noted(content) else ""
        if as_type is configparser.ConfigParser or (as_type is None and named == "ConfigParser"):
            return _parsed(configparser.ConfigParser(), words)
        if named not in ("", "dict", "ConfigParser"):
            raise CorruptDataError(f"The file names an unknown kind {named!r:.50}. Upgrade autostore.")
        plain = _parsed(_plain_parser(), words)
        return {name: dict(plain.items(name)) for name in plain.sections()}

    def as_type(self, value: Any, as_type: Any) -> Any:
        """A parser as such, sections validated into anything else."""
        return value if as_type is configparser.ConfigParser else fitted(as_type, value, row="item")

    def dumps(self, data: Any, file_extension: str) -> bytes:
        """What reads back the same."""
        is_dict = type(data) is dict
        parser = _plain_parser() if is_dict else data
        try:
            if is_dict:
                parser.read_dict(data)
            stream = io.StringIO()
            stream.write(f"{self.note}{'dict' if is_dict else 'ConfigParser'}\n")
            parser.write(stream)
            content = stream.getvalue().encode()
            back = self.loads(content, file_extension)
        except (configparser.Error, AttributeError, TypeError, ValueError, CorruptDataError) as error:
            let_pass(error)
            raise UnsupportedFormatError(f"INI cannot hold this value: {error}. Use .toml, or a bare key.") from error
        if not (same(back, data) if is_dict else is_same_config(back, data)):
            raise UnsupportedFormatError("INI would not give this value back equal: it holds texts in sections.")
        return content

    def preview(self, data: Any) -> Preview:
        """The number of sections, and the first of them; of a text how it begins."""
        return text.text(data) if type(data) is str else records.mapping({name: dict(data[name]) for name in data})


def _plain_parser() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(delimiters=("=",), default_section="\n")  # a name that no file has
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    return parser


def _parsed(parser: configparser.RawConfigParser, words: str) -> configparser.RawConfigParser:
    try:
        parser.read_string(words)
    except configparser.Error as error:
        raise CorruptDataError(f"The INI cannot be read: {error!s:.300}") from error
    return parser


def _same_config(first: Any, second: Any, _again: Again) -> bool:
    return is_same_config(first, second)


def is_same_config(first: Any, second: Any) -> bool:
    """Whether two parsers hold the same texts, and read them alike."""
    return type(first) is type(second) and same(_state(first), _state(second))


def _state(parser: Any) -> dict[str, Any]:
    """All that a parser holds, but for what refers back to it."""
    kept = {name: part for name, part in vars(parser).items() if name not in ("_proxies", "_converters")}
    kept["_interpolation"] = type(parser._interpolation).__qualname__  # noqa: SLF001 - it has no public name
    kept["optionxform"] = getattr(parser.optionxform, "__qualname__", parser.optionxform)
    kept["converters"] = list(parser.converters)
    return kept


def settings() -> list[DataHandler]:
    """The formats of settings."""
    return [TOMLHandler(), INIHandler(), YAMLHandler()]


INIHandler.equality = {"configparser.RawConfigParser": _same_config}
