"""Where in a value a part is: labels, as a person writes them (`.rows[3].at`) and as a file is named (`rows.3.at`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from autostore.words import an

__all__ = ["Label", "stem", "where"]

Label = int | str | tuple[str, Any]
"""An index; `.name`; or `("[]", key)` and `("key", key)` for a value and a key of a dict with other keys."""

_LONGEST = 100


def where(path: Iterable[Label]) -> str:
    """`.rows[3].at`, for a message."""
    text = "".join(map(_spelled, path))
    return (text if len(text) <= 2 * _LONGEST else f"{text[:_LONGEST]}…{text[-_LONGEST:]}") or "The value"


def _spelled(label: Label) -> str:
    if isinstance(label, int):
        return f"[{label}]"
    if isinstance(label, str):
        return label[:80] if label[1:].isidentifier() else f"[{label[1:]!r:.80}]"
    return f"[{_shown(label[1])}]" if label[0] == "[]" else f".key({_shown(label[1])})"


def _shown(key: Any) -> str:
    try:
        return f"{key!r:.80}"
    except Exception:  # a key's repr is code of its own
        return an(type(key).__qualname__)


def stem(path: Iterable[Label]) -> str:
    """`rows.3.at`, for a file: letters, digits and `_`, at most 100 characters."""
    parts = (re.sub(r"\W+", "_", _bare(label)).strip("_") for label in path)
    return ".".join(part for part in parts if part)[:_LONGEST].strip(".") or "value"


def _bare(label: Label) -> str:
    if isinstance(label, int | str):
        return str(label)
    return label[1] if type(label[1]) is str else _shown(label[1])
