"""How a local store keeps a version: one more name for the same bytes, and what lies below `.autostore/`."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from autostore.backend import FileMetadata
from autostore.backends.local import files
from autostore.backends.local.root import inside
from autostore.disk.sync import fsync, make_folders

__all__ = ["drop", "keep", "listed", "write_of"]

New = Callable[[], contextlib.AbstractContextManager[Path]]
"""A fresh name on the file system of the store."""

LATEST = 10**20 - 1
"""Nanoseconds since 1970, the most that an id holds: `naming/versions.py`."""


def keep(name: str, kept: str, new: New, *, durable: bool) -> None:
    """Have the file `name` also as `kept`; the lock of its folder is held, so that it stays what it is.

    A hard link, or a copy where there are none; a symbolic link's file is copied, as it is somebody else's.
    """
    while True:
        try:
            if os.path.islink(name) or not _linked(name, kept):
                _copied(name, kept, new)
            break
        except FileNotFoundError:
            if not os.path.exists(name):
                raise
            make_folders(os.path.dirname(kept), durable=durable)  # a pruner may remove it again meanwhile
    if durable:
        fsync(os.path.dirname(kept))


def write_of(found: FileMetadata) -> str:
    """A local file's write is told by its modification time and inode, which its ETag holds."""
    inode, _, rest = found.etag.partition("-")
    told = rest.rpartition("-")[0]
    time = min(max(0, int(told)), LATEST)
    # A time before 1970, or as late as no id can say: of the version's order as near as can be, and still of one write.
    return f"{time}-{inode}" if str(time) == told else f"{time}-{abs(int(told))}x{inode}"


def listed(root: str, prefix: str, uri: str) -> Iterator[FileMetadata]:
    """What lies below `root` and is no folder, whose path begins so, whatever its name, in the order of paths."""
    folder = prefix.rpartition("/")[0]
    inside(root, folder, uri)
    for path, entry in _walk(root, prefix, f"{folder}/"):
        status = files.status(entry.path, through=False)
        if status is not None:  # also what is no file: it is refused where it is read, not said to be absent
            yield files.metadata(path, status)


def drop(root: str, path: str, uri: str) -> None:
    """Remove a file and the folders above it that became empty."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(inside(root, path, uri, through_last=False))
    folder = os.path.dirname(path)
    with contextlib.suppress(OSError):
        while folder.count("/") > 1:
            os.rmdir(f"{root}/{folder}")
            folder = os.path.dirname(folder)


def _walk(root: str, prefix: str, folder: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """`(path, entry)` of everything that is no folder, in the order of whole paths."""
    try:
        with os.scandir(f"{root}/{folder}") as entries:
            ordered = sorted(
                (f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name, entry)
                for entry in entries
                if _is_text(entry.name)
            )
    except FileNotFoundError:
        return
    for name, entry in ordered:
        path = folder + name
        if not name.endswith("/"):
            if path.startswith(prefix):
                yield path, entry
        elif path.startswith(prefix) or prefix.startswith(path):
            yield from _walk(root, prefix, path)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False  # none of ours
    return True


def _linked(name: str, kept: str) -> bool:
    try:
        os.link(name, kept)
    except FileExistsError:  # kept before, by a write that was killed
        return True
    except FileNotFoundError:
        raise
    except OSError:  # too many links, or a file system that has none
        return False
    return True


def _copied(name: str, kept: str, new: New) -> None:
    if os.path.exists(kept):
        return
    with new() as file:
        shutil.copyfile(name, file)
        shutil.copystat(name, file)
        os.replace(file, kept)
