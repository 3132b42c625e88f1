"""Packed texts by name, `.csv.gz`, `.jsonl.zst` and the like: the value that their text holds.

What was written from a value here bears a note that every reader passes over: in gzip the comment of its header, in
zstd a skippable frame at its end. Any other file of such a name is the bytes that it ever was, and its value where
`as_type` asks for one. https://www.rfc-editor.org/rfc/rfc1952, https://www.rfc-editor.org/rfc/rfc8878
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from autostore.disk.temporary import Temporary
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling
from autostore.handler import DataHandler
from autostore.handlers.json import JSONHandler
from autostore.handlers.named import NotedHandler
from autostore.handlers.tables.csv import CSVHandler, read_csv
from autostore.handlers.tables.kinds import FRAMES, kind_of
from autostore.handlers.tables.lines import FrameLinesHandler
from autostore.handlers.tables.made import frame_asked_for, made
from autostore.headers.header import Header
from autostore.optional import DISTRIBUTION, require
from autostore.preview import Preview
from autostore.previews.text import binary

__all__ = ["PackedJSONHandler", "PackedTableHandler", "unpack"]

_BLOCK = 1 << 20
_GZIP = b"\x1f\x8b\x08\x10\0\0\0\0\x02\xffautostore\0"
"""A header with a comment and without a time, so that equal values give equal bytes."""

_ZSTD = b"\x50\x2a\x4d\x18\x09\0\0\0autostore"
"""A skippable frame."""


class _PackedHandler(NotedHandler):
    """What both share: the packing, and the note."""

    read_by = "gunzip, zstd, and what opens such files"
    install = f"{DISTRIBUTION}[arrow]"
    _writers: tuple[DataHandler, ...]

    def is_value(self, data: Any) -> bool:
        """What the text holds."""
        return any(writer.can_handle_data(data) for writer in self._writers)

    def is_noted(self, content: bytes) -> bool:
        """Whether it begins or ends with our note."""
        return content.startswith(_GZIP) or content.endswith(_ZSTD)

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """Whether a value was written here."""
        begins = file.read(len(_GZIP))
        file.seek(-min(len(_ZSTD), file.seek(0, io.SEEK_END)), io.SEEK_END)
        return Header() if begins == _GZIP or file.read() == _ZSTD else Header(type="bytes")

    def dumps(self, data: Any, file_extension: str) -> bytes:
        """Never asked: what is written goes from file to file."""
        raise AssertionError

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the text beside it, then pack it in blocks; bytes as they are."""
        if type(data) is bytes:
            super().write_to_file(data, file_path, file_extension)
            return
        writer = next(writer for writer in self._writers if writer.can_handle_data(data))
        with Temporary(file_path.with_name(f"{file_path.name}.plain")) as plain:
            writer.write_to_file(data, plain.path, _inner(file_extension))
            with open(plain.path, "rb") as source:
                _pack(source, file_path, file_extension)

    def preview(self, data: Any) -> Preview:
        """As the same text shows that is not packed."""
        writer = next((writer for writer in self._writers if writer.can_handle_data(data)), None)
        return binary(data) if writer is None else writer.preview(data)


class PackedTableHandler(_PackedHandler):
    """Flat tables as .csv.gz, .csv.zst and .tsv.gz, where the key names them; bytes of such a name stay bytes."""

    types = "tables of Polars, pandas and Arrow, of which a Polars DataFrame comes back; bytes"
    named_extensions = (".csv.gz", ".csv.zst", ".tsv.gz", ".tsv.zst")
    lossy = dict.fromkeys(named_extensions, "dtypes come back as inferred")
    _writers = (CSVHandler(),)

    def loads(self, content: bytes, file_extension: str, as_type: Any = None) -> Any:
        """A Polars DataFrame, or what is asked for."""
        stream = io.BytesIO(unpack(content, file_extension, self.ceiling))
        return read_csv(stream, as_type, self.ceiling, _inner(file_extension))

    def as_type(self, value: Any, as_type: Any) -> Any:
        """It is that already."""
        return value


