"""Says why a value was pickled, once for each class that is the reason: a pickle is a file that no other tool reads."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any

from autostore.errors import PickledWarning
from autostore.handlers.typed.tag import DESCRIBE, UndescribedError

__all__ = ["warn_of_pickle"]

_warned: set[str] = set()

_ON_THE_WAY = frozenset(("autostore", "autostore_dagster", "concurrent", "contextlib", "threading"))
"""Packages between the caller and the handler."""


def warn_of_pickle(data: Any, refusals: Sequence[Exception], where: str) -> None:
    """Warn of the class that kept the value from every plain format; `refusals` say where in the value it stands."""
    undescribed = next((error for error in reversed(refusals) if isinstance(error, UndescribedError)), None)
    kind = (undescribed.kind if undescribed is not None else None) or type(data)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name in _warned:
        return
    _warned.add(name)
    if undescribed is not None:
        reason = str(undescribed)
    elif refusals:
        reason = str(refusals[-1])
    else:
        reason = f"The value is of the class {name}: {DESCRIBE}."
    text = f"{where} was stored as a pickle, which only Python reads, and only where its classes are found. {reason}"
    if kind.__module__ == "__main__":
        text += " It is a class of __main__, which no other process finds: define it in a module."
    warnings.warn(text, PickledWarning, stacklevel=_depth_of_caller())


def _depth_of_caller() -> int:
    """How far up the code stands that called this library."""
    depth, frame = 1, sys._getframe(1)  # noqa: SLF001 - the documented way
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        depth, frame = depth + 1, frame.f_back
    return depth


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in _ON_THE_WAY
