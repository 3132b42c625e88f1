"""Pictures as .avif: lossy and by name, with all that is said beside the pixels; bytes of that name stay bytes."""

import io
from pathlib import Path

import pytest

from autostore import AutoStore, CorruptDataError, StorageConfig, TooLargeError, UnsupportedFormatError
from tests.optional import Image, features, np

if not features.check("avif"):
    pytest.skip("this Pillow was built without AVIF", allow_module_level=True)


def photo(mode: str = "RGB") -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, len(mode)), "u1")
    return Image.fromarray(noise, mode).resize((64, 48))


def encoded(**said: object) -> bytes:
    target = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a cat"
    photo().save(target, "AVIF", exif=exif, icc_profile=b"p" * 200, **said)
    return target.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> AutoStore:
    (tmp_path / "store").mkdir()
    return AutoStore(tmp_path / "store", StorageConfig(allow_pickle=False))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_picture_comes_back_as_one(store: AutoStore, tmp_path: Path, mode: str) -> None:
    """Of its size and mode, and nearly its pixels; other programs open the file."""
    store["p.avif"] = photo(mode)
    back = store["p.avif"]
    assert (back.mode, back.size) == (mode, (64, 48))
    assert np.abs(np.asarray(back, "i4") - np.asarray(photo(mode), "i4"))[..., :3].mean() < 6
    with Image.open(tmp_path / "store" / "p.avif") as opened:
        opened.load()
    assert store.info("p.avif").type == "PIL.Image.Image"
    assert store.preview(photo(mode))["width"] == 64


def test_bytes_stay_bytes(store: AutoStore, tmp_path: Path) -> None:
    """As any version stored them; `as_type` decodes them."""
    store["b.avif"] = encoded()
    assert store["b.avif"] == encoded()
    assert store.read("b.avif", as_type=Image.Image).size == (64, 48)
    assert store.info("b.avif").type == "bytes"
    store["p.avif"] = photo()
    with pytest.raises(UnsupportedFormatError, match="Store that picture"):
        store["c.avif"] = store.read("p.avif", as_type=bytes)


def test_a_file_is_written_again_as_it_was(store: AutoStore, tmp_path: Path) -> None:
    """From a file or out of a store, unchanged: the same bytes, and a note of ours behind them."""
    (tmp_path / "x.avif").write_bytes(encoded())
    with Image.open(tmp_path / "x.avif") as opened:
        store["a.avif"] = opened
    store["b.avif"] = store["a.avif"]
    written = store.read("a.avif", as_type=bytes)
    assert written.startswith(encoded())
    assert len(written) - len(encoded()) == 40
    assert store.read("b.avif", as_type=bytes) == written
    back = store["b.avif"]
    assert (back.getexif()[0x0112], back.getexif()[0x010E], back.info["icc_profile"]) == (6, "a cat", b"p" * 200)
    changed = back.copy()
    changed.putpixel((0, 0), (1, 2, 3))
    store["c.avif"] = changed
    assert store["c.avif"].getexif()[0x010E] == "a cat"
    assert store["c.avif"].info["icc_profile"] == b"p" * 200


def test_what_it_cannot_hold_is_refused(store: AutoStore) -> None:
    """Other modes, several frames, resolution; a bare key keeps them."""
    with pytest.raises(UnsupportedFormatError, match="mode L"):
        store["p.avif"] = photo().convert("L")
    dpi = photo()
    dpi.info["dpi"] = (300, 300)
    with pytest.raises(UnsupportedFormatError, match="dpi"):
        store["p.avif"] = dpi
    assert store.write("p", dpi).path == "p.png"


def test_damage_and_size(store: AutoStore, tmp_path: Path) -> None:
    """A cut file with our note is an error, and a picture is within the ceiling."""
    store["p.avif"] = photo()
    raw = store.read("p.avif", as_type=bytes)
    (tmp_path / "store" / "d.avif").write_bytes(raw[:200] + raw[-40:])
    with pytest.raises(CorruptDataError):
        store["d.avif"]
    with pytest.raises(TooLargeError):
        AutoStore(tmp_path / "store", StorageConfig(max_read_bytes=10_000))["p.avif"]
