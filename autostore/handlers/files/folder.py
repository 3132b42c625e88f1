"""A folder as a `.tar`, by its `pathlib.Path`: equal folders give equal bytes, and a hostile file leads nowhere.

Written as POSIX.1-2001 says (pax): names in order, no owner, no time, of permissions only whether a file may
be run. Read are folders, files, and symbolic links that stay inside.
https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from autostore.errors import CorruptDataError, StorageError, StorageIOError, UnsupportedFormatError
from autostore.handlers.files.single import FileHandler
from autostore.handlers.named import NamedHandler
from autostore.preview import Preview

__all__ = ["FolderHandler", "extract"]

_BLOCK = 1 << 20
MOST_MEMBERS = 1_000_000
MOST_LEVELS = 100
_FREE = 64 << 20
"""Bytes beside those of the file's own size that sparse files may take on disk."""


class FolderHandler(NamedHandler, FileHandler):
    """Folders of this machine as .tar, by their path; a file of that name as it is."""

    types = "folders of this machine (`pathlib.Path`), where the key names .tar"
    lossy = {".tar": "bytes come back, and a folder with as_type=Path; no owners, no times"}
    read_by = "tar"
    named_extensions = (".tar",)

    @property
    def priority(self) -> int:
        """Below bytes, which read these files."""
        return 5

    def write_to_stream(self, data: Any, stream: BinaryIO, file_extension: str) -> None:
        """Write the folder while it is read, or the file as it is."""
        if data.is_dir():
            _pack(data, stream)
        else:
            super().write_to_stream(data, stream, file_extension)

    def preview(self, data: Any) -> Preview:
        """Its name, and of a file the size."""
        return {"folder": data.name} if data.is_dir() else super().preview(data)


def _pack(folder: Path, stream: BinaryIO) -> None:
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_BLOCK) as archive:
        for path in _below(folder):
            try:
                _add(archive, folder, path)
            except OSError as error:
                if isinstance(error, StorageError):
                    raise
                problem = f"{str(path)!r} could not be read: {error.strerror or error}"
                raise StorageIOError(f"{problem}. Write the folder when nobody changes it.") from error


def _below(folder: Path) -> Iterator[Path]:
    """All that lies below, in the order of names; no link is followed."""
    try:
        found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise StorageIOError(f"The folder {str(folder)!r} cannot be read: {error.strerror}. Look at it.") from error
    for entry in found:
        yield Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path))


def _add(archive: tarfile.TarFile, folder: Path, path: Path) -> None:
    name = path.relative_to(folder).as_posix()
    _check_name(name, UnsupportedFormatError)
    info = tarfile.TarInfo(name)
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, os.readlink(path), 0o777
        _check_link(name, info.linkname, UnsupportedFormatError)
        archive.addfile(info)
    elif stat.S_ISDIR(status.st_mode):
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(info)
    elif stat.S_ISREG(status.st_mode):
        with open(path, "rb") as source:
            before = os.fstat(source.fileno())
            info.size, info.mode = before.st_size, 0o755 if status.st_mode & 0o100 else 0o644
            archive.addfile(info, source)
            after = os.fstat(source.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise StorageIOError(f"{str(path)!r} was changed while it was read. Write the folder when it is whole.")
    else:
        raise UnsupportedFormatError(f"{str(path)!r} is a device, a socket or a pipe, which no folder here has.")


def extract(file: Path, folder: Path) -> None:
    """Make an empty folder what the file holds; `CorruptDataError` where it would lead out of it."""
    later: list[tarfile.TarInfo] = []
    try:
        with open(file, "rb") as stream, tarfile.open(fileobj=stream, mode="r:", encoding="utf-8") as archive:
            for info in _members(archive, os.fstat(stream.fileno()).st_size):
                if info.issym():
                    later.append(info)
                else:
                    _put(archive, info, folder / info.name)
            stream.seek(archive.offset)
            if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # what tarfile takes for an end, too
                raise CorruptDataError("The .tar was cut, or is damaged. Look at it with as_type=bytes.")
        for info in later:  # last, so that nothing was written through one
            _link(info, folder)
    except (tarfile.TarError, EOFError, ValueError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        if isinstance(error, StorageError):
            raise
        raise CorruptDataError(f"This is no whole .tar: {error!s:.200}. Look at it with as_type=bytes.") from error


def _members(archive: tarfile.TarFile, size: int) -> Iterator[tarfile.TarInfo]:
    """Its members, none of which leads out by its words, nor unfolds."""
    total = 0
    for number, info in enumerate(archive):
        total += info.size if info.isreg() else 0
        if number >= MOST_MEMBERS or total > size + _FREE:
            raise CorruptDataError("The .tar unfolds beyond its size. Look at it with as_type=bytes.")
        _check_name(info.name, CorruptDataError)
        if info.issym():
            _check_link(info.name, info.linkname, CorruptDataError)
        yield info


def _put(archive: tarfile.TarFile, info: tarfile.TarInfo, target: Path) -> None:
    if info.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    source = archive.extractfile(info) if info.isreg() else None
    if source is None:
        raise CorruptDataError(
            f"The .tar holds {info.name!r:.80}, which is no file, folder or symbolic link. "
            "Look at it with as_type=bytes."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "xb") as file:
        shutil.copyfileobj(source, file, _BLOCK)
    if info.mode & 0o100:
        target.chmod(0o755)


def _link(info: tarfile.TarInfo, folder: Path) -> None:
    target = folder / info.name
    target.parent.mkdir(parents=True, exist_ok=True)
    root = folder.resolve()
    if not target.parent.resolve().is_relative_to(root):
        raise CorruptDataError(f"The link {info.name!r:.80} leads out of the folder. Look at it with as_type=bytes.")
    target.symlink_to(info.linkname)
    if not Path(os.path.realpath(target)).is_relative_to(root):
        target.unlink()
        raise CorruptDataError(f"The link {info.name!r:.80} leads out of the folder. Look at it with as_type=bytes.")


def _check_name(name: str, kind: type[StorageError]) -> str:
    """The name, if it stays inside, and has a form that all systems take."""
    path = PurePosixPath(name)
    if "\0" in name or "\\" in name or path.is_absolute() or ".." in path.parts or len(path.parts) > MOST_LEVELS:
        raise kind(f"The name {name!r:.80} is none that stays in a folder on every system. Rename it.")
    return name


def _check_link(name: str, to: str, kind: type[StorageError]) -> None:
    """Refuse a link that leads out, by its words alone; what it leads over is looked at when it is made."""
    level = len(PurePosixPath(name).parts) - 1
    for part in PurePosixPath(to).parts:
        level += -1 if part == ".." else 1
        if level < 0 or to.startswith("/") or not to:
            remedy = "Remove it, or copy what it names"
            raise kind(f"The link {name!r:.80} leads out of the folder, to {to!r:.80}. {remedy}.")
