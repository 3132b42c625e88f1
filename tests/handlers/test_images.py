"""Images of Pillow."""

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.handlers.images import ImageHandler
from autostore.testing import HandlerContract, same

HANDLER = ImageHandler()
INFERRED = {
    **dict.fromkeys(["1", "L", "LA", "P", "RGB", "RGBA", "I;16"], ".png"),
    **dict.fromkeys(["PA", "CMYK", "YCbCr", "LAB", "I", "F", "I;16B"], ".tif"),
}
BYTES = {
    "1": 0,
    "LA": 2,
    "PA": 2,
    "RGB": 3,
    "RGBA": 4,
    "CMYK": 4,
    "YCbCr": 3,
    "LAB": 3,
    "I": 4,
    "F": 4,
    "I;16": 2,
    "I;16B": 2,
}


def picture(mode: str, size: tuple[int, int] = (7, 5)) -> Image.Image:
    """Every pixel differs from its neighbours."""
    if mode == "1":
        return picture("L", size).point(lambda value: 255 * (value % 2), "1")
    length = size[0] * size[1] * BYTES.get(mode, 1)
    if mode == "F":
        return Image.frombytes(mode, size, struct.pack(f"{length // 4}f", *(n / 7 - 1 for n in range(length // 4))))
    image = Image.frombytes(mode, size, bytes(n * 37 % 251 for n in range(length)))
    if mode in ("P", "PA"):
        image.putpalette([n * 7 % 256 for n in range(768)])
    return image


def opened(image: Image.Image, name: str, **options: Any) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, name, **options)
    return Image.open(io.BytesIO(stream.getvalue()))


def animation() -> Image.Image:
    frames = [Image.new("P", (2, 2), n) for n in range(2)]
    for frame in frames:
        frame.putpalette(list(range(256)) * 3)
    return opened(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)


class TestImageHandler(HandlerContract):
    handler = HANDLER
    samples = (
        *(picture(mode) for mode in INFERRED),
        *(picture(mode, (1, 1)) for mode in INFERRED),
        Image.new("P", (3, 2)),
        picture("RGB").quantize(7),
        opened(picture("RGBA"), "PNG"),
        opened(picture("L"), "JPEG"),
        opened(picture("P"), "GIF"),
    )
    refused = (
        picture("L").convert("RGB").convert("HSV"),
        Image.new("RGBX", (2, 2)),
        Image.new("La", (2, 2)),
        Image.new("L", (0, 0)),
        animation(),
        b"bytes",
    )
    lossy_extensions = frozenset({".jpg", ".jpeg"})

    def is_valid(self, content: bytes, extension: str) -> bool:
        return False


@pytest.mark.parametrize("mode", INFERRED)
def test_the_mode_infers_the_format(tmp_path: Path, mode: str) -> None:
    """Each mode gets a format that Pillow alone reads back exactly."""
    image = picture(mode)
    assert HANDLER.extension_for(image) == INFERRED[mode]
    file = tmp_path / ("f" + INFERRED[mode])
    HANDLER.write_to_file(image, file, INFERRED[mode])
    with Image.open(file) as read:
        assert same(read, image)
    assert type(HANDLER.read_from_file(file, INFERRED[mode])) is Image.Image


@pytest.mark.parametrize("extension", [".png", ".tif", ".bmp", ".gif", ".webp"])
def test_a_named_format_is_the_one_written(tmp_path: Path, extension: str) -> None:
    """The bytes are of the format that the key names."""
    names = {".png": "PNG", ".tif": "TIFF", ".bmp": "BMP", ".gif": "GIF", ".webp": "WEBP"}
    image = picture("RGB") if extension != ".gif" else picture("P")
    HANDLER.write_to_file(image, tmp_path / "f", extension)
    with Image.open(tmp_path / "f") as read:
        assert read.format == names[extension]


def test_jpeg_keeps_a_picture(tmp_path: Path) -> None:
    """Lossy, so only where the key names it; what it cannot show at all is refused."""
    image = Image.radial_gradient("L").convert("RGB")
    HANDLER.write_to_file(image, tmp_path / "f.jpg", ".jpg")
    back = HANDLER.read_from_file(tmp_path / "f.jpg", ".jpg")
    assert (back.mode, back.size) == ("RGB", image.size)
    assert max(abs(a - b) for a, b in zip(back.tobytes(), image.tobytes(), strict=True)) < 20
    for mode in ("RGBA", "LA", "P", "PA", "1", "F", "I;16"):
        with pytest.raises(UnsupportedFormatError, match="JPEG"):
            HANDLER.write_to_file(picture(mode), tmp_path / "g.jpg", ".jpg")


@pytest.mark.parametrize(
    ("mode", "extension"), [("RGBA", ".gif"), ("F", ".png"), ("CMYK", ".png"), ("LA", ".bmp"), ("I;16", ".webp")]
)
def test_a_format_that_would_change_the_image_is_refused(tmp_path: Path, mode: str, extension: str) -> None:
    """Pillow would convert it silently, or fail."""
    with pytest.raises(UnsupportedFormatError, match="bare key"):
        HANDLER.write_to_file(picture(mode), tmp_path / "f", extension)


def test_hidden_colours_survive_webp(tmp_path: Path) -> None:
    """The colour of a fully transparent pixel is a pixel, too."""
    image = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    HANDLER.write_to_file(image, tmp_path / "f.webp", ".webp")
    assert HANDLER.read_from_file(tmp_path / "f.webp", ".webp").getpixel((0, 0)) == (10, 20, 30, 0)


def test_transparency_of_a_palette_survives(tmp_path: Path) -> None:
    """It is no part of the pixels, but PNG keeps it."""
    image = picture("P")
    image.info["transparency"] = 3
    HANDLER.write_to_file(image, tmp_path / "f.png", ".png")
    back = HANDLER.read_from_file(tmp_path / "f.png", ".png")
    assert back.convert("RGBA").tobytes() == image.convert("RGBA").tobytes()


def bomb(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("factor", [1.1, 1.9, 3])
def test_too_many_pixels_are_an_error(tmp_path: Path, factor: float) -> None:
    """Pillow only warns up to twice its limit; here the limit is one."""
    assert Image.MAX_IMAGE_PIXELS is not None
    width = int(Image.MAX_IMAGE_PIXELS * factor) // 10_000
    (tmp_path / "f.png").write_bytes(bomb(width, 10_000))
    with pytest.raises((CorruptDataError, Image.DecompressionBombError), match="pixels"):
        HANDLER.read_from_file(tmp_path / "f.png", ".png")


def test_an_image_that_could_not_be_read_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of pixels holds for writing, too, and the user may move it."""
    image = Image.new("L", (20, 20))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 399)
    with pytest.raises(UnsupportedFormatError, match="399"):
        HANDLER.write_to_file(image, tmp_path / "f.png", ".png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
    HANDLER.write_to_file(image, tmp_path / "f.png", ".png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    HANDLER.write_to_file(image, tmp_path / "f.png", ".png")


def test_only_the_named_format_is_opened(tmp_path: Path) -> None:
    """A file cannot choose which of Pillow's many decoders reads it."""
    for name, extension in (("PPM", ".png"), ("TIFF", ".png"), ("PNG", ".jpg"), ("ICO", ".bmp")):
        picture("RGB", (16, 16)).save(tmp_path / "f", name)
        with pytest.raises(Image.UnidentifiedImageError):
            HANDLER.read_from_file(tmp_path / "f", extension)


def test_several_frames_are_never_cut_to_one(tmp_path: Path) -> None:
    """An animation that someone laid there is refused, not half read."""
    frames = [Image.new("L", (2, 2), n * 100) for n in range(3)]
    for name, extension in (("GIF", ".gif"), ("TIFF", ".tif"), ("PNG", ".png"), ("WEBP", ".webp")):
        frames[0].save(tmp_path / "f", name, save_all=True, append_images=frames[1:], duration=50)
        with pytest.raises(UnsupportedFormatError, match="3 frames"):
            HANDLER.read_from_file(tmp_path / "f", extension)


def test_the_warnings_of_the_process_are_left_alone(tmp_path: Path) -> None:
    """Reading changes no filter that another thread relies on."""
    HANDLER.write_to_file(picture("RGB"), tmp_path / "f.png", ".png")
    before = list(warnings.filters)
    HANDLER.read_from_file(tmp_path / "f.png", ".png")
    assert warnings.filters == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
@given(mode=st.sampled_from(sorted(INFERRED)), width=st.integers(1, 9), height=st.integers(1, 9), data=st.data())
def test_every_image_comes_back_exactly(tmp_path: Path, mode: str, width: int, height: int, data: Any) -> None:
    """Whatever the pixels are."""
    length = len(Image.new(mode, (width, height)).tobytes())
    image = Image.frombytes(mode, (width, height), data.draw(st.binary(min_size=length, max_size=length)))
    if mode in ("P", "PA"):
        image.putpalette(data.draw(st.binary(min_size=768, max_size=768)))
    extension = HANDLER.extension_for(image)
    HANDLER.write_to_file(image, tmp_path / "f", extension)
    assert same(HANDLER.read_from_file(tmp_path / "f", extension), image)
