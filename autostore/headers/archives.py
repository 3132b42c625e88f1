"""The beginning of a member of an archive, of which no more is unpacked than is asked for."""

from __future__ import annotations

import zipfile
from typing import IO

from autostore.errors import CorruptDataError

__all__ = ["opened"]


def opened(archive: zipfile.ZipFile, name: str | zipfile.ZipInfo) -> IO[bytes]:
    """The member, to be read in parts; bzip2 and LZMA, which `zipfile` unpacks a whole block of, no format writes."""
    info = archive.getinfo(name) if isinstance(name, str) else name
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise CorruptDataError("The archive uses a compression that its format has not. Look at it with as_type=bytes.")
    return archive.open(info)
