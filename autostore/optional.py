"""Optional libraries: imported late, recognised without importing, and named where missing."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Mapping
from typing import Any

from autostore.errors import MissingDependencyError

__all__ = [
    "DISTRIBUTION",
    "OTHER_LIBRARY",
    "add_installs",
    "install_target",
    "loaded_type",
    "package_of",
    "pip_install",
    "require",
    "require_installed",
]

DISTRIBUTION = "dagster-autostore"
"""The name on the package index; the distribution `autostore` there is another library."""
OTHER_LIBRARY = (
    f"The package `autostore` is not the one of {DISTRIBUTION}: the distribution `autostore` is another library, and "
    f"both were installed. Run: pip uninstall -y autostore; pip install --force-reinstall --no-deps {DISTRIBUTION}"
)

# module -> the extra of pyproject.toml that installs it; formats bring more (`DataHandler.install`)
_EXTRAS = {
    "PIL": "images",
    "boto3": "s3",
    "botocore": "s3",
    "fsspec": "fsspec",
    "gcsfs": "gcs",
    "geopandas": "geo",
    "nbformat": "notebooks",
    "numpy": "numpy",
    "obstore": "fast",
    "pandas": "pandas",
    "polars": "polars",
    "pyarrow": "arrow",
    "pyproj": "geo",
    "scipy": "scipy",
    "shapely": "geo",
    "tomli_w": "toml",
    "torch": "torch",
    "yaml": "yaml",
}
_targets = {module: f"{DISTRIBUTION}[{extra}]" for module, extra in _EXTRAS.items() if extra}


def add_installs(targets: Mapping[str, str]) -> None:
    """Take `targets` (module -> what pip is given) from now on, in this process; a module that has one keeps it."""
    for module, target in targets.items():
        _targets.setdefault(module.partition(".")[0], target)


def install_target(module: str) -> str:
    """What `pip install` is given for a module, such as `dagster-autostore[arrow]`; else its own name."""
    top = module.partition(".")[0]
    return _targets.get(top, top)


def pip_install(extra: str) -> str:
    """The command that installs an extra of this library."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def require(module: str) -> Any:
    """Import `module`, or raise `MissingDependencyError` with the command that installs it."""
    found = sys.modules.get(module)
    # Another thread may be importing it just now: then the import below waits for it.
    if found is not None and not getattr(getattr(found, "__spec__", None), "_initializing", False):
        return found
    try:
        return importlib.import_module(module)
    except ImportError as error:
        top = module.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] != top:
            raise  # the library is there, and something that it needs is not
        target = install_target(top)
        target = f"'{target}'" if "[" in target else target
        raise MissingDependencyError(f"This needs {top}, which is not installed. Run: pip install {target}") from error


def require_installed(module: str) -> None:
    """Raise `MissingDependencyError` where `module` is not installed, without importing it."""
    found = sys.modules.get(module) is not None
    with contextlib.suppress(ImportError, ValueError):
        found = found or importlib.util.find_spec(module) is not None
    if not found:
        require(module)


def package_of(kind: Any) -> str:
    """The package at the top of a class's module; "" where it says none, as a type that Cython made may not."""
    module = getattr(kind, "__module__", None)
    return module.partition(".")[0] if isinstance(module, str) else ""


def loaded_type(module: str, name: str) -> type | None:
    """The class `module.name` if that module was imported already, else None; never imports.

    A value whose library was never imported cannot be of its types, so asking is free.
    """
    found = sys.modules.get(module)
    cls = getattr(found, name, None)
    return cls if isinstance(cls, type) else None
