"""Whether Dagster is here, and which library the name `autostore` stands for: that on the index is another one.

Two distributions with one package name overwrite or shadow each other, and pip allows it.
"""

from __future__ import annotations

import importlib
import importlib.util

__all__ = ["check_installation"]

_OURS = "PickledWarning"
"""A public name that the other library lacks, as does what pip leaves when either is uninstalled."""


def check_installation() -> None:
    """Raise `ImportError`, with the commands that mend it: no Dagster, or `autostore` is another library's package."""
    if importlib.util.find_spec("dagster") is None:
        raise ModuleNotFoundError(
            "This needs dagster, which is not installed. Run: pip install 'dagster-autostore[dagster]'", name="dagster"
        )
    package = importlib.import_module("autostore")
    if hasattr(package, _OURS):
        return
    where = getattr(package, "__file__", None) or "incomplete: no __init__.py"
    raise ImportError(
        f"The package `autostore` ({where}) is not the one of dagster-autostore: the distribution `autostore` is "
        "another library, and both were installed. Run: pip uninstall -y autostore; "
        "pip install --force-reinstall --no-deps dagster-autostore",
        name="autostore",
    )
