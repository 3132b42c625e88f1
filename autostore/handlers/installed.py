"""The handlers that installed packages bring, by the entry point group `autostore.handlers`: loaded once a process."""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Callable

from autostore.errors import BrokenPluginError
from autostore.guard.foreign import noted
from autostore.handler import DataHandler

__all__ = ["installed"]


def installed() -> list[DataHandler]:
    """A new handler of each installed plugin; one that cannot be had is an error that names it."""
    made = []
    for name, plugin in _plugins():
        try:
            made.append(plugin())
        except Exception as error:
            noted(error, f"raised by the constructor of the plugin {name}")
            raise
    return made


@functools.cache
def _plugins() -> tuple[tuple[str, Callable[[], DataHandler]], ...]:
    loaded = []
    for point in importlib.metadata.entry_points(group="autostore.handlers"):
        name = f"{point.name} ({point.value})"
        try:
            loaded.append((name, point.load()))
        except Exception as error:  # an import runs anything
            raise BrokenPluginError(
                f"The installed plugin {name} of the group autostore.handlers cannot be loaded: "
                f"{type(error).__name__}: {error}. Mend or uninstall it: values of its type would get another format."
            ) from error
    return tuple(loaded)
