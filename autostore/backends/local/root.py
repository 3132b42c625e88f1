"""Where a path lies: its full name below the root of a local store, and never outside."""

from __future__ import annotations

import os
import stat
import sys

from autostore.errors import InvalidKeyError, compose
from autostore.keys import RESERVED

__all__ = ["absolute", "can_be_named", "found_inside", "inside"]

_ENCODING = sys.getfilesystemencoding()
_IS_UTF8 = _ENCODING.lower().replace("-", "") == "utf8"


def can_be_named(path: str) -> bool:
    """Whether this process calls the file what every other does: in a locale that is not UTF-8 only plain letters."""
    return _IS_UTF8 or path.isascii()


def absolute(folder: str) -> str:
    """The one name of a folder, whatever links lead to it, from wherever this process works."""
    try:
        return os.path.realpath(folder)
    except FileNotFoundError:  # of the folder that this process works in
        problem = f"The working folder of this process is gone, and {folder!r:.200} is relative to it"
        raise InvalidKeyError(compose(problem, remedy="Pass an absolute path, or os.chdir first.")) from None


def inside(root: str, path: str, uri: str, *, through_last: bool = True) -> str:
    """The full name of a path; refused where a link on the way leads out of the root.

    A folder has one name, whatever links lead to it, so that its lock has one too.
    """
    segments = path.split("/")
    return _followed(root, path, uri, segments if through_last else segments[:-1])[0]


def found_inside(root: str, path: str, uri: str) -> tuple[str, os.stat_result | None]:
    """The same, and what is there, for the price of one look; None where that is nothing, or a link leads to it."""
    return _followed(root, path, uri, path.split("/"))


def _followed(root: str, path: str, uri: str, segments: list[str]) -> tuple[str, os.stat_result | None]:
    if not can_be_named(path):
        problem = f"Names of files are {_ENCODING} in this process, so that others would not find this one"
        remedy = "Set PYTHONUTF8=1, or a locale of UTF-8."
        raise InvalidKeyError(compose(problem, key=ascii(path)[1:-1], uri=uri, remedy=remedy))
    name, through_links, status = root, False, None
    for segment in segments:
        name = f"{name}/{segment}"
        try:
            status = os.lstat(name)
        except OSError:
            status = None
            break  # nothing there, so nothing that could lead out
        if len(segment) == len(RESERVED) and segment != RESERVED and segment.lower() == RESERVED:
            _check_own(name.rpartition("/")[0], segment, path, uri)
        linked = stat.S_ISLNK(status.st_mode)
        through_links |= linked
        if linked and not f"{os.path.realpath(name)}/".startswith(f"{root}/"):
            remedy = "Replace the link by a copy."
            raise InvalidKeyError(compose("A link leads out of the store", key=path, uri=uri, remedy=remedy))
    if through_links:
        folder, _, last = f"{root}/{path}".rpartition("/")
        return f"{os.path.realpath(folder)}/{last}", None
    return f"{root}/{path}", status


def _check_own(folder: str, segment: str, path: str, uri: str) -> None:
    """Refuse what is ours by another spelling: both are there, and only one of them has an entry."""
    if os.path.lexists(f"{folder}/{RESERVED}") and not {RESERVED, segment} <= set(os.listdir(folder)):
        problem = f"{RESERVED!r} is reserved, in any case where names are folded"
        raise InvalidKeyError(compose(problem, key=path, uri=uri, remedy="Choose another key."))