class PackedJSONHandler(_PackedHandler):
    """What JSON holds as .json.gz, .jsonl.gz and with .zst, by name; bytes of such a name stay bytes."""

    types = "dict, list, str, number, bool, None; of JSON lines lists, and tables; bytes"
    named_extensions = (".json.gz", ".json.zst", ".jsonl.gz", ".jsonl.zst")
    _writers = (JSONHandler(), FrameLinesHandler())

    def loads(self, content: bytes, file_extension: str, as_type: Any = None) -> Any:
        """The parsed text."""
        reader = JSONHandler()
        reader.ceiling = self.ceiling
        return reader.parsed(unpack(content, file_extension, self.ceiling), _inner(file_extension))

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """As its text; a table is lines, and no one value."""
        inner = _inner(file_extension)
        if inner == ".json" and kind_of(data) in FRAMES:
            raise UnsupportedFormatError(f"A {inner} file holds no table. Use .jsonl{file_extension[len(inner) :]}.")
        super().write_to_file(data, file_path, file_extension)

    def as_type(self, value: Any, as_type: Any) -> Any:
        """A table, or whatever Pydantic makes of it."""
        kind = frame_asked_for(as_type)
        return super().as_type(value, as_type) if kind is None else made(value, kind)


def _inner(extension: str) -> str:
    return extension.rpartition(".")[0]


def _pack(source: BinaryIO, file_path: Path, extension: str) -> None:
    blocks = iter(lambda: source.read(_BLOCK), b"")
    if extension.endswith(".zst"):
        pa = require("pyarrow")
        with pa.OSFile(os.fspath(file_path), "wb") as sink, pa.CompressedOutputStream(sink, "zstd") as into:
            for block in blocks:
                into.write(block)
        with open(file_path, "ab") as target:
            target.write(_ZSTD)
        return
    packer, check, size = zlib.compressobj(wbits=-zlib.MAX_WBITS), 0, 0
    with open(file_path, "wb") as target:
        target.write(_GZIP)
        for block in blocks:
            check, size = zlib.crc32(block, check), size + len(block)
            target.write(packer.compress(block))
        target.write(packer.flush() + check.to_bytes(4, "little") + (size % (1 << 32)).to_bytes(4, "little"))


def unpack(content: bytes, extension: str, ceiling: Ceiling) -> bytes:
    """All that was packed, as far as the ceiling allows; counted while it unfolds."""
    blocks, total = [], 0
    for block in (_zstd_blocks if extension.endswith(".zst") else _gzip_blocks)(content):
        total += len(block)
        ceiling.check(len(content) + total, "The unpacked text")
        blocks.append(block)
    return b"".join(blocks)


def _zstd_blocks(content: bytes) -> Iterator[bytes]:
    pa = require("pyarrow")
    try:
        with pa.BufferReader(content) as source, pa.CompressedInputStream(source, "zstd") as unpacker:
            while block := unpacker.read(_BLOCK):
                yield block
    except (OSError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise CorruptDataError(
            f"This is no whole file of zstd: {error!s:.200}. Look at it with as_type=bytes."
        ) from error


def _gzip_blocks(content: bytes) -> Iterator[bytes]:
    rest: bytes = content
    while rest:
        unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        try:
            while not unpacker.eof and rest:
                block = unpacker.decompress(rest, _BLOCK)
                rest = unpacker.unconsumed_tail
                if block:
                    yield block
        except zlib.error as error:
            raise CorruptDataError(f"This is no file of gzip: {error}. Look at it with as_type=bytes.") from error
        if not unpacker.eof:
            raise CorruptDataError("The file of gzip was cut. Look at it with as_type=bytes.")
        rest = unpacker.unused_data.lstrip(b"\0")  # tapes were filled up with zeros
