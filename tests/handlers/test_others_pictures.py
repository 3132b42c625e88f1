"""Pictures of other programs (OpenCV, tifffile): read as they are, or refused where Pillow would give other pixels."""

import struct
import zlib
from pathlib import Path

import pytest

from autostore import CorruptDataError, UnsupportedFormatError
from tests.optional import Image, np

WIDTH, HEIGHT = 3, 2
COUNT = WIDTH * HEIGHT


def png(samples, bits, colours, content):
    """A PNG of these bytes of pixels."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    row = WIDTH * samples * bits // 8
    lines = b"".join(b"\0" + content[at : at + row] for at in range(0, len(content), row))
    head = struct.pack(">2I5B", WIDTH, HEIGHT, bits, colours, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def tiff(content, bits, *, samples=1, kind=1, packed=False, big=False):
    """A TIFF of one strip; `kind` is its SampleFormat."""
    strip = zlib.compress(content) if packed else content
    begin, long = (16, 16) if big else (8, 4)
    tags = {
        256: WIDTH, 257: HEIGHT, 258: bits, 259: 8 if packed else 1, 262: 2 if samples == 3 else 1, 273: begin,
        277: samples, 278: HEIGHT, 279: len(strip), 305: b"ours\0", 339: kind,
    }  # fmt: skip
    room = 8 if big else 4
    extra, entries = b"", []
    behind = begin + len(strip)
    for tag, value in tags.items():
        if isinstance(value, bytes):
            code, count, data = 2, len(value), value
        elif tag in (258, 339) and samples > 1:
            code, count, data = 3, samples, struct.pack(f"<{samples}H", *[value] * samples)
        else:
            code, count, data = long, 1, struct.pack("<Q" if big else "<I", value)
        if len(data) > room:
            data, extra = struct.pack("<Q" if big else "<I", behind + len(extra)), extra + data
        entries.append(struct.pack("<HHQ" if big else "<HHI", tag, code, count) + data.ljust(room, b"\0"))
    first = behind + len(extra)
    head = b"II+\0\x08\0\0\0" + struct.pack("<Q", first) if big else b"II*\0" + struct.pack("<I", first)
    ifd = struct.pack("<Q" if big else "<H", len(entries)) + b"".join(entries) + bytes(room)
    return head + strip + extra + ifd


def laid(folder, name, content):
    """The file, as another program leaves it in the folder."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return name


DEEP = bytes(range(200, 200 + COUNT * 6))


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.png", png(3, 16, 2, DEEP), "16 bits a channel"),
        ("b.png", png(4, 16, 6, DEEP + DEEP[: COUNT * 2]), "16 bits a channel"),
        ("c.tif", tiff(DEEP, 16, samples=3), "16 bits a channel"),
        ("d.tif", tiff(DEEP, 16, samples=3, packed=True), "16 bits a channel"),
        ("e.tif", tiff(b"\xff" * COUNT, 8, kind=2), "signed numbers"),
        ("f.tif", tiff(b"\xff" * COUNT * 4, 32), r"beyond 2\^31"),
        ("g.tif", tiff(bytes(COUNT * 8), 64, kind=3), "a kind that Pillow does not read"),
        ("h.tif", tiff(bytes(COUNT * 5), 8, samples=5), "a kind that Pillow does not read"),
    ],
)
def test_what_pillow_would_change(local_store, folder, name, content, why):
    """Half of the bits, signs and whole kinds of pictures were lost, or called damage: they are for another library."""
    laid(folder, name, content)
    with pytest.raises(UnsupportedFormatError, match=rf"{why}.*as_type=pathlib\.Path"):
        local_store[name]
    assert local_store.read(name, as_type=Path).read_bytes() == content
    assert local_store.read(name, as_type=bytes) == content


def test_what_pillow_keeps(local_store, folder):
    """Grey of 16 bits, signed numbers of 32 and small ones without a sign are read as they are."""
    numbers = np.arange(COUNT, dtype="<i4").reshape(HEIGHT, WIDTH) + 70_000
    for name, content, expected in (
        ("a.png", png(1, 16, 0, numbers.astype(">u2").tobytes()), numbers.astype("u2")),
        ("b.tif", tiff(numbers.astype("<u2").tobytes(), 16), numbers.astype("u2")),
        ("c.tif", tiff((-numbers).tobytes(), 32, kind=2), -numbers),
        ("d.tif", tiff(numbers.tobytes(), 32), numbers),
    ):
        laid(folder, name, content)
        assert np.array_equal(np.asarray(local_store[name]), expected)


@pytest.mark.parametrize("options", [{"packed": True}, {"big": True}])
@pytest.mark.parametrize("bits", [8, 16])
def test_written_again(local_store, folder, options, bits):
    """A packed TIFF could not be written again, and a BigTIFF was called damaged."""
    content = bytes(range(COUNT * bits // 8))
    laid(folder, "a.tif", tiff(content, bits, **options))
    picture = local_store["a.tif"]
    assert picture.tobytes() == content
    assert picture.getexif()[305] == "ours"
    local_store["a.tif"] = picture
    with Image.open(folder / "a.tif") as again:
        assert again.tobytes() == content
        assert again.getexif()[305] == "ours"


def test_a_cut_tiff_is_damaged(local_store, folder):
    """One of a kind that Pillow does not read, which was cut, is no whole file."""
    content = tiff(bytes(COUNT * 8), 64, kind=3)
    laid(folder, "a.tif", content[:20])
    with pytest.raises(CorruptDataError):
        local_store["a.tif"]
