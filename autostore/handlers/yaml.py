"""YAML, safe-loaded always; chosen only where the key names it.

Depth and aliases are bounded before anything is built, so that a small file cannot expand
into a large object (https://en.wikipedia.org/wiki/Billion_laughs_attack). What is written reads
the same in YAML 1.1 and 1.2: a text that either takes for something else is quoted.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from autostore.equality import same
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling, read_whole
from autostore.guard.foreign import let_pass
from autostore.handler import DataHandler
from autostore.handlers.encoding import without_mark
from autostore.handlers.fitting import fitted
from autostore.handlers.parsing import finite
from autostore.headers import texts as texts_header
from autostore.headers.header import Header
from autostore.optional import require

__all__ = ["YAMLHandler"]

MAX_DEPTH = 200
MAX_ALIASED_NODES = 1_000_000
MOST_DIGITS = 4300
"""Python's own limit: https://docs.python.org/3/library/stdtypes.html#int-max-str-digits."""

NODE_BYTES, NODES_A_LOOK = 800, 10_000
"""What PyYAML takes for each node while it builds the value; and how often that is looked at."""

_NUMBER = re.compile(r"[-+0-9_:.eE]*")
_FLOAT = re.compile(r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?")
_TYPES = frozenset({dict, list, set, str, bytes, int, float, bool, type(None), dt.datetime, dt.date})
# Looks like a number to 1.1 or to 1.2, or to a reader between the two; PyYAML itself knows most of 1.1.
_NUMBER_LIKE = re.compile(r"[-+]?(?:[0-9]|\.[0-9_])[0-9a-fox_:.+-]*|[-+]?\.(?:inf|nan)|[-+_.0-9]+", re.IGNORECASE)
_WORD = re.compile(r"y|n|yes|no|on|off|true|false|null|~|", re.IGNORECASE)
_BREAKS = re.compile("[\x85\u2028\u2029\ufeff]")  # ends of lines in 1.1, characters in 1.2


class YAMLHandler(DataHandler):
    """What YAML gives back exactly, as .yaml and .yml."""

    types = "what JSON holds, dates and times"
    read_by = "readers of YAML 1.1 and 1.2"
    media_types = {".yaml": "application/yaml", ".yml": "application/yaml"}
    requires = ("yaml",)

    explicit_only: ClassVar[bool] = True

    @property
    def extensions(self) -> list[str]:
        """Both usual spellings."""
        return [".yaml", ".yml"]

    @property
    def priority(self) -> int:
        """Below JSON."""
        return 5

    def in_bundle(self) -> None:
        """Never: it stands in the bundle's own JSON."""

    def can_handle_data(self, data: Any) -> bool:
        """Exactly the types that safe YAML has."""
        return type(data) in _TYPES

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """The first characters."""
        return texts_header.document(file)

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The one document of the file."""
        with _whole():
            return _load(without_mark(read_whole(file_path, self.ceiling)), self.ceiling)

    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        """The document validated into a type, as `as_type=Settings`; fields by name or alias."""
        return fitted(as_type, self.read_from_file(file_path, file_extension), row="item")

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write block style in the order given, if that reads back equal."""
        yaml = require("yaml")
        dumper = _dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper))
        try:
            text = yaml.dump(data, Dumper=dumper, sort_keys=False, allow_unicode=True)
            content = text.encode("utf-8")
            equal = same(_load(text, self.ceiling), data)
        except (yaml.YAMLError, CorruptDataError, ValueError, RecursionError) as error:
            let_pass(error)
            raise UnsupportedFormatError(f"YAML cannot hold this value: {error}. Use a bare key.") from error
        if not equal:
            raise UnsupportedFormatError("YAML would not give this value back equal. Use a bare key.")
        with open(file_path, "wb") as file:
            file.write(content)


@functools.cache
def _dumper(base: Any) -> Any:
    """PyYAML's dumper, but texts that 1.2 reads as something else are quoted, too."""

    class Dumper(base):  # type: ignore[misc]
        pass

    def text(dumper: Any, data: str) -> Any:
        style = '"' if _BREAKS.search(data) else "'" if _NUMBER_LIKE.fullmatch(data) or _WORD.fullmatch(data) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    Dumper.add_representer(str, text)
    return Dumper


