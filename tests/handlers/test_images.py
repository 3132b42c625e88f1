"""Images of Pillow."""

import contextlib
import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autostore import AutoStore
from autostore.equality.images import facts
from autostore.errors import TooLargeError, UnsupportedFormatError
from autostore.handlers.images import ImageHandler
from autostore.testing import HandlerContract, same
from tests.handlers import shapes
from tests.optional import PIL, Image, ImageOps, ImageSequence, PngImagePlugin, installed, np

HANDLER = ImageHandler()
INFERRED = {
    **dict.fromkeys(["1", "L", "LA", "P", "RGB", "RGBA", "I;16"], ".png"),
    **dict.fromkeys(["PA", "CMYK", "YCbCr", "LAB", "I", "F", "I;16B"], ".tif"),
}
if (
    installed("PIL") and int(PIL.__version__.partition(".")[0]) < 13
):  # whose TIFF changes these pictures, so that they are refused
    del INFERRED["YCbCr"]
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


def several(name: str) -> Image.Image:
    """Three frames, each for another time, twice."""
    frames = [Image.new("RGB", (4, 2), colour) for colour in ("red", "lime", "blue")]
    times = {} if name == "TIFF" else {"duration": [100, 200, 300], "loop": 2}
    exact = {"lossless": True} if name == "WEBP" else {}
    return opened(frames[0], name, save_all=True, append_images=frames[1:], **times, **exact)


def exif(orientation: int = 6) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010E] = "a title"
    tags.get_ifd(0x8769).update({0x9003: "2020:01:01 00:00:00", 0x829A: (1, 60)})
    tags.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.5)})
    return tags.tobytes()


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
PROFILE = bytes(range(200))


def telling(how: Any, name: str) -> Image.Image:
    """A picture that says all that a file of this kind can."""
    image, orientation = Image.new("RGB", (4, 2), "teal"), 1 if name == "TIFF" else 6  # Pillow turns a TIFF itself
    said: dict[str, Any] = {"exif": exif(orientation), "icc_profile": PROFILE}
    if name != "WEBP":
        said["dpi"] = (300, 150)
    if name in ("JPEG", "WEBP"):
        said["xmp"] = XMP
    if name == "PNG":
        said["pnginfo"] = info = PngImagePlugin.PngInfo()
        info.add_text("Author", "Ada")
        info.add_itxt("Title", "☃", lang="en")
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    result: Image.Image = how(image, name, **said)
    return result


def loaded(image: Image.Image, name: str, **options: Any) -> Image.Image:
    """Whose file is closed and gone."""
    image = opened(image, name, **options)
    image.load()
    image.fp = None
    return image


def commented() -> Image.Image:
    return opened(picture("L"), "JPEG", comment=b"by hand")


SEEN_THROUGH = (
    ("RGB", (9, 8, 7)),
    ("L", 9),
    ("1", 0),
    ("I;16", 9),
    ("P", 3),
    ("P", b"\x00\x80\xff\x10"),
)


