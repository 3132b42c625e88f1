"""Branches: what a store over a base does beside what any store does, and how the two are put together."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NoReturn

from autostore.backend import FileMetadata, StorageBackend, look
from autostore.cache.copies import Copies
from autostore.config import StorageConfig
from autostore.disk.failures import disk_errors_are_typed
from autostore.errors import (
    InvalidConfigError,
    MissingDependencyError,
    StorageError,
    StorageFileNotFoundError,
    UntrustedDataError,
    compose,
)
from autostore.handlers.registry import HandlerRegistry
from autostore.handlers.verdicts import FileGone
from autostore.keys import where
from autostore.naming.layering import LayeredBackend
from autostore.pieces.ranges import REACH, Tail
from autostore.scans.fetching import Opener, Pinned
from autostore.store.loading import Loaded, Loader
from autostore.store.promoting import Renew

__all__ = ["LayeredCopies", "LayeredLoader", "LayeredOpener", "check_bases", "renewing", "stricter"]


class LayeredLoader(Loader):
    """Reads the branch's file, else the base's through its own cache and keys, a format that it lacks as here."""

    def __init__(self, own: Loader, layered: LayeredBackend, base: Loader) -> None:
        vars(self).update(vars(own))
        self._layered = layered
        self._base = base

    def load_file(self, key: str, path: str, extension: str, as_type: Any = None, *, versioned: bool = False) -> Loaded:
        """The branch's; else, unless it is hidden, the base's."""
        with contextlib.suppress(StorageFileNotFoundError, FileGone):
            return super().load_file(key, path, extension, as_type, versioned=versioned)
        if self._layered.hides(path):
            raise FileGone(path)
        base = self._base.able_to(extension, self._registry)
        return base.load_file(key, path, extension, as_type, versioned=versioned)


class LayeredOpener(Opener):
    """Opens the branch's file for a scan, else the base's, which is read where it lies; one look more for each."""

    def __init__(self, own: Opener, layered: LayeredBackend, base: Opener) -> None:
        vars(self).update(vars(own))
        self.backend = layered
        self._own = own
        self._layered = layered
        self._base = base

    def open(
        self, path: str, extension: str, *, etag: str | None = None, seen: Tail | None = None, reach: int = REACH
    ) -> Pinned:
        """The branch's; else, unless it is hidden, the base's."""
        return self._of(path).open(path, extension, etag=etag, seen=seen, reach=reach)

    def look(self, found: FileMetadata, extension: str, *, most: int) -> Pinned | None:
        """As the place that the file which is shown lies in."""
        return self._of(found.path).look(found, extension, most=most)

    def is_local(self, path: str) -> bool:
        """Whether the file that is shown lies on this machine."""
        return self._of(path).is_local(path)

    def _of(self, path: str) -> Opener:
        shown = look(self._layered.top, path) is not None or self._layered.hides(path)
        return self._own if shown else self._base

    def __getstate__(self) -> NoReturn:
        raise StorageError(
            f"A scan of the branch {self.backend.uri} does not pickle. Make it where it runs, or scan the base."
        )


class LayeredCopies(Copies):
    """The branch's file, else the base's; one look more."""

    def __init__(self, own: Copies, layered: LayeredBackend, base: Copies) -> None:
        vars(self).update(vars(own))
        self._own = own
        self._layered = layered
        self._base = base

    def open(self, path: str, extension: str) -> AbstractContextManager[tuple[Path, FileMetadata | None]]:
        """Of the place that the file which is shown lies in."""
        shown = look(self._layered.top, path) is not None or self._layered.hides(path)
        return (self._own if shown else self._base).open(path, extension)


_FOLDERS = re.compile(r"\Afsspec\+(file|local)://")


def check_bases(uri: str, bases: list[str]) -> None:
    """Refuse a base that is the branch, holds it, or lies in it; and a circle of bases."""
    for number, base in enumerate(bases):
        for other in (uri, *bases[:number]):
            first, second = (f"{_FOLDERS.sub('file://', name).rstrip('/')}/" for name in (other, base))
            if first.startswith(second) or second.startswith(first):
                problem = f"The base {base} and {other} are one place, or one lies in the other"
                remedy = "Open the branch in a place of its own, or in another prefix."
                raise InvalidConfigError(compose(problem, uri=uri, remedy=remedy))


def stricter(base: StorageConfig, branch: StorageConfig) -> StorageConfig | None:
    """The settings with which a branch reads its base; None where the base's own are strict enough."""
    if base.allow_pickle and not branch.allow_pickle:
        return dataclasses.replace(base, allow_pickle=False)
    return None


def renewing(
    branch: HandlerRegistry, base: HandlerRegistry, mine: StorageConfig, theirs: StorageConfig, place: StorageBackend
) -> Renew | None:
    """How a file is made the base's, where the two sign differently, or the base allows less; else None.

    What the base's readers would trust as it is stays byte for byte, whatever it is: encoded again, a CSV or a file
    that somebody laid would be another one.
    """
    if mine.pickle_key == theirs.pickle_key and (theirs.allow_pickle or not mine.allow_pickle):
        return None

    def renew(file: Path, path: str) -> None:
        extension = branch.split(path)[1]
        at = where(path, place.uri)
        if _is_trusted(base, file, extension, at):
            return
        value = branch.decode(file, extension, None, at)
        with place.scratch_files() as files:
            made, _ = base.encode(value, files, extension, at)
            with disk_errors_are_typed(at):
                file.write_bytes(made.read_bytes())

    return renew


def _is_trusted(base: HandlerRegistry, file: Path, extension: str, at: str) -> bool:
    """Whether the base's readers take the file as it is, or it is none that anybody reads."""
    try:
        base.decode(file, extension, None, at)
    except UntrustedDataError:
        return False
    except MissingDependencyError:
        raise
    except StorageError:  # damaged, or of no format
        return True
    return True
