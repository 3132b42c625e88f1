"""Names that settings do not have: each is told with what was meant."""

from __future__ import annotations

import functools
from dataclasses import fields
from typing import Any, TypeVar

from autostore.errors import InvalidConfigError

__all__ = ["checks_names"]

Settings = TypeVar("Settings", bound=type)


def checks_names(cls: Settings) -> Settings:
    """A dataclass whose making names a setting that is none, and what is nearest to it or has it."""
    made, known = cls.__init__, [setting.name for setting in fields(cls)]  # type: ignore[misc]

    @functools.wraps(made)
    def checked(self: Any, *args: Any, **given: Any) -> None:
        for name in given:
            if name not in known:
                raise InvalidConfigError(f"{cls.__name__} has no setting {name!r:.100}. {_meant(cls, name, known)}")
        made(self, *args, **given)

    cls.__init__ = checked  # type: ignore[misc]
    return cls


def _meant(cls: type, name: str, known: list[str]) -> str:
    import difflib  # takes a millisecond, which no other call should

    others = [one for one in _related(cls) if name in {setting.name for setting in fields(one)}]
    if others:
        return f"{others[0].__name__} has: pass one of those."
    near = difflib.get_close_matches(name, known, 1, 0.5)
    return f"Did you mean {near[0]!r}?" if near else f"help(autostore.{cls.__name__}) lists them."


def _related(cls: type) -> list[type]:
    root = cls.__mro__[-2]
    return [one for one in (root, *root.__subclasses__()) if one is not cls]
