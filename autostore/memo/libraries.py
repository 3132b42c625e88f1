"""Whose code it is: a library's, for which its name and version stand, or the user's own, which is read."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import sys
import sysconfig
from pathlib import Path

__all__ = ["Libraries", "main_as_such", "version_of"]

_INSTALLED = frozenset(("site-packages", "dist-packages"))
_STANDARD = tuple(Path(folder) for folder in {os.path.dirname(os.__file__), sysconfig.get_path("platstdlib")})
_OURS = frozenset(("autostore", "autostore_dagster"))
_MAIN = frozenset(("__main__", "__mp_main__"))


class Libraries:
    """What one memoized function takes for libraries: all that is installed, but the packages that are its own."""

    def __init__(self, own: frozenset[str] = frozenset()) -> None:
        self._own = own

    def version_of(self, module: str) -> str | None:
        """As `version_of`, and None for the function's own packages, wherever they lie."""
        return None if isinstance(module, str) and module.partition(".")[0] in self._own else version_of(module)


def main_as_such(module: str) -> str:
    """The module's name; of what is run it is one name, also in processes that `multiprocessing` spawned."""
    return "__main__" if module in _MAIN else module


@functools.lru_cache(maxsize=4096)
def version_of(module: str) -> str | None:
    """The version of the library that a module is of; None for the user's own code, also one installed in place.

    What is run is never a library's, whichever tool runs it.
    """
    top = module.partition(".")[0] if isinstance(module, str) else ""
    if top in _MAIN:
        return None
    if top in sys.stdlib_module_names and _is_standard(module, top):
        return "python " + ".".join(map(str, sys.version_info[:3]))
    if top not in _OURS and not _is_installed(module):
        return None
    told = getattr(sys.modules.get(top), "__version__", None)
    return told.encode().decode() if isinstance(told, str) else _of_distribution(top)  # may be of a class of its own


def _is_standard(module: str, top: str) -> bool:
    """Whether it is Python's own, and not a file of the user's that has its name, such as profile.py."""
    file = getattr(sys.modules.get(module) or sys.modules.get(top), "__file__", None)
    if not isinstance(file, str):
        return True
    path = Path(file)
    return any(path.is_relative_to(folder) for folder in _STANDARD) and _INSTALLED.isdisjoint(path.parts)


def _is_installed(module: str) -> bool:
    file = getattr(sys.modules.get(module), "__file__", None)
    return isinstance(file, str) and not _INSTALLED.isdisjoint(Path(file).parts)


@functools.lru_cache(maxsize=256)
def _of_distribution(name: str) -> str:
    """By the package of that name, or all that bring a module of it (`google` is of many)."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        packages = sorted(set(importlib.metadata.packages_distributions().get(name, ())))
        return " ".join(f"{package} {importlib.metadata.version(package)}" for package in packages)
