"""Whose exception it is: what a format's library said about the data, or the user's own passing through.

Only the first may be read as a refusal or as damage. The second (a time limit that a signal
handler raises, a failing `__reduce__`, a validator, a plugin) leaves as it is, with a note.
"""

from __future__ import annotations

import sys
from types import TracebackType

from autostore.errors import StorageError

__all__ = ["let_pass", "noted", "users_own"]

# Beside the standard library: what the formats are made with, and what that is made with.
_LIBRARIES = frozenset(
    ["PIL", "_yaml", "annotated_types", "autostore", "cffi", "dateutil", "defusedxml", "numpy", "packaging", "pandas",
     "polars", "polars_runtime_32", "pyarrow", "pydantic", "pydantic_core", "pytz", "scipy", "six", "sympy", "torch",
     "typing_extensions", "typing_inspection", "tzdata", "yaml", "zstandard"]
)  # fmt: skip
_COMPILED = (".pyx", ".pxi", ".pxd", "<stringsource>")


def users_own(error: BaseException, handled: BaseException | None = None) -> BaseException | None:
    """The user's exception that `error` is, or hides behind one that a library raised on top of it; else None.

    `handled` is what the caller is handling already: it stands behind every error here, and caused none.
    """
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and found is not handled and id(found) not in seen:
        if _is_users(found):
            return found
        if isinstance(found, StorageError):
            return None  # one of us said what it means
        seen.add(id(found))
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return None


def let_pass(error: BaseException) -> None:
    """Raise the user's own exception as it is; return where the error is a library's, to be translated."""
    own = users_own(error)
    if own is not None:
        raise own


def noted(error: BaseException, note: str) -> BaseException:
    """The same exception, with a note that says where it passed through us first."""
    if not any(kept.startswith("autostore: ") for kept in getattr(error, "__notes__", ())):
        error.add_note(f"autostore: {note}")
    return error


def _is_users(error: BaseException) -> bool:
    if not _is_library(type(error).__module__):
        return True
    if isinstance(error, StorageError):
        return False
    if isinstance(error, TimeoutError) and error.errno is None:
        return True  # no file and no library says so; it is what time limits raise
    return _raised_outside(error.__traceback__)


def _raised_outside(trace: TracebackType | None) -> bool:
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    evaluated = code.co_name == "<module>" and code.co_filename == "<string>"  # an annotation, by who reads it
    if evaluated or code.co_filename.endswith(_COMPILED):  # those are extension types that do not pickle
        return False
    return not _is_library(str(trace.tb_frame.f_globals.get("__name__", "")))


def _is_library(module: str) -> bool:
    top = module.partition(".")[0]
    return top in _LIBRARIES or top in sys.stdlib_module_names
