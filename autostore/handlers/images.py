"""Images of Pillow: lossless by default, JPEG where the key names it, loaded and detached from the file.

Equal means mode, size, pixels and palette; https://pillow.readthedocs.io/en/stable/handbook/concepts.html#modes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autostore.equality import same
from autostore.equality.images import IMAGES
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling
from autostore.guard.foreign import let_pass
from autostore.handler import DataHandler
from autostore.optional import loaded_type, require
from autostore.preview import Preview
from autostore.previews.images import image

__all__ = ["ImageHandler"]

_FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95}),
    ".jpeg": ("JPEG", {"quality": 95}),
    ".tif": ("TIFF", {}),
    ".tiff": ("TIFF", {}),
    ".bmp": ("BMP", {}),
    ".gif": ("GIF", {"optimize": False}),
    ".webp": ("WEBP", {"lossless": True, "exact": True}),
}
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
_TIFF_MODES = frozenset({"PA", "CMYK", "YCbCr", "LAB", "I", "F", "I;16B"})
# Those whose every value these formats are known to keep need no reading back.
_TRUSTED = {"PNG": frozenset({"L", "LA", "RGB", "RGBA"})}
_JPEG_MODES = frozenset({"L", "RGB", "CMYK"})


class ImageHandler(DataHandler):
    """Single images of Pillow; what is read is a plain `PIL.Image.Image`."""

    equality = IMAGES
    media_types = {".webp": "image/webp"}
    requires = ("PIL",)

    @property
    def extensions(self) -> list[str]:
        """A bare key gets .png or .tif, by the mode."""
        return list(_FORMATS)

    @property
    def priority(self) -> int:
        """A typed library."""
        return 10

    def can_handle_data(self, data: Any) -> bool:
        """Any image, also one that is still a file of Pillow's."""
        image = loaded_type("PIL.Image", "Image")
        return image is not None and isinstance(data, image)

    def extension_for(self, data: Any) -> str:
        """The format that keeps this mode exactly."""
        return ".tif" if data.mode in _TIFF_MODES else ".png"

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The one picture of the file, within Pillow's limit of pixels."""
        return _read(file_path, _FORMATS[file_extension][0], self.ceiling)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the picture; whatever a lossless format would change is refused."""
        name, options = _FORMATS[file_extension]
        _check(data, name)
        try:
            data.save(file_path, format=name, **options)
        except (KeyError, ValueError, SystemError, TypeError) as error:
            let_pass(error)
            raise UnsupportedFormatError(
                f"{name} cannot hold an image of mode {data.mode} and size {data.size}: {error}. Use a bare key."
            ) from error
        except OSError as error:
            let_pass(error)
            if error.errno is not None:
                raise
            raise UnsupportedFormatError(
                f"{name} cannot hold the mode {data.mode}: {error}. Use a bare key."
            ) from error
        if (
            name != "JPEG"
            and data.mode not in _TRUSTED.get(name, ())
            and not same(_read(file_path, name, self.ceiling), data)
        ):
            raise UnsupportedFormatError(f"{name} would change this image of mode {data.mode}. Use a bare key.")

    def preview(self, data: Any) -> Preview:
        """Size, mode and thumbnail."""
        return image(data)


def _check(image: Any, name: str) -> None:
    if getattr(image, "n_frames", 1) != 1:
        raise UnsupportedFormatError(
            f"The image has {image.n_frames} frames, and only single ones are stored. Store the frames one by one."
        )
    if image.mode not in _PNG_MODES | _TIFF_MODES:
        raise UnsupportedFormatError(f"No image format keeps the mode {image.mode}. Convert the image.")
    if name == "JPEG" and image.mode not in _JPEG_MODES:
        raise UnsupportedFormatError(f"JPEG cannot hold the mode {image.mode}. Convert the image to RGB, or use .png.")
    limit = require("PIL.Image").MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise UnsupportedFormatError(f"The image has more than {limit} pixels, and would be refused when it is read.")


def _read(file: Path, name: str, ceiling: Ceiling) -> Any:
    pil = require("PIL.Image")
    with pil.open(file, formats=[name]) as image:
        # Pillow only warns up to twice the limit: https://pillow.readthedocs.io/en/stable/reference/Image.html
        limit = pil.MAX_IMAGE_PIXELS
        if limit is not None and image.width * image.height > limit:
            raise CorruptDataError(
                f"The image claims {image.width} x {image.height} pixels."
                " Raise PIL.Image.MAX_IMAGE_PIXELS if you trust it."
            )
        # Pillow keeps up to four bytes a pixel, and the copy is a second picture.
        ceiling.check(image.width * image.height * 8, "The image")
        # A photo may carry a preview as a second frame.
        if name != "JPEG" and getattr(image, "n_frames", 1) != 1:
            raise UnsupportedFormatError(f"The file has {image.n_frames} frames. Read it with as_type=bytes.")
        image.load()
        return image.copy()
