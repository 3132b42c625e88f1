"""How many pixels an image may have, by Pillow's limit and by ours: more is too large, and not corrupt."""

from __future__ import annotations

from typing import IO, Any

from autostore.errors import TooLargeError
from autostore.guard.ceiling import Ceiling
from autostore.optional import require

__all__ = ["check_size", "opened"]


def opened(stream: IO[bytes], name: str) -> Any:
    """The image, of which only the header was read."""
    library = require("PIL.Image")
    try:
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
