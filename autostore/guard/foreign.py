"""Whose exception it is: what a format's library said about the data, or the user's own passing through.

Only the first may be read as a refusal or as damage. The second (a time limit that a signal
handler raises, a failing `__reduce__`, a validator, a plugin) leaves as it is, with a note; so
does a mistake in this library's own code, which says nothing about the data.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable
from types import CodeType, TracebackType

from autostore.errors import StorageError
from autostore.guard.behind import all_behind

__all__ = ["add_libraries", "let_pass", "noted", "raised_in", "users_own"]

# Beside the standard library: what formats and places are made with, and what that is made with; formats add to them.
_libraries = {
    "PIL", "_yaml", "annotated_types", "autostore", "boto3", "botocore", "certifi", "cffi", "dateutil", "defusedxml",
    "idna", "jmespath", "numpy", "obstore", "packaging", "pandas", "polars", "polars_runtime_32", "pyarrow",
    "pydantic", "pydantic_core", "pyo3_runtime", "pytz", "s3transfer", "scipy", "six", "sympy", "tomli_w", "torch",
    "typing_extensions", "typing_inspection", "tzdata", "urllib3", "yaml", "zstandard",
    # What file systems of fsspec are made with.
    "adlfs", "aiohttp", "azure", "cryptography", "fsspec", "gcsfs", "paramiko", "s3fs",
    # What the formats of models, figures and documents stand on beside what they require.
    "_plotly_utils", "fastjsonschema", "google", "jax", "jaxlib", "joblib", "jsonschema", "ml_dtypes", "mpl_toolkits",
    "narwhals", "nbformat", "referencing", "sklearn", "threadpoolctl",
    # Whose frames stand between those: an exception that passes through them is no user's.
    "aiobotocore", "aioitertools", "attr", "attrs", "contourpy", "cycler", "jinja2", "jupyter_core", "kiwisolver",
    "markupsafe", "msal", "multidict", "prettytable", "pyogrio", "pyparsing", "pyproj", "requests", "rpds", "shapely",
    "traitlets", "yarl",
}  # fmt: skip
_OURS = ("autostore", "autostore_dagster")
_SOCKETS = frozenset({"paramiko", "socket", "ssl", "http", "urllib3", "botocore", "selectors"})
_INNERMOST = (StorageError, ImportError, RecursionError)
"""What a class's own code meets on behalf of ours: a module that is not there, and a value that is too deep."""

_COMPILED = (".pyx", ".pxi", ".pxd", "<stringsource>", ".c", ".cpp")
"""How the names of files end from which extension modules add frames to a traceback, as expat does for its handlers."""


def add_libraries(names: Iterable[str]) -> None:
    """Take what these packages raise for a library's own from now on, in this process."""
    _libraries.update(names)


def users_own(
    error: BaseException, handled: BaseException | None = None, *, by_client: bool = False
) -> BaseException | None:
    """The user's exception that `error` is, or hides behind one that a library raised on top of it; else None.

    `handled` is what the caller is handling already: it stands behind every error here, and caused none. `by_client`
    says that a place's client was called, whose functions tracers and tests wrap: who only called on raised nothing.
    """
    for found in all_behind(error, handled):
        if _is_users(found) or (not (by_client or isinstance(found, _INNERMOST)) and _passed_users(found)):
            return _unwrapped(found)
        if isinstance(found, StorageError):
            return None  # one of us said what it means
    return None


def _unwrapped(error: BaseException) -> BaseException:
    """The exception as it was raised: Python 3.11 makes one anew that passes through a codec, with other words."""
    cause = error.__cause__
    return cause if cause is not None and type(cause) is type(error) and " codec failed (" in str(error) else error


def let_pass(error: BaseException, handled: BaseException | None = None, *, by_client: bool = False) -> None:
    """Raise the user's own exception as it is; return where the error is a library's, to be translated."""
    own = users_own(error, handled, by_client=by_client)
    if own is not None:
        raise own


def noted(error: BaseException, note: str) -> BaseException:
    """The same exception, with a note that says where it passed through us first."""
    if not any(kept.startswith("autostore: ") for kept in getattr(error, "__notes__", ())):
        error.add_note(f"autostore: {note}")
    return error


def raised_in(error: BaseException) -> str:
    """The module whose code raised it."""
    return _innermost(error.__traceback__)[0]


def _is_users(error: BaseException) -> bool:
    if not _is_library(str(type(error).__module__)):
        return True
    if isinstance(error, StorageError) or str(type(error).__module__).partition(".")[0] in _libraries:
        return False
    module, code = _innermost(error.__traceback__)
    if isinstance(error, TimeoutError) and error.errno is None:  # no file says so; time limits do, and sockets
        return module.partition(".")[0] not in _SOCKETS
    return code is not None and (_is_users_code(module, code) or _is_mistake(error, module))


def _passed_users(error: BaseException) -> bool:
    """Whether code of the user's stands between us and who raised it: what it called, and did not catch, is its own."""
    return any(
        _is_users_code(str(frame.f_globals.get("__name__", "")), frame.f_code)
        for frame, _ in traceback.walk_tb(error.__traceback__)
    )


def _is_users_code(module: str, code: CodeType) -> bool:
    evaluated = code.co_name == "<module>" and code.co_filename == "<string>"  # an annotation, by who reads it
    # What is compiled are extension types that do not pickle.
    return not (evaluated or code.co_filename.endswith(_COMPILED) or _is_library(module))


def _is_mistake(error: BaseException, module: str) -> bool:
    """Whether our own code lacks a name, or an object of ours an attribute: no value and no file is at fault."""
    if isinstance(error, AttributeError):  # of any other object it may be the value's affair, or a damaged file's
        module_of_owner = str(type(error.obj).__module__)
        return _is_ours(module) and _is_ours(module_of_owner)
    return isinstance(error, NameError) and _is_ours(module)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in _OURS


def _innermost(trace: TracebackType | None) -> tuple[str, CodeType | None]:
    """The module and the code that raised."""
    if trace is None:
        return "", None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return str(trace.tb_frame.f_globals.get("__name__", "")), trace.tb_frame.f_code


def _is_library(module: str) -> bool:
    top = module.partition(".")[0]
    return top in _libraries or top in sys.stdlib_module_names
