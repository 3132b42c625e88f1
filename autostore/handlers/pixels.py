"""How many pixels an image may have, by Pillow's limit and by ours: more is too large, and not corrupt.

And which pictures Pillow does not read, or not as they are: those are refused, and not corrupt either.
"""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Iterator
from typing import IO, Any

from autostore.errors import TooLargeError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling
from autostore.optional import require

__all__ = ["check_depth", "check_size", "identified", "opened"]


_BITS, _STRIPS, _TILES, _SAMPLE_FORMAT, _SIGNED = 258, 273, 324, 339, 2
"""Tags of TIFF, and how it says that numbers have a sign."""


def opened(stream: IO[bytes], name: str) -> Any:
    """The image, of which only the header was read."""
    library = require("PIL.Image")
    try:
        with identified(stream, name):
            return library.open(stream, formats=[name])
    except library.DecompressionBombError as error:
        raise TooLargeError(f"{error} Raise PIL.Image.MAX_IMAGE_PIXELS if you trust the file.") from error


def check_size(image: Any, ceiling: Ceiling) -> None:
    """Refuse an open image that would take too much, before its pixels are read."""
    # Pillow only warns up to twice the limit: https://pillow.readthedocs.io/en/stable/reference/Image.html
    limit = require("PIL.Image").MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise TooLargeError(
            f"The image claims {image.width} x {image.height} pixels. "
            "Raise PIL.Image.MAX_IMAGE_PIXELS if you trust the file."
        )
    # Pillow keeps up to four bytes a pixel, and the copy is a second picture.
    ceiling.check(image.width * image.height * 8, "The image")


def check_depth(image: Any, name: str) -> None:
    """Refuse an open image of which Pillow would give other pixels than the file has."""
    said = str(getattr(image, "tile", None) or "")
    if name in ("PNG", "TIFF") and ";16" in said and image.mode[:1] not in "IF":
        raise _refused("has 16 bits a channel, of which Pillow keeps 8")
    tags = getattr(image, "tag_v2", {}) if name == "TIFF" else {}
    if tags.get(_SAMPLE_FORMAT) == (_SIGNED,) and image.mode == "L":
        raise _refused("has signed numbers of 8 bits, which Pillow takes for unsigned")
    if image.mode == "I" and tags.get(_BITS) == (32,) and tags.get(_SAMPLE_FORMAT, (1,)) == (1,):
        image.load()
        if image.getextrema()[0] < 0:
            raise _refused("has numbers beyond 2^31, which Pillow takes for negative")


@contextlib.contextmanager
def identified(stream: IO[bytes], name: str) -> Iterator[None]:
    """What Pillow calls no picture, and is a whole TIFF: of several bands, of complex or 64-bit numbers."""
    try:
        yield
    except require("PIL").UnidentifiedImageError as error:
        if name == "TIFF" and _is_whole_tiff(stream):
            raise _refused("is a TIFF of a kind that Pillow does not read") from error
        raise


def _is_whole_tiff(stream: IO[bytes]) -> bool:
    """Whether the first picture of a TIFF is described, and lies within the file."""
    library = require("PIL.TiffImagePlugin")
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    try:
        tags = library.ImageFileDirectory_v2(stream.read(8))
        stream.seek(tags.next)
        tags.load(stream)
        places = tags.get(_STRIPS) or tags.get(_TILES) or ()
        lengths = tags.get(_STRIPS + 6) or tags.get(_TILES + 1) or ()
        return bool(places) and all(begin + length <= size for begin, length in zip(places, lengths, strict=True))
    except (SyntaxError, ValueError, TypeError, OSError, KeyError, IndexError, struct.error):
        return False


def _refused(problem: str) -> UnsupportedFormatError:
    remedy = "Read it with as_type=pathlib.Path and a library that does, such as tifffile, imageio or OpenCV."
    return UnsupportedFormatError(f"The picture {problem}. {remedy}")
