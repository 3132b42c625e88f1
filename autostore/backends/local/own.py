"""What is ours in a local store, below `<root>/.autostore/`: nothing there is reached through a link that leads out."""

from __future__ import annotations

import errno
import os
from functools import partial

from autostore.backends.local.root import inside
from autostore.disk.scratch import Scratch
from autostore.errors import StorageError, StorageIOError, compose
from autostore.keys import RESERVED

__all__ = ["IN_THE_WAY", "OwnFolder", "in_the_way"]

IN_THE_WAY = {errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENOTDIR, errno.ENXIO}
"""What the system says where something else stands than the file or folder that is looked for."""


class OwnFolder:
    """The one of a store; whoever writes below it asks first."""

    def __init__(self, root: str, uri: str) -> None:
        self._root, self._uri = root, uri

    def at(self, name: str = "") -> str:
        """The full name of a folder or file in it, or of the folder itself."""
        return os.path.join(self._root, self._path(name))

    def scratch(self) -> Scratch:
        """Temporary files, on the file system where publishing is a rename."""
        return Scratch(self.at("tmp"), partial(self.check, "tmp"))

    def check(self, name: str = "") -> None:
        """Refuse a folder in it, or itself, where a link leads out of the store or no folder stands; a few looks."""
        inside(self._root, self._path(name), self._uri)
        if os.path.isdir(self.at(name)):
            return
        for folder in {self.at(), self.at(name)}:
            if os.path.lexists(folder) and not os.path.isdir(folder):
                raise _refused(folder, os.strerror(errno.ENOTDIR), self._path(name), self._uri)

    def _path(self, name: str) -> str:
        return f"{RESERVED}/{name}" if name else RESERVED


def in_the_way(error: OSError, path: str, uri: str, root: str) -> StorageError | None:
    """That something stands where ours should, so that no key is at fault; None where it is not that."""
    name = error.filename
    if error.errno in IN_THE_WAY and isinstance(name, str) and f"{name}/".startswith(f"{root}/{RESERVED}/"):
        return _refused(name, error.strerror or str(error), path, uri)
    return None


def _refused(name: str, reason: str, path: str, uri: str) -> StorageIOError:
    problem = f"Something else stands in the place of what this store keeps for itself, {name!r} ({reason})"
    return StorageIOError(compose(problem, key=path, uri=uri, remedy="Look at it, and move it away."))
