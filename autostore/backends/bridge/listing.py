"""What lies below a folder of a file system of fsspec.

Its own `find` passes over a folder that cannot be listed, for whatever reason, as if nothing were in it: a server that
is gone would be an empty store. Object stores and archives have a `find` of their own, which raises.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from autostore.backends.left_out import LeftOut
from autostore.errors import InvalidKeyError
from autostore.keys import RESERVED, can_be_key, is_ours
from autostore.optional import require

__all__ = ["below", "in_folder", "stays"]

Info = Mapping[str, Any]


def below(fs: Any, folder: str, left_out: LeftOut | None) -> Iterator[tuple[str, Info]]:
    """`(full name, info)` of every file below a folder.

    With `left_out` what is ours is passed over, and a folder that may not be read, unless it is what was asked for.
    """
    if _finds_by_itself(fs):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            yield from _files(fs, fs.find(folder, detail=True).values())
        return
    to_list = [folder]
    while to_list:
        where = to_list.pop()
        try:
            listed = list(fs.ls(where, detail=True))
        except (FileNotFoundError, NotADirectoryError):
            continue  # nothing there, or removed meanwhile
        except PermissionError:
            if where == folder or left_out is None:
                raise
            left_out.add(f"{where.removeprefix(folder).lstrip('/')}/", "it may not be read", hides_keys=True)
            continue
        inner = [info for info in listed if info["name"].rstrip("/") != where]
        folders = [info["name"].rstrip("/") for info in inner if info.get("type") == "directory"]
        to_list += [name for name in folders if left_out is None or not name.endswith(f"/{RESERVED}")]
        yield from _files(fs, inner)


def in_folder(fs: Any, folder: str) -> Iterator[tuple[str, Info]]:
    """The same of the files in the folder itself."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        yield from _files(fs, fs.ls(folder, detail=True))


def stays(path: str, info: Info, full: Callable[[str], str], left_out: LeftOut | None) -> bool:
    """Whether a key can name a file of the store, and no link leads out of it to there; `full` refuses such a path."""
    if not can_be_key(path) and (not is_ours(path) or any(part in ("", ".", "..") for part in path.split("/"))):
        if left_out is not None:
            left_out.add(path)
        return False
    if info.get("islink"):
        try:
            full(path)
        except InvalidKeyError:
            if left_out is not None:
                left_out.add(path, "a link leads out of the store", hides_keys=True)
            return False
    return True


def _files(fs: Any, infos: Iterable[Info]) -> Iterator[tuple[str, Info]]:
    for info in infos:
        found: Info = info
        if info.get("islink") or info.get("type") == "link":  # described as itself, where a read is of what it leads to
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                found = fs.info(info["name"])
        if found.get("type") == "file":
            yield info["name"], found


def _finds_by_itself(fs: Any) -> bool:
    known, cls = require("fsspec.asyn").AsyncFileSystem, type(fs)
    if isinstance(fs, require("fsspec.implementations.dirfs").DirFileSystem):
        return False
    if isinstance(fs, known):
        return bool(cls._find is not known._find)  # noqa: SLF001 - what `find` is made of there
    return bool(cls.find is not require("fsspec").AbstractFileSystem.find)