def seen_through(mode: str, value: Any) -> Image.Image:
    image = picture(mode)
    image.info["transparency"] = value
    return image


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
        animation(),
        *(several(name) for name in ("GIF", "PNG", "WEBP", "TIFF")),
        *(telling(opened, name) for name in ("JPEG", "PNG", "TIFF", "WEBP")),
        *(telling(loaded, name) for name in ("JPEG", "PNG", "TIFF", "WEBP")),
        commented(),
        *(seen_through(mode, value) for mode, value in SEEN_THROUGH),
    )
    refused = (
        picture("L").convert("RGB").convert("HSV"),
        Image.new("RGBX", (2, 2)),
        Image.new("La", (2, 2)),
        Image.new("L", (0, 0)),
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


@pytest.mark.filterwarnings("ignore:Image size:RuntimeWarning")
@pytest.mark.parametrize("factor", [1.1, 1.9, 3])
def test_too_many_pixels_are_an_error(tmp_path: Path, factor: float) -> None:
    """Pillow only warns up to twice its limit; here the limit is one."""
    assert Image.MAX_IMAGE_PIXELS is not None
    width = int(Image.MAX_IMAGE_PIXELS * factor) // 10_000
    (tmp_path / "f.png").write_bytes(bomb(width, 10_000))
    with pytest.raises(TooLargeError, match="pixels"):
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
    """An animation that someone laid there comes whole, and goes back byte by byte."""
    frames = [Image.new("L", (2, 2), n * 100) for n in range(3)]
    store = AutoStore(tmp_path)
    for name, extension in (("GIF", ".gif"), ("TIFF", ".tif"), ("PNG", ".png"), ("WEBP", ".webp")):
        frames[0].save(tmp_path / f"f{extension}", name, save_all=True, append_images=frames[1:], duration=50)
        before = (tmp_path / f"f{extension}").read_bytes()
        back = store[f"f{extension}"]
        assert back.n_frames == 3
        shown = [frame.convert("L").getpixel((0, 0)) for frame in ImageSequence.Iterator(back)]
        assert shown == pytest.approx([0, 100, 200], abs=3)
        store.modify(f"f{extension}", lambda image: image)
        if name != "WEBP":
            assert (tmp_path / f"f{extension}").read_bytes() == before
        assert same(store[f"f{extension}"], back)


def test_an_animation_is_kept_under_a_bare_key(tmp_path: Path) -> None:
    """In the format that it came in, wherever it stands; where a frame was changed it is refused, and left as it is."""
    store = AutoStore(tmp_path)
    for name, extension in (("GIF", ".gif"), ("PNG", ".png"), ("WEBP", ".webp"), ("TIFF", ".tif")):
        image = several(name)
        image.seek(1)
        store["anim"] = image
        assert image.tell() == 1
        assert [path.name for path in tmp_path.glob("anim*")] == [f"anim{extension}"]
        back = store["anim"]
        assert same(back, several(name))
        assert back.info.get("loop") == several(name).info.get("loop")
        assert [back.seek(n) or (back.load() and back.info.get("duration")) for n in range(3)] == (
            [None] * 3 if name == "TIFF" else [100, 200, 300]
        )
    image = several("GIF")
    image.seek(2)
    image.putpixel((0, 0), (1, 2, 3))
    with pytest.raises(UnsupportedFormatError, match="frame"):
        store["changed"] = image
    assert image.getpixel((0, 0)) == (1, 2, 3)
    assert "changed" not in store


def test_a_format_that_would_lose_frames_is_refused(tmp_path: Path) -> None:
    """Named or not, in a list or alone: nothing is written; a bundle keeps them."""
    store = AutoStore(tmp_path)
    for key, value in (
        ("a.jpg", several("GIF")),
        ("a.bmp", several("TIFF")),
        ("a.tif", several("GIF")),
        ("a.pkl", several("PNG")),
        ("list.pkl", [several("GIF")]),
        ("deep.pkl", {1: ({"x": several("TIFF")},)}),
        ("class", shapes.Loose([{1, 2j}, several("GIF"), lambda: 1])),
    ):
        with pytest.raises(UnsupportedFormatError, match=r"frame|holds one picture|would change|cannot hold"):
            store[key] = value
    assert list(store.keys()) == []
    store["list"] = [several("GIF"), telling(opened, "TIFF")]
    assert same(store["list"], [several("GIF"), telling(opened, "TIFF")])


def test_a_cut_animation_is_not_a_shorter_one(tmp_path: Path) -> None:
    """Not even where it ends between two frames."""
    several("GIF").save(tmp_path / "f", "GIF", save_all=True)
    whole = (tmp_path / "f").read_bytes()
    for length in range(20, len(whole)):
        (tmp_path / "f").write_bytes(whole[:length])
        with pytest.raises((OSError, ValueError, EOFError, SyntaxError)):
            HANDLER.read_from_file(tmp_path / "f", ".gif")


@pytest.mark.parametrize("how", [opened, loaded])
@pytest.mark.parametrize(("name", "extension"), [("JPEG", ".png"), ("PNG", ".png"), ("WEBP", ".png"), ("TIFF", ".png")])
def test_what_a_viewer_needs_comes_back(tmp_path: Path, how: Any, name: str, extension: str) -> None:
    """Under a bare key: orientation, the other tags, profile, resolution and texts, as any other tool reads them."""
    store = AutoStore(tmp_path)
    image = telling(how, name)
    store["k"] = image
    with Image.open(tmp_path / f"k{extension}") as other:
        for back in (store["k"], other):
            assert ImageOps.exif_transpose(back).size == ((4, 2) if name == "TIFF" else (2, 4))
            assert back.getexif()[0x010E] == "a title"
            assert back.getexif().get_ifd(0x8769)[0x9003] == "2020:01:01 00:00:00"
            assert back.getexif().get_ifd(0x8825)[2] == (52.0, 31.0, 12.5)
            assert back.info["icc_profile"] == PROFILE
            assert back.info.get("dpi", (300, 150)) == pytest.approx((300, 150), abs=0.02)
            assert back.info.get("Title", "☃") == "☃"
    assert ("Author" in store["k"].info) == (name == "PNG")


@pytest.mark.parametrize(
    ("name", "extension"), [("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp"), ("TIFF", ".tif"), ("BMP", ".bmp")]
)
def test_a_picture_written_again_under_its_name_loses_nothing(tmp_path: Path, name: str, extension: str) -> None:
    """Read and written, also after a change; a photo that was only opened is copied byte by byte."""
    file = tmp_path / f"photo{extension}"
    image, store = telling(loaded, "PNG" if name == "BMP" else name), AutoStore(tmp_path)
    if name == "BMP":
        image = opened(Image.new("RGB", (4, 2)), "BMP", dpi=(300, 150))
        file.write_bytes(image.fp.getvalue())  # type: ignore[union-attr] # it was just opened
    else:
        HANDLER.write_to_file(image, file, extension)
    first = store[file.name]
    before = facts(first)
    assert set(before) >= ({"dpi"} if name == "BMP" else {"EXIF", "colour profile"})
    for change in (lambda i: i, lambda i: i.rotate(180)):
        store.modify(file.name, change)
        assert facts(store[file.name]) == before
    content = file.read_bytes()
    store[file.name] = Image.open(io.BytesIO(content))
    if name == "JPEG":
        assert file.read_bytes() == content


def test_a_photo_that_was_read_and_not_changed_is_the_same_file_again(tmp_path: Path) -> None:
    """Ten times over, under any name for photos; however it was read, in the quality that a camera chose."""
    noise = Image.effect_noise((64, 48), 90).convert("RGB")
    file, store = tmp_path / "photo.jpg", AutoStore(tmp_path)
    noise.save(file, quality=40, subsampling=2, comment=b"by hand", exif=exif(6))
    content = file.read_bytes()
    by_path = Image.open(file)
    by_path.load()
    for image in (by_path, *(store["photo.jpg"] for _ in range(10))):
        store["photo.jpg"] = image
        store["other.jpeg"] = image
        assert file.read_bytes() == (tmp_path / "other.jpeg").read_bytes() == content
    store.modify("photo.jpg", lambda image: image)
    assert file.read_bytes() == content
    store["bare"] = store["photo.jpg"]
    assert same(store["bare"], store["photo.jpg"])


def test_what_was_done_to_a_photo_that_was_read_is_written(tmp_path: Path) -> None:
    """Pixels in place, EXIF, another size: whatever is not the file any more."""
    file, store = tmp_path / "photo.jpg", AutoStore(tmp_path)
    for number, change in enumerate(
        (
            lambda image: image.putpixel((0, 0), (255, 0, 0)),
            lambda image: image.paste("red", (0, 0, 8, 8)),
            lambda image: image.getexif().update({0x010E: "another"}),
            lambda image: image.info.update(comment=b"changed"),
            lambda image: image.info.update(dpi=(72, 72)),
        )
    ):
        Image.effect_noise((64, 48), 90).convert("RGB").save(file, quality=40)
        image, content = store["photo.jpg"], file.read_bytes()
        change(image)
        store["photo.jpg"] = image
        assert file.read_bytes() != content, number
        assert facts(image).items() <= facts(store["photo.jpg"]).items()
        assert np.abs(np.asarray(store["photo.jpg"], int) - np.asarray(image, int)).mean() < 8


def test_a_changed_photo_is_what_is_written(tmp_path: Path) -> None:
    """Not the file that it was opened from."""
    store = AutoStore(tmp_path)
    image = telling(opened, "JPEG")
    image.paste("red", (0, 0, 4, 2))
    image.getexif()[0x010E] = "another"
    store["photo.jpg"] = image
    back = store["photo.jpg"]
    assert back.getpixel((0, 0))[0] > 200
    assert back.getexif()[0x010E] == "another"
    assert back.getexif()[0x0112] == 6


@pytest.mark.parametrize(("mode", "value"), SEEN_THROUGH)
@pytest.mark.parametrize("extension", [".png", ".tif", ".bmp", ".gif", ".webp", ".jpg"])
def test_transparency_is_kept_or_refused(tmp_path: Path, mode: str, value: Any, extension: str) -> None:
    """It is no part of the pixels, but of what is seen."""
    store = AutoStore(tmp_path)
    image = seen_through(mode, value)
    store["bare"] = image
    assert same(store["bare"], image)
    try:
        store[f"k{extension}"] = image
    except UnsupportedFormatError:
        assert not (tmp_path / f"k{extension}").exists()
        assert extension != ".png"
        return
    assert same(store[f"k{extension}"], image)
    if mode != "I;16":
        assert store[f"k{extension}"].convert("RGBA").tobytes() == image.convert("RGBA").tobytes()


@pytest.mark.parametrize("also", [{}, {"Title": "beside it"}])
def test_what_the_colours_of_a_png_mean_is_kept(tmp_path: Path, also: dict[str, str]) -> None:
    """Gamma, primary colours and the intent of sRGB, whether or not the picture says anything else."""
    said = {"gamma": 0.45455, "srgb": 1, "chromaticity": (0.31, 0.33, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)}
    picture = Image.new("RGB", (2, 2), (1, 2, 3))
    picture.info |= said | also
    with AutoStore(tmp_path) as store:
        store["k"] = picture
        assert store["k"].info == said | also


@pytest.mark.parametrize("extension", ["png", "jpg", "gif", "webp", "tif", "bmp", "avif"])
def test_a_picture_without_pixels_is_refused(tmp_path: Path, extension: str) -> None:
    """WebP's writer says that memory ran out."""
    with AutoStore(tmp_path) as store, pytest.raises(UnsupportedFormatError, match="without pixels"):
        store[f"k.{extension}"] = Image.new("RGB", (0, 3))


def test_writing_leaves_the_picture_as_it_was(tmp_path: Path) -> None:
    """Although some of Pillow's writers change the palette of what they write, so that the next one fails."""
    image, store = seen_through("P", 3), AutoStore(tmp_path)
    for extension in (".webp", ".gif", ".png", ".tif", ".webp", ".gif"):
        with contextlib.suppress(UnsupportedFormatError):
            store[f"k{extension}"] = image
        assert same(image, seen_through("P", 3))
        image.copy().convert("RGBA")
    assert set(store) == {"k.png", "k.gif"}


def test_pictures_in_a_list_lose_nothing(tmp_path: Path) -> None:
    """What Pillow's own pickle would forget is refused; the rest comes back."""
    store = AutoStore(tmp_path)
    kept = [telling(loaded, "PNG"), telling(opened, "JPEG"), picture("P"), commented()]
    for key in ("kept", "kept.pkl"):
        store[key] = kept
        assert same(store[key], kept)
    ghost = seen_through("P", 0)
    ghost.putpalette([n % 256 for n in range(1024)], "RGBA")
    for lost in (telling(opened, "TIFF"), ghost):
        with pytest.raises(UnsupportedFormatError, match="pickle would not give this image"):
            store["lost.pkl"] = [lost]
    assert "lost.pkl" not in store


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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(
    mode=st.sampled_from(sorted(INFERRED)),
    extension=st.sampled_from(["", ".png", ".tif", ".gif", ".webp", ".bmp", ".pkl"]),
    tags=st.dictionaries(st.sampled_from([0x0112, 0x010E, 0x013B, 0x8298]), st.integers(1, 8), max_size=2),
    profile=st.binary(max_size=9),
    dpi=st.none() | st.tuples(st.floats(0.1, 5000), st.floats(0.1, 5000)),
    text=st.dictionaries(st.text("abc é", min_size=1, max_size=3), st.text(max_size=5), max_size=2),
    transparency=st.none()
    | st.integers(0, 255)
    | st.binary(min_size=1, max_size=9)
    | st.tuples(*[st.integers(0, 255)] * 3),
)
def test_whatever_a_picture_says_comes_back_or_is_refused(
    tmp_path: Path, mode: str, extension: str, tags: Any, profile: bytes, dpi: Any, text: Any, transparency: Any
) -> None:
    """Tags, profile, resolution, texts and transparency, in every mode and format."""
    image = picture(mode)
    if tags:
        made = Image.Exif()
        made.update({tag: value if tag == 0x0112 else str(value) for tag, value in tags.items()})
        image.info["exif"] = made.tobytes()
    said = {"icc_profile": profile or None, "dpi": dpi, "transparency": transparency, **text}
    image.info.update({name: value for name, value in said.items() if value is not None})
    store = AutoStore(tmp_path)
    for key in [key for key in store if key.startswith("k")]:
        del store[key]
    try:
        store[f"k{extension}"] = image
    except UnsupportedFormatError:
        assert list(store) == []
        return
    assert same(store[f"k{extension}"], image)
