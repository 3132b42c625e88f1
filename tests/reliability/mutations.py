"""Damaged and hostile variants of good files: case `index` of a format is always the same."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable

TOKENS = [
    b"\0" * 4, b"\xff" * 4, b"\xff\xff\xff\x7f", b"\x80\0\0\0", b"\0\0\0\0\0\0\0\x80", b"-1", b"1e999", b"9" * 40,
    b"[" * 3000, b'{"a":' * 800, b"NaN", b"null", b"\\ud800", b"../../", b"__class__", b"os:system",
    b"subprocess:Popen",
    b"!!python/object/apply:os.system", b"&a [*a]", b"cos\nsystem\n", b"|O", b"(1<<40,)", b"\n#autostore-sig:1:",
]  # fmt: skip
INTEGERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1]


def mutated(sample: bytes, dice: random.Random) -> bytes:
    """A variant of a file: inside its container where it has one, or of its bytes as they are."""
    if sample[:4] == b"PK\x03\x04" and dice.random() < 0.7:
        return _inside_zip(sample, dice)
    if sample[:4] == b"\x89PNG" and dice.random() < 0.7:
        return _inside_png(sample, dice)
    return _scrambled(sample, dice)


def _scrambled(data: bytes, dice: random.Random) -> bytes:
    for _ in range(dice.choice([1, 1, 1, 2, 4, 16])):
        data = dice.choice(_STEPS)(data, dice)
    return data


def _place(data: bytes, dice: random.Random) -> int:
    # Headers and footers say how to read the rest.
    near = min(len(data), 200)
    return dice.choice([dice.randrange(len(data) + 1), dice.randrange(near + 1), len(data) - dice.randrange(near + 1)])


def _flip(data: bytes, dice: random.Random) -> bytes:
    if not data:
        return data
    at = min(_place(data, dice), len(data) - 1)
    return data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :]


def _cut(data: bytes, dice: random.Random) -> bytes:
    return data[: _place(data, dice)]


def _drop(data: bytes, dice: random.Random) -> bytes:
    at = _place(data, dice)
    return data[:at] + data[at + dice.choice([1, 2, 4, 8, 100]) :]


def _repeat(data: bytes, dice: random.Random) -> bytes:
    at, length = _place(data, dice), dice.choice([1, 4, 8, 64, 1000])
    return data[:at] + data[at : at + length] * dice.choice([2, 2, 50]) + data[at + length :]


def _insert(data: bytes, dice: random.Random) -> bytes:
    at = _place(data, dice)
    return data[:at] + dice.choice(TOKENS) + data[at:]


def _overwrite(data: bytes, dice: random.Random) -> bytes:
    at, token = _place(data, dice), dice.choice(TOKENS)[:64]
    return data[:at] + token + data[at + len(token) :]


def _integer(data: bytes, dice: random.Random) -> bytes:
    form = dice.choice(["<B", "<H", ">H", "<I", ">I", "<Q", ">Q"])
    size, at = struct.calcsize(form), _place(data, dice)
    value = dice.choice(INTEGERS) & ((1 << 8 * size) - 1)
    return data[:at] + struct.pack(form, value) + data[at + size :]


def _digits(data: bytes, dice: random.Random) -> bytes:
    """Another number where one is written out."""
    places = [n for n in range(min(len(data), 4000)) if 48 <= data[n] <= 57]
    if not places:
        return data
    at = dice.choice(places)
    return data[:at] + str(dice.choice(INTEGERS)).encode() + data[at + 1 :]


_STEPS: list[Callable[[bytes, random.Random], bytes]] = [
    _flip, _flip, _cut, _drop, _repeat, _insert, _overwrite, _integer, _digits,
]  # fmt: skip


def _inside_zip(sample: bytes, dice: random.Random) -> bytes:
    """A valid archive of one member changed, renamed, doubled or left out."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sample)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    chosen, what = dice.randrange(len(members)), dice.random()
    name, data = members[chosen]
    if what < 0.8:
        members[chosen] = name, _scrambled(data, dice)
    elif what < 0.87:
        members[chosen] = dice.choice(["../x.npy", "/etc/x", "data.npy", "x", name + "x", name.upper()]), data
    elif what < 0.94:
        members.pop(chosen)
    else:
        members.append((name + "2", data))
    with zipfile.ZipFile(target, "w", dice.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
        for member, content in members:
            archive.writestr(zipfile.ZipInfo(member), content)
    return target.getvalue()


def _inside_png(sample: bytes, dice: random.Random) -> bytes:
    """A picture with one chunk changed, and checksums that agree."""
    chunks, at = [], 8
    while at < len(sample):
        (length,) = struct.unpack(">I", sample[at : at + 4])
        chunks.append((sample[at + 4 : at + 8], sample[at + 8 : at + 8 + length]))
        at += 12 + length
    chosen = dice.randrange(len(chunks))
    kind, data = chunks[chosen]
    if kind == b"IDAT" and dice.random() < 0.5:
        data = zlib.compress(_scrambled(zlib.decompress(data), dice))
    else:
        data = _scrambled(data, dice)
    chunks[chosen] = (dice.choice([kind, kind, b"PLTE", b"tRNS", b"iCCP", b"zTXt", b"acTL"]), data)
    return sample[:8] + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
