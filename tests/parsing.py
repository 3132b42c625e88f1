"""Source as a tree, for the tests that read it, and for what pytest shows of a failure.

CPython counts the depth of trees that are made in one place for all threads, so that one that another thread, or a
finalizer, makes in the same moment (as each traceback that is printed does) ends in a SystemError:
https://github.com/python/cpython/issues/106905
"""

import ast
import types
from pathlib import Path
from typing import Any

import _pytest._code.source

__all__ = ["mend_pytest", "parsed"]


def parsed(file: Path) -> ast.Module:
    """The tree of a file of Python."""
    tree: ast.Module = _parse(file.read_text())
    return tree


def mend_pytest() -> None:
    """Let such an error not end the whole run, as it does where pytest looks for the lines of a test that failed."""
    _pytest._code.source.ast = types.SimpleNamespace(**(vars(ast) | {"parse": _parse}))


def _parse(*args: Any, **said: Any) -> Any:
    try:
        return ast.parse(*args, **said)
    except SystemError:
        return ast.parse(*args, **said)
