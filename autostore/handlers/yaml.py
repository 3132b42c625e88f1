"""YAML, safe-loaded always; chosen only where the key names it.

Depth and aliases are bounded before anything is built, so that a small file cannot expand
into a large object (https://en.wikipedia.org/wiki/Billion_laughs_attack).
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, ClassVar

from autostore.equality import same
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.handler import DataHandler
from autostore.optional import require

__all__ = ["YAMLHandler"]

MAX_DEPTH = 200
MAX_ALIASED_NODES = 1_000_000
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

    def can_handle_data(self, data: Any) -> bool:
        """Exactly the types that safe YAML has."""
        return type(data) in _TYPES

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The one document of the file."""
        return _load(file_path.read_bytes().decode("utf-8"))

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write block style in the order given, if that reads back equal."""
        yaml = require("yaml")
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        try:
            text = yaml.dump(data, Dumper=dumper, sort_keys=False, allow_unicode=True)
            content = text.encode("utf-8")
            equal = same(_load(text), data)
        except (yaml.YAMLError, CorruptDataError, ValueError, RecursionError) as error:
            let_pass(error)
            raise UnsupportedFormatError(f"YAML cannot hold this value: {error}. Use a bare key.") from error
        if not equal:
            raise UnsupportedFormatError("YAML would not give this value back equal. Use a bare key.")
        with open(file_path, "wb") as file:
            file.write(content)


def _load(text: str) -> Any:
    yaml = require("yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    _check_bounds(yaml, text, loader)
    return yaml.load(text, Loader=loader)


def _check_bounds(yaml: Any, text: str, loader: Any) -> None:
    """Walk the events, which costs no recursion, before anything is built from them."""
    depth = 0
    aliases = _Aliases()
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise CorruptDataError(f"The YAML is nested more than {MAX_DEPTH} deep. Flatten it.")
            aliases.begin(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            aliases.end()
        elif isinstance(event, yaml.ScalarEvent):
            aliases.begin(event.anchor)
            aliases.end()
        elif isinstance(event, yaml.AliasEvent):
            aliases.expand(event.anchor)


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