def _load(text: str, ceiling: Ceiling) -> Any:
    yaml = require("yaml")
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    _check_bounds(yaml, text, base, ceiling)
    loader = base(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check_keys(yaml, loader, node)
        return loader.construct_document(node)
    finally:
        loader.dispose()


@contextlib.contextmanager
def _whole() -> Iterator[None]:
    """What is YAML and no value here: tags of a program (`!Ref`, `!!python/tuple`), lists as keys."""
    try:
        yield
    except require("yaml").constructor.ConstructorError as error:
        line = "" if error.problem_mark is None else f" in line {error.problem_mark.line + 1}"
        raise UnsupportedFormatError(
            f"The YAML is whole, and has what is no plain value{line}: {error.problem!s:.200}. "
            "Read it with as_type=bytes, and a loader that knows it."
        ) from error


def _check_keys(yaml: Any, loader: Any, root: Any) -> None:
    """Refuse a key that stands twice in one mapping, before merges (`<<`) add those that may."""
    pending, seen = [root], {id(root)}
    while pending:
        node = pending.pop()
        mapping = isinstance(node, yaml.MappingNode)
        if mapping:
            _check_mapping(yaml, loader, node)
        if not isinstance(node, yaml.ScalarNode):
            children = [child for pair in node.value for child in pair] if mapping else node.value
            pending += [child for child in children if id(child) not in seen]
            seen.update(map(id, children))


def _check_mapping(yaml: Any, loader: Any, node: Any) -> None:
    keys: set[Any] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
            continue
        name = key.value if key.tag == "tag:yaml.org,2002:str" else loader.construct_object(key, deep=True)
        if name in keys:
            raise CorruptDataError(
                f"The key {key.value!r:.80} stands twice in one mapping, in line {key.start_mark.line + 1} again, "
                "and readers disagree on which counts. Remove one."
            )
        keys.add(name)


def _check_bounds(yaml: Any, text: str, loader: Any, ceiling: Ceiling) -> None:
    """Walk the events, which costs no recursion, before anything is built from them."""
    depth = documents = 0
    aliases = _Aliases()
    for number, event in enumerate(yaml.parse(text, Loader=loader)):
        if not number % NODES_A_LOOK:
            ceiling.check(number * NODE_BYTES, "The YAML")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise CorruptDataError(f"The YAML is nested more than {MAX_DEPTH} deep. Flatten it.")
            aliases.begin(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            aliases.end()
        elif isinstance(event, yaml.ScalarEvent):
            _check_number(event)
            aliases.begin(event.anchor)
            aliases.end()
        elif isinstance(event, yaml.AliasEvent):
            aliases.expand(event.anchor)
        elif isinstance(event, yaml.DocumentStartEvent):
            documents = _next_document(documents)


def _next_document(documents: int) -> int:
    if documents:
        raise CorruptDataError(
            "The file holds several YAML documents, and a key has one value. "
            "Make it one list, or read it with as_type=bytes and yaml.safe_load_all."
        )
    return documents + 1


def _check_number(event: Any) -> None:
    """Refuse a number beyond floats, and one so long that Python takes quadratic time over it, in base 60 unbounded."""
    value = event.value
    tagged = event.tag is not None and event.tag.endswith((":int", ":float"))
    if not tagged and (event.style or not _NUMBER.fullmatch(value)):
        return
    if len(value) > MOST_DIGITS:
        raise CorruptDataError(f"The YAML holds a number of {len(value)} characters. Write it as a text, in quotes.")
    if _FLOAT.fullmatch(value):  # and not the word `.inf`
        finite(value.replace("_", ""))


class _Aliases:
    """Counts the nodes that the aliases of a document stand for."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._open: list[tuple[str | None, int]] = []  # anchor, and the nodes seen before it
        self._nodes = self._expanded = 0

    def begin(self, anchor: str | None) -> None:
        self._open.append((anchor, self._nodes))
        self._nodes += 1

    def end(self) -> None:
        anchor, before = self._open.pop()
        if anchor is not None:
            self._sizes[anchor] = self._nodes - before

    def expand(self, anchor: str) -> None:
        if any(name == anchor for name, _ in self._open):
            raise CorruptDataError("The YAML holds a node that contains itself. Remove the alias.")
        size = self._sizes.get(anchor, 1)
        self._nodes += size
        self._expanded += size
        if self._expanded > MAX_ALIASED_NODES:
            raise CorruptDataError(
                f"The YAML's aliases expand to more than {MAX_ALIASED_NODES} nodes. Write it without aliases."
            )
