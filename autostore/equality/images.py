"""How `same` compares pictures: by what a viewer shows of them, whatever file they came from.

That is mode, size and pixels of every frame, the colours of palettes, transparency, EXIF, the colour
profile, resolution and texts; `facts` is what of it stands beside the pixels.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from typing import Any

from autostore.equality.families import Again, Comparer
from autostore.guard.foreign import let_pass
from autostore.optional import loaded_type

__all__ = ["IMAGES", "are_images", "exif_of", "exif_tags", "facts", "frame_count", "frames", "same_fact", "show_frame"]

# How a file keeps its pixels, which TIFF tells among the tags of EXIF; resolution, profile and XMP are
# facts of their own.
_STRUCTURE = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 266, 273, 277, 278, 279, 280, 281, 282, 283, 284, 296, 297, 317, 320, 322}
    | {323, 324, 325, 330, 338, 339, 340, 341, 347, 513, 514, 529, 530, 531, 532, 700, 34675}
)
_IFDS = (0x8769, 0x8825, 0xA005)  # pointers to the parts: EXIF proper, GPS, interoperability
_NO_TEXT = frozenset({"compression", "XML:com.adobe.xmp"})
_DPI_TOLERANCE = 0.02
"""PNG and BMP count whole pixels a metre, which are 0.0254 dpi."""


def are_images(first: Any, second: Any) -> bool:
    """Whether both are images, whose class only says which file they came from."""
    image = loaded_type("PIL.Image", "Image")
    return image is not None and isinstance(first, image) and isinstance(second, image)


def frame_count(image: Any) -> int:
    """How many pictures the image has; 1 for one that is no file any more."""
    try:
        return int(getattr(image, "n_frames", 1))
    except (ValueError, OSError, EOFError, AttributeError) as error:  # its file was closed
        let_pass(error)
        return 1


def frames(image: Any) -> Generator[Any, None, None]:
    """The image at each of its frames, loaded; in the end at the one where it stood."""
    if frame_count(image) == 1:
        image.load()
        yield image
        return
    position = image.tell()
    try:
        for number in range(frame_count(image)):
            show_frame(image, number)
            yield image
    finally:
        show_frame(image, position)


def show_frame(image: Any, number: int) -> None:
    """Go to a frame and load it: a frame of WebP that was left unloaded has no duration when one comes back."""
    if image.format == "PNG" and number < image.tell():
        # Pillow only finds its way back from the last frame: elsewhere it keeps a chunk that it read ahead.
        image.seek(image.n_frames - 1)
        image.load()
    image.seek(number)
    image.load()


def facts(image: Any) -> dict[str, Any]:
    """What a loaded picture says beside its pixels, in one spelling for all formats; only what it does say."""
    info = image.info
    found = {
        "EXIF": exif_of(image),
        "colour profile": info.get("icc_profile"),
        "XMP": _bytes(info.get("xmp") or info.get("XML:com.adobe.xmp")),
        "dpi": _dpi(info.get("dpi")),
        "text": _text(info),
        "transparency": info.get("transparency") if image.mode in ("1", "L", "I", "I;16", "RGB") else None,
    }
    if frame_count(image) > 1:
        found |= {"duration": info.get("duration"), "loop": info.get("loop")}
    return {name: value for name, value in found.items() if value not in (None, b"", {}, "")}


def exif_of(image: Any) -> dict[Any, Any]:
    """The tags of EXIF and of its parts, without those that say how the file keeps its pixels."""
    return exif_tags(image.getexif())


def exif_tags(exif: Any) -> dict[Any, Any]:
    """The same of Pillow's `Exif`."""
    tags = {tag: _plain(value) for tag, value in exif.items() if tag not in _STRUCTURE and tag not in _IFDS}
    for part in _IFDS:
        values = {tag: _plain(value) for tag, value in _part(exif, part).items() if tag not in _IFDS}
        if values:
            tags["part", part] = values
    return tags


def _part(exif: Any, part: int) -> Any:
    try:
        return exif.get_ifd(part)
    except KeyError:  # before version 13 Pillow finds no part within a part that is not there
        return {}


def _plain(value: Any) -> Any:
    """EXIF's values as they come back: ratios as numbers, texts without their end mark, one value as itself."""
    if isinstance(value, tuple | list):
        return _plain(value[0]) if len(value) == 1 else tuple(map(_plain, value))
    if isinstance(value, dict):
        return {tag: _plain(part) for tag, part in value.items()}
    if isinstance(value, bytes):
        return value.decode("latin-1").rstrip("\0")
    if isinstance(value, str):
        return value.rstrip("\0")
    with contextlib.suppress(TypeError, ValueError, ArithmeticError):
        return f"{float(value):.7g}"  # a ratio is an approximation of what was given
    return value


def _bytes(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


def _dpi(value: Any) -> Any:
    try:
        x, y = map(float, value)
    except (TypeError, ValueError):
        return value
    return None if (x, y) in ((0, 0), (1, 1)) else (x, y)  # what TIFF says where nothing was said


def _text(info: Mapping[Any, Any]) -> dict[str, str]:
    text = {name: str(value) for name, value in info.items() if isinstance(value, str) and name not in _NO_TEXT}
    comment = info.get("comment")
    return text | ({"comment": comment.decode("latin-1")} if isinstance(comment, bytes) else {})


def same_fact(name: str, first: Any, second: Any) -> bool:
    """Whether two pictures say the same in one of their facts."""
    if name == "dpi" and type(first) is type(second) is tuple:
        return all(abs(one - two) <= _DPI_TOLERANCE for one, two in zip(first, second, strict=True))
    return bool(first == second)


def _same_image(first: Any, second: Any, _again: Again) -> bool:
    if frame_count(first) != frame_count(second):
        return False
    with contextlib.closing(frames(first)) as ones, contextlib.closing(frames(second)) as twos:
        return all(_same_frame(one, two) for one, two in zip(ones, twos, strict=True))


def _same_frame(first: Any, second: Any) -> bool:
    if first.mode != second.mode or first.size != second.size:
        return False
    if first.mode in ("P", "PA") and not _same_colours(_palette(first), _palette(second)):
        return False
    one, two = facts(first), facts(second)
    if one.keys() != two.keys() or not all(same_fact(name, one[name], two[name]) for name in one):
        return False
    return bool(first.tobytes() == second.tobytes())


def _palette(image: Any) -> list[int]:
    """Red, green, blue and alpha of each colour; transparency stands beside a palette, or in it."""
    palette = image.getpalette("RGBA") or []
    transparency = image.info.get("transparency") if image.mode == "P" else None
    if isinstance(transparency, int):
        transparency = b"\xff" * transparency + b"\0"
    if isinstance(transparency, bytes):
        palette += [0, 0, 0, 255] * (len(transparency) - len(palette) // 4)
        for number, alpha in enumerate(transparency):
            if alpha != 255:
                palette[4 * number + 3] = alpha
    return list(palette)


def _same_colours(first: list[int], second: list[int]) -> bool:
    # Formats pad or cut a palette to what the pixels use; the colours they name must agree.
    length = max(len(first), len(second))
    first, second = (colours + [0, 0, 0, 255] * ((length - len(colours)) // 4) for colours in (first, second))
    return first == second


IMAGES: Mapping[str, Comparer] = {"PIL.Image.Image": _same_image}
