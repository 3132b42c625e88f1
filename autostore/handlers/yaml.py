"""YAML, safe-loaded always; chosen only where the key names it.

Depth and aliases are bounded before anything is built, so that a small file cannot expand
into a large object (https://en.wikipedia.org/wiki/Billion_laughs_attack).
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any, ClassVar

from autostore.equality import same
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling, read_whole
from autostore.guard.foreign import let_pass
from autostore.handler import DataHandler
from autostore.optional import require

__all__ = ["YAMLHandler"]

MAX_DEPTH = 200
MAX_ALIASED_NODES = 1_000_000
MOST_DIGITS = 4300
"""Python's own limit: https://docs.python.org/3/library/stdtypes.html#int-max-str-digits."""

NODE_BYTES, NODES_A_LOOK = 800, 10_000
"""What PyYAML takes for each node while it builds the value; and how often that is looked at."""

_NUMBER = re.compile(r"[-+0-9_:.eE]*")
_TYPES = frozenset({dict, list, set, str, bytes, int, float, bool, type(None), dt.datetime, dt.date})


class YAMLHandler(DataHandler):
    """What YAML gives back exactly, as .yaml and .yml."""

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

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The one document of the file."""
        return _load(read_whole(file_path, self.ceiling).decode("utf-8"), self.ceiling)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write block style in the order given, if that reads back equal."""
        yaml = require("yaml")
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
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


def _load(text: str, ceiling: Ceiling) -> Any:
    yaml = require("yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    _check_bounds(yaml, text, loader, ceiling)
    return yaml.load(text, Loader=loader)


def _check_bounds(yaml: Any, text: str, loader: Any, ceiling: Ceiling) -> None:
    """Walk the events, which costs no recursion, before anything is built from them."""
    depth = 0
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


def _check_number(event: Any) -> None:
    """Refuse a number of so many digits that Python would take quadratic time over it, in base 60 without a limit."""
    tagged = event.tag is not None and event.tag.endswith((":int", ":float"))
    if len(event.value) > MOST_DIGITS and (tagged or (not event.style and _NUMBER.fullmatch(event.value))):
        raise CorruptDataError(
            f"The YAML holds a number of {len(event.value)} characters. Write it as a text, in quotes."
        )


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
