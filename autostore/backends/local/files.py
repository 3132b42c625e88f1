"""What a local file system says of files: their metadata, and which exist."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime

from autostore.backend import FileMetadata
from autostore.errors import InvalidKeyError, compose
from autostore.mark import Mark
from autostore.media import content_type

__all__ = [
    "TICK",
    "etag",
    "may_have_changed",
    "metadata",
    "names_missing",
    "open_at_once",
    "present",
    "refuse_pipes",
    "replace",
    "status",
]

TICK = 0.02
"""Seconds within which a file system's clock may stand still; a kernel's is at most 10 ms behind."""

COARSE_TICK = 2.0
"""The same where whole seconds, or only even ones, are kept."""


def present(
    stem: str,
    name: str,
    extensions: Collection[str],
    inside: Callable[[str], str],
    names: Collection[str] | None = None,
) -> list[FileMetadata]:
    """The files `name + extension` that exist; `names`, where known, are all names in their folder.

    `inside` gives the full name of a path, or refuses a link that leads out of the store.
    """
    base = os.path.basename(name)
    found = []
    for extension in extensions:
        # An access is ten times cheaper than a stat that raises.
        there = os.access(name + extension, os.F_OK) if names is None else base + extension in names
        now = status(name + extension, through=False) if there else None
        if now is not None and stat.S_ISLNK(now.st_mode):
            now = status(inside(stem + extension))
        if now is not None and stat.S_ISREG(now.st_mode):
            found.append(metadata(stem + extension, now))
    return found


def status(name: str, *, through: bool = True) -> os.stat_result | None:
    """The file behind a name, through links unless told otherwise; None where there is none."""
    try:
        return os.stat(name, follow_symlinks=through)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link to itself
            return None
        raise


def names_missing(error: OSError, name: str) -> bool:
    """Whether it is this file that an error says is missing, and none of ours beside it."""
    return error.filename == name and not os.path.lexists(name)


def etag(status: os.stat_result) -> str:
    """Changes with every write: `inode-mtime_ns-size`."""
    return f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"


def may_have_changed(before: os.stat_result | None, after: os.stat_result | None) -> bool:
    """Whether names in a folder may have come or gone between two looks at it."""
    if before is None or after is None:
        return before is not after
    # Within one tick two changes show as one.
    tick = COARSE_TICK if after.st_ctime_ns % 1_000_000_000 == 0 else TICK
    settled = time.time() - after.st_ctime_ns / 1e9 > tick
    return not settled or (before.st_ctime_ns, before.st_ino) != (after.st_ctime_ns, after.st_ino)


def refuse_pipes(status: os.stat_result | None, path: str, uri: str, replaced: str = "") -> None:
    """A pipe would keep its reader waiting for ever, and a device has no end; a link to one may be `replaced`."""
    odd = status is not None and not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode)
    if odd and not (replaced and os.path.islink(replaced)):
        problem = "A pipe, socket or device stands here, which is no object"
        raise InvalidKeyError(compose(problem, key=path, uri=uri, remedy="Choose another key."))


def replace(source: str, target: str) -> None:
    """Rename a file onto another one, or onto an empty folder, which is nobody's object; a full one raises."""
    try:
        os.replace(source, target)
    except IsADirectoryError:
        os.rmdir(target)
        os.replace(source, target)


def open_at_once(name: str, flags: int) -> int:
    """Opens as `open` does, but without waiting for the other end of a pipe."""
    return os.open(name, flags | os.O_NONBLOCK)


def metadata(path: str, status: os.stat_result, mark: Mark | None = None) -> FileMetadata:
    """What a stat says of the file at a path."""
    return FileMetadata(
        path=path,
        size=status.st_size,
        etag=etag(status),
        modified_time=_moment(status),
        content_type=content_type(path),
        mark=mark,
    )


def _moment(status: os.stat_result) -> datetime:
    """When a file was modified, as near as a datetime can say: file systems know the years 0 and 300,000 too."""
    try:
        return datetime.fromtimestamp(status.st_mtime, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC) if status.st_mtime > 0 else datetime.min.replace(tzinfo=UTC)
