"""Arguments that a store does not take: as a rule they are settings, which come as one."""

from __future__ import annotations

import functools
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import ParamSpec

from autostore.config import StorageConfig
from autostore.errors import InvalidConfigError, StorageError
from autostore.guard.behind import all_behind

__all__ = ["refuses_settings"]

Arguments = ParamSpec("Arguments")


def refuses_settings(made: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """An `__init__` that names where a setting belongs, rather than to be without such an argument.

    A decorator, as `**settings` in its signature would have checkers and editors accept any.
    """
    known = frozenset(inspect.signature(made).parameters)

    @functools.wraps(made)
    def checked(*args: Arguments.args, **given: Arguments.kwargs) -> None:
        for name in given:
            if name not in known:
                raise InvalidConfigError(
                    f"A store has no argument {name!r:.100}. Settings come as one: AutoStore(uri, {_home(name)})."
                )
        handled = sys.exc_info()[1]
        try:
            made(*args, **given)
        except StorageError as error:
            args, given = (), {}  # type: ignore[assignment]
            for found in all_behind(error, handled):
                # A crash report shows the variables of frames, and an address may hold a secret.
                traceback.clear_frames(found.__traceback__)
            raise

    return checked


def _home(name: str) -> str:
    homes = [cls for cls in _configs(StorageConfig) if name in {setting.name for setting in fields(cls)}]
    if not homes:
        return "StorageConfig(...)"
    named = homes[:1] if homes[0] is StorageConfig else homes
    return f"{' or '.join(cls.__name__ for cls in named)}({name}=...)"


def _configs(cls: type[StorageConfig]) -> Iterator[type[StorageConfig]]:
    yield cls
    for below in cls.__subclasses__():
        yield from _configs(below)
