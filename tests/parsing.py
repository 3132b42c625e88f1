"""Source as a tree, for the tests that read it."""

import ast
from pathlib import Path

__all__ = ["parsed"]


def parsed(file: Path) -> ast.Module:
    """The tree of a file of Python.

    CPython counts the depth of trees that are made in one place for all threads, so that one that another thread, or a
    finalizer, makes in the same moment ends in a SystemError: https://github.com/python/cpython/issues/106905
    """
    text = file.read_text()
    try:
        return ast.parse(text)
    except SystemError:
        return ast.parse(text)
