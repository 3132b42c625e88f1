"""Libraries that a machine may lack: what a test makes of one that is missing skips that test, by the library's name.

`from tests.optional import torch` instead of `import torch`: a test file that cannot be imported would hide its other
tests too.
"""

import importlib
import importlib.util
import os
from typing import Any

import pytest

MODULES = {"geopandas": "geopandas", "torch": "torch"}
"""The name that tests use: the module that it stands for."""


class Missing:
    """A library that is not installed, and what is made of it while tests are collected; used in a test, it skips."""

    def __init__(self, library: str) -> None:
        self._library = library

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)  # what Python and pickle ask of any object
        return self._used()

    def __reduce_ex__(self, protocol: object) -> Any:
        return self._used()  # nobody stores it

    def __call__(self, *_: object, **__: object) -> Any:
        return self._used()

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type, ...]:
        return ()

    def _used(self) -> Any:
        if "PYTEST_CURRENT_TEST" in os.environ:
            pytest.skip(f"{self._library} is not installed")
        return self


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(name)
    return optional(MODULES[name])


def optional(module: str) -> Any:
    """The module, or what stands for it."""
    library = module.partition(".")[0]
    return importlib.import_module(module) if installed(library) else Missing(library)


def installed(library: str) -> bool:
    """Whether it can be imported here."""
    return importlib.util.find_spec(library) is not None


def missing_in(value: object, depth: int = 3) -> str | None:
    """The library that a parameter was made of and that is missing; looked for in plain containers."""
    if type(value) is Missing:
        return value._library
    inner = [*value, *value.values()] if type(value) is dict else value
    if depth and type(inner) in (list, tuple, set):
        return next((found for item in inner if (found := missing_in(item, depth - 1))), None)
    return None
