"""Where a path lies: its full name below the root of a local store, and never outside."""

from __future__ import annotations

import os
import stat

from autostore.errors import InvalidKeyError, compose

__all__ = ["inside"]


def inside(root: str, path: str, uri: str, *, through_last: bool = True) -> str:
    """The full name of a path; refused where a link on the way leads out of the root.

    A folder has one name, whatever links lead to it, so that its lock has one too.
    """
    name, through_links = root, False
    segments = path.split("/")
    for segment in segments if through_last else segments[:-1]:
        name = f"{name}/{segment}"
        try:
            linked = stat.S_ISLNK(os.lstat(name).st_mode)
        except OSError:
            break  # nothing there, so nothing that could lead out
        through_links |= linked
        if linked and not f"{os.path.realpath(name)}/".startswith(f"{root}/"):
            remedy = "Replace the link by a copy."
            raise InvalidKeyError(compose("A link leads out of the store", key=path, uri=uri, remedy=remedy))
    if through_links:
        folder, _, last = f"{root}/{path}".rpartition("/")
        return f"{os.path.realpath(folder)}/{last}"
    return f"{root}/{path}"
