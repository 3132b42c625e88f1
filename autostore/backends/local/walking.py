"""A walk through a local folder in the order of whole paths, which passes over what it may not read and says so."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from autostore.backend import FileMetadata
from autostore.backends.left_out import LeftOut
from autostore.backends.local import files
from autostore.backends.local.root import can_be_named, inside
from autostore.errors import InvalidKeyError
from autostore.keys import RESERVED, can_be_key

__all__ = ["listed"]

_CLOSED = "it may not be read"


def listed(root: str, prefix: str, uri: str) -> Iterator[FileMetadata]:
    """The files below `root` whose paths begin so; those that may not be read are passed over, unless asked for."""
    left_out = LeftOut(uri)
    for path, entry in _walk(root, prefix, left_out):
        try:
            inside(root, path, uri)
            status = files.status(entry.path)
        except InvalidKeyError:
            left_out.add(path, "a link leads out of the store", hides_keys=True)
        except PermissionError:
            left_out.add(path, _CLOSED, hides_keys=True)
        else:
            if status is None:
                continue  # removed meanwhile, or a link to nothing
            if not stat.S_ISREG(status.st_mode):
                if not stat.S_ISDIR(status.st_mode):
                    left_out.add(path, "it is no file")
            elif can_be_key(path):
                yield files.metadata(path, status)
            else:
                left_out.add(path)
    left_out.say()


def _walk(root: str, prefix: str, left_out: LeftOut) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """`(path, entry)` of everything that is no folder; folders behind links are not entered.

    Memory holds the names in the folders on the way, however deep that leads, and none of them stays open.
    """
    on_the_way = [_sorted(root, prefix, "", left_out)]
    while on_the_way:
        for path, entry in on_the_way[-1]:
            if not path.endswith("/"):
                if path.startswith(prefix):
                    yield path, entry
            elif path.startswith(prefix) or prefix.startswith(path):
                on_the_way.append(_sorted(root, prefix, path, left_out))
                break
        else:
            on_the_way.pop()


def _sorted(root: str, prefix: str, folder: str, left_out: LeftOut) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """The paths in one folder; those of folders end in `/`."""
    ordered = []
    try:
        with os.scandir(f"{root}/{folder}") as entries:
            ordered = sorted(
                (_sort_name(entry), entry) for entry in entries if _is_named(entry, folder, prefix, left_out)
            )
    except (FileNotFoundError, NotADirectoryError):
        pass
    except PermissionError:
        if prefix.startswith(folder):
            raise  # all that was asked for lies there
        left_out.add(folder, _CLOSED, hides_keys=True)
    return ((folder + name, entry) for name, entry in ordered)


def _sort_name(entry: os.DirEntry[str]) -> str:
    """A folder sorts as its contents do, so that the walk is in the order of whole paths."""
    return f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name


def _is_named(entry: os.DirEntry[str], folder: str, prefix: str, left_out: LeftOut) -> bool:
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        if f"{folder}{entry.name}".startswith(prefix):
            hides_keys = not can_be_named("\x80")  # all that is no ASCII is none here
            left_out.add(folder + entry.name, "its name is not UTF-8", hides_keys=hides_keys)
        return False
    if not can_be_named(entry.name):
        if f"{folder}{entry.name}".startswith(prefix):
            left_out.add(folder + entry.name, "names of files are not UTF-8 in this process", hides_keys=True)
        return False
    return entry.name != RESERVED
