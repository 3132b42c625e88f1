"""One copy in the cache: what `entry.json` says, and whether a file on disk is still what it says.

    <cache>/<sha256 of the file's identity>/entry.json              names the payload, its size and checksum
                                           /<hash of etag><ext>     the payload

The payload lies there first, then one rename of `entry.json` publishes both: nobody can pair
a new ETag with old bytes. Neither is believed until its checksum agrees.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from autostore.backend import FileMetadata
from autostore.cache.new_file import SUFFIX, NewFile
from autostore.holding.descriptors import Descriptor, opened
from autostore.holding.positions import read_at

__all__ = ["ENTRY", "Entry", "load", "open_payload", "publish"]

ENTRY = "entry.json"
_VERSION = 1
_EXTENSION = re.compile(r"\.[a-z0-9]{1,16}")
_PAYLOAD = re.compile(rf"[0-9a-f]{{32}}(?:{_EXTENSION.pattern})?")

SETTLED_NS = 20_000_000
"""A file that changes twice within one tick of the file system's clock (at most 10 ms) shows no
difference, so its stat proves nothing about a checksum taken sooner after its last change."""

SETTLED_COARSE_NS = 2_020_000_000
"""The same where the file system keeps whole seconds only, or even ones."""

WAIT_FROM = 8 << 20
"""From this size on, bytes, waiting for the tick costs less than a second checksum."""


@dataclass(frozen=True)
class Entry:
    """What is known of a payload.

    Attributes:
        identity: the folder's name, so that an entry moved to another folder is not believed.
        etag: of the bytes at their place.
        payload: the file's name.
        size: bytes.
        sha256: of the bytes.
        stamp: inode, mtime, ctime and boot of the payload when its checksum was taken;
            none where the file had changed too shortly before.
        described: the rest of the metadata.
    """

    identity: str
    etag: str
    payload: str
    size: int
    sha256: str
    stamp: list[Any] | None
    described: dict[str, Any]

    def metadata(self, path: str) -> FileMetadata:
        """The metadata of the copy, as of when it was fetched; the mark may have changed though the bytes did not."""
        return FileMetadata(
            path=path,
            size=self.size,
            etag=self.etag,
            modified_time=datetime.fromisoformat(self.described["modified_time"]),
            content_type=self.described["content_type"],
            extra=self.described["extra"],
        )


def load(folder: Path) -> Entry | None:
    """The entry in a folder; None where there is none that can be believed."""
    try:
        with _open_file(folder / ENTRY) as descriptor:
            check, _, text = read_at(descriptor.fileno(), 1 << 20, 0).partition(b"\n")
        if check.decode("ascii", "replace") != hashlib.sha256(text).hexdigest():
            return None
        fields = json.loads(text)
        entry = Entry(**fields) if fields.pop("version") == _VERSION else None
        return entry if entry is not None and entry.identity == folder.name and _is_sound(entry) else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _is_sound(entry: Entry) -> bool:
    """Whether it says what an entry says, and names a file of its own folder."""
    texts = (entry.etag, entry.payload, entry.sha256)
    described = entry.metadata("")
    extra, kind = described.extra, described.content_type
    return (
        all(isinstance(text, str) and text.isprintable() for text in (*texts, *extra.keys(), *extra.values()))
        and _PAYLOAD.fullmatch(entry.payload) is not None
        and isinstance(entry.size, int)
        and isinstance(kind, str | None)
    )


def open_payload(folder: Path, entry: Entry) -> Descriptor | None:
    """The payload, if its bytes are what the entry says; the caller closes it.

    A payload whose stat differs, or could not tell, is read through; if it is right, the
    entry is written anew, so that the next reader need not.
    """
    with contextlib.suppress(OSError):
        descriptor = _open_file(folder / entry.payload)
        if _is_right(folder, entry, descriptor.fileno()):
            return descriptor
        descriptor.close()
    return None


def publish(folder: Path, file: Path, metadata: FileMetadata) -> Path:
    """Move `file` into the folder as the payload of `metadata`; on a failure the old entry stands."""
    suffix = Path(metadata.path).suffix
    suffix = suffix if _EXTENSION.fullmatch(suffix) else ""
    payload = hashlib.sha256(metadata.etag.encode()).hexdigest()[:32] + suffix
    with opened(file, os.O_RDONLY) as source:
        _replace(file, folder / payload)
        sha256, stamp = _checked(source.fileno())
    described = {
        "modified_time": metadata.modified_time.isoformat(),
        "content_type": metadata.content_type,
        "extra": dict(metadata.extra),
    }
    _write(folder, Entry(folder.name, metadata.etag, payload, metadata.size, sha256, stamp, described))
    _remove_others(folder, payload)
    return folder / payload


def _open_file(file: Path) -> Descriptor:
    """Open a regular file of ours, and nothing else: a pipe would wait for a writer for ever."""
    descriptor = opened(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    status = os.fstat(descriptor.fileno())
    if stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid():  # others may have laid it before it was private
        return descriptor
    descriptor.close()
    raise FileNotFoundError(file)


def _replace(file: Path, target: Path) -> None:
    try:
        os.replace(file, target)
    except IsADirectoryError:
        shutil.rmtree(target)
        os.replace(file, target)


def _is_right(folder: Path, entry: Entry, descriptor: int) -> bool:
    status = os.fstat(descriptor)
    if status.st_size != entry.size:
        return False
    if entry.stamp is not None and entry.stamp == _stamp(status):
        return True
    sha256, stamp = _checked(descriptor)
    if sha256 != entry.sha256:
        return False
    if stamp is not None:
        with contextlib.suppress(OSError):
            _write(folder, Entry(**{**asdict(entry), "stamp": stamp}))
    return True


def _checked(descriptor: int) -> tuple[str, list[Any] | None]:
    """Checksum of a file, and its stamp where nobody can have changed it unseen since."""
    before = os.fstat(descriptor)
    settled_ns = SETTLED_NS if before.st_ctime_ns % 1_000_000_000 else SETTLED_COARSE_NS
    if before.st_size >= WAIT_FROM and 0 <= time.time_ns() - before.st_ctime_ns < SETTLED_NS == settled_ns:
        time.sleep(SETTLED_NS / 1e9)
    begun = time.time_ns()
    digest = hashlib.sha256()
    for block in _blocks(descriptor):
        digest.update(block)
    settled = begun - before.st_ctime_ns >= settled_ns and _stamp(os.fstat(descriptor)) == _stamp(before)
    return digest.hexdigest(), _stamp(before) if settled else None


def _blocks(descriptor: int) -> Iterator[bytes]:
    """The bytes of a file from its beginning, leaving the descriptor's position alone."""
    position = 0
    while block := read_at(descriptor, 1 << 20, position):
        yield block
        position += len(block)


def _stamp(status: os.stat_result) -> list[Any]:
    return [status.st_ino, status.st_mtime_ns, status.st_ctime_ns, _boot()]


@functools.cache
def _boot() -> str:
    """Names this start of the machine: what was not on disk yet when the power went is read through again."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def _write(folder: Path, entry: Entry) -> None:
    text = json.dumps({"version": _VERSION, **asdict(entry)}).encode()
    with NewFile(folder) as new:
        new.path.write_bytes(hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
        _replace(new.path, folder / ENTRY)


def _remove_others(folder: Path, payload: str) -> None:
    """Payloads of older versions; their readers hold descriptors."""
    with contextlib.suppress(OSError), os.scandir(folder) as files:
        for file in files:
            if file.name not in (ENTRY, payload) and not file.name.endswith(SUFFIX):
                with contextlib.suppress(OSError):
                    os.unlink(file.path)
