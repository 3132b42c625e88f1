"""Archives whose members are plain files: stored as they are, aligned, the same bytes for the same members.

Written as https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT says; the padding before a member's data is
the extra field 0xD935, which Android's zipalign uses too. What is read is checked, as archives may be hostile.
"""

from __future__ import annotations

import io
import os
import shutil
import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from autostore.errors import CorruptDataError
from autostore.guard.ceiling import Ceiling
from autostore.handlers.arrays import check_members

__all__ = ["CheckedArchive", "write_archive"]

ALIGNMENT = 64
_PADDING = 0xD935
_CHUNK = 1024 * 1024
_LOCAL_HEADER = 30
_ZIP64_EXTRA = 20
# What a text member may expand to: this, or this many times its own size.
_FREE_TEXT = 64 * 1024 * 1024
_MAX_EXPANSION = 100
_LONGEST_NAME = 255


def write_archive(file_path: Path, members: Iterable[tuple[str, BinaryIO, int]]) -> None:
    """Write `(name, content, size)` of each member in this order; each content is read once, in parts."""
    with open(file_path, "w+b") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content, size in members:
            _put(archive, file, name, content, size)


def _put(archive: zipfile.ZipFile, file: BinaryIO, name: str, content: BinaryIO, size: int) -> None:
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.create_system, info.external_attr, info.file_size = 3, 0o600 << 16, size
    large = size > zipfile.ZIP64_LIMIT * 0.95  # as zipfile decides it
    begin = file.tell() + _LOCAL_HEADER + len(name.encode("utf-8")) + (_ZIP64_EXTRA if large else 0)
    padding = 6 + -(begin + 6) % ALIGNMENT
    info.extra = struct.pack("<HHH", _PADDING, padding - 4, ALIGNMENT) + bytes(padding - 6)
    with archive.open(info, "w", force_zip64=large) as target:
        shutil.copyfileobj(content, target, _CHUNK)
    info.extra = b""  # the directory at the end needs no padding


class CheckedArchive:
    """An open archive of which single members are read; its claims are checked first."""

    def __init__(self, file: io.BufferedReader, ceiling: Ceiling) -> None:
        self._file = file
        self._archive = zipfile.ZipFile(file)
        self.size = os.fstat(file.fileno()).st_size
        check_members(self._archive, self.size, ceiling)

    def text(self, name: str) -> bytes:
        """All of a member that is read into memory, within bounds."""
        info = self._info(name)
        if info.file_size > max(_FREE_TEXT, _MAX_EXPANSION * info.compress_size):
            raise CorruptDataError(f"{name} claims to expand to {info.file_size} bytes. Look at it with as_type=bytes.")
        return self._archive.read(info)

    def extract(self, name: str, target: Path) -> None:
        """Write a member to a file that does not exist yet; its checksum is compared."""
        with self._archive.open(self._info(name)) as source, open(target, "xb") as file:
            shutil.copyfileobj(source, file, _CHUNK)

    def seek(self, name: str) -> tuple[io.BufferedReader, int] | None:
        """The archive's own file, standing where a stored member begins, and where it ends; None if it is packed."""
        info = self._info(name)
        if info.compress_type != zipfile.ZIP_STORED:
            return None
        self._archive.open(info).close()  # compares the member's own header with the directory's
        self._file.seek(info.header_offset)
        header = self._file.read(_LOCAL_HEADER)
        begin = info.header_offset + _LOCAL_HEADER + sum(struct.unpack("<HH", header[26:30]))
        self._file.seek(begin)
        return self._file, begin + info.file_size

    def file_size(self, name: str) -> int:
        """How long a member is."""
        return self._info(name).file_size

    def _info(self, name: str) -> zipfile.ZipInfo:
        if not name or name[0] == "." or len(name) > _LONGEST_NAME or any(sign in name for sign in "/\\\0"):
            raise CorruptDataError(f"{name!r:.80} is not the name of a member. Look at it with as_type=bytes.")
        try:
            info = self._archive.getinfo(name)
        except KeyError as error:
            raise CorruptDataError(f"The archive has no member {name!r:.80}. Look at it with as_type=bytes.") from error
        if info.flag_bits & 0x1:
            raise CorruptDataError(f"The member {name!r:.80} is encrypted. Look at it with as_type=bytes.")
        return info
