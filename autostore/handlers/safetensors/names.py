"""The name that each array of a tree has in its file: its path, as other programs expect it."""

from __future__ import annotations

from typing import Any

from autostore.errors import UnsupportedFormatError
from autostore.handlers.safetensors.libraries import Facts, library_of
from autostore.handlers.typed.path import Label

__all__ = ["Named"]

_LONGEST = 1000
_RESERVED = "__metadata__"


class Named:
    """Collects the arrays of one tree; one that stands in several places has one name."""

    def __init__(self) -> None:
        self.arrays: dict[str, tuple[str, Any]] = {}
        self._known: dict[int, dict[str, str]] = {}

    def reference(self, value: Any, path: list[Label]) -> dict[str, str] | None:
        """What stands in the tree for an array; None for all that is none."""
        library = library_of(value)
        if library is None:
            return None
        if id(value) not in self._known:
            name = self._fresh(_joined(path))
            self.arrays[name] = library, value
            self._known[id(value)] = {"$file": name}
        return self._known[id(value)]

    def _fresh(self, name: str) -> str:
        whole, number = name, 1
        while whole in self.arrays or whole == _RESERVED:
            number += 1
            whole = f"{name}-{number}"
        return whole

    def library(self) -> str:
        """Whose arrays most of them are; NumPy's only where there are no others."""
        counts: dict[str, int] = {}
        for library, _ in self.arrays.values():
            counts[library] = counts.get(library, 0) + (library != "numpy")
        return max(counts, key=lambda library: counts[library])

    def stranger(self, name: str, library: str) -> Facts:
        """What is said of an array that is of another library than the file."""
        own = self.arrays[name][0]
        return {} if own == library else {"library": own}


def _joined(path: list[Label]) -> str:
    """`params.dense.0`; the very keys where a key has points of its own, as those of a state dict."""
    name = ".".join(map(_bare, path)) or "value"
    if len(name) > _LONGEST:
        raise UnsupportedFormatError("has a path too long for the name of a tensor")
    return name


def _bare(label: Label) -> str:
    if isinstance(label, str):
        return label[1:]
    return str(label) if isinstance(label, int) else str(label[1])
