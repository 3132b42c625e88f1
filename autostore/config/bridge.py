"""Settings of a store on a file system of fsspec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from autostore.config.base import StorageConfig
from autostore.config.names import checks_names
from autostore.errors import InvalidConfigError

__all__ = ["FsspecConfig"]


@checks_names
@dataclass(frozen=True, kw_only=True)
class FsspecConfig(StorageConfig):
    """Settings of a store on a file system of fsspec.

    Attributes:
        options: what the file system is made with, such as host, username and password.
        fs: the file system itself, in place of the options.
        single_writer: only one process ever writes here, so that conditions can be checked by looking first.
        replaces: how a file can be replaced in one step, where this library does not know it: "rename" (of a file
            onto another) or "put" (a whole file in one request).
    """

    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    fs: Any = field(default=None, repr=False)
    single_writer: bool = False
    replaces: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.replaces not in (None, "rename", "put"):
            raise InvalidConfigError(f"replaces={self.replaces!r:.80} is unknown. Pass 'rename', 'put' or None.")
        if self.fs is not None and self.options:
            raise InvalidConfigError("fs is a file system already. Pass it without options.")
