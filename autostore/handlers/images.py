"""Images of Pillow: lossless by default, JPEG where the key names it, loaded and detached from the file.

Equal means what `equality.images` says: pixels of all frames, and what a viewer needs beside them;
https://pillow.readthedocs.io/en/stable/handbook/concepts.html#modes.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, Any, BinaryIO, ClassVar

from autostore.equality import same
from autostore.equality.images import IMAGES, exif_of, facts, frame_count, frames, same_fact, show_frame
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling
from autostore.guard.foreign import let_pass
from autostore.handler import DataHandler
from autostore.handlers.pictures import remember_source, save_options, source
from autostore.handlers.pixels import check_depth, check_size, identified, opened
from autostore.headers import images as images_header
from autostore.headers.header import Header
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
    ".bmp": ("BMP", {"dpi": (0, 0)}),  # or Pillow says 96
    ".gif": ("GIF", {"optimize": False}),
    ".webp": ("WEBP", {"lossless": True, "exact": True}),
    ".avif": ("AVIF", {"quality": 95, "subsampling": "4:4:4"}),  # which a handler of its own names
}
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
_TIFF_MODES = frozenset({"PA", "CMYK", "YCbCr", "LAB", "I", "F", "I;16B"})
# Those whose every value these formats are known to keep need no reading back.
_TRUSTED = {"PNG": frozenset({"L", "LA", "RGB", "RGBA"})}
_LOSSY = {"JPEG": frozenset({"L", "RGB", "CMYK"}), "AVIF": frozenset({"RGB", "RGBA"})}
# What a file of several frames is kept as; pages of other formats have no times, and are a TIFF.
_ANIMATED = {"GIF": ".gif", "PNG": ".png", "WEBP": ".webp"}


class ImageHandler(DataHandler):
    """Images of Pillow; what is read is a plain `PIL.Image.Image`, or where it has several frames a file in memory."""

    types = "pictures of Pillow"
    lossy = dict.fromkeys((".jpg", ".jpeg"), "a picture, not its pixels, unless it stayed as it was read")
    read_by = "every viewer"
    equality = IMAGES
    media_types = {".webp": "image/webp"}
    requires: ClassVar[tuple[str, ...]] = ("PIL",)

    @property
    def extensions(self) -> list[str]:
        """A bare key gets .png or .tif, by the mode, and with several frames that of the file it came from."""
        return [extension for extension in _FORMATS if extension != ".avif"]

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
        if frame_count(data) > 1:
            return _ANIMATED.get(data.format, ".tif")
        return ".tif" if data.mode in _TIFF_MODES else ".png"

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """Size and mode."""
        with identified(file, _FORMATS[file_extension][0]):
            return images_header.picture(file)

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The picture, detached from the file, within Pillow's limit of pixels."""
        with open(file_path, "rb") as stream:
            return _read(stream, _FORMATS[file_extension][0], self.ceiling)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the picture; whatever a lossless format would change is refused.

        An animation, and a photo for JPEG, is the file that it was opened from, byte by byte,
        where it still says the same.
        """
        name, options = _FORMATS[file_extension]
        _check(data, name)
        if (frame_count(data) > 1 or name in _LOSSY) and _copied(data, file_path, name):
            return
        if frame_count(data) > 1 and name in ("JPEG", "AVIF", "BMP"):
            raise UnsupportedFormatError(f"{name} holds one picture, and this has {data.n_frames}. Use a bare key.")
        said = _save(data, file_path, name, options)
        if name in _LOSSY:
            _check_lost(said, file_path, name, self.ceiling)
        elif said or frame_count(data) > 1 or data.mode not in _TRUSTED.get(name, ()):
            _check_kept(data, said, file_path, name, self.ceiling)

    def preview(self, data: Any) -> Preview:
        """Size, mode and thumbnail."""
        return image(data)


def _save(data: Any, file: Path, name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Write the file; return what the picture says beside its pixels, which its reader must find."""
    position = data.tell()
    try:
        options = options | save_options(data, name)
        if frame_count(data) > 1:
            data.save(file, format=name, **options)
            show_frame(data, position)  # not all of Pillow's writers go back
        else:  # and some change the palette of what they write
            (data.copy() if data.mode in ("P", "PA") else data).save(file, format=name, **options)
        return facts(data)
    except (KeyError, ValueError, SystemError, TypeError, AttributeError, ArithmeticError) as error:
        let_pass(error)
        raise UnsupportedFormatError(
            f"{name} cannot hold an image of mode {data.mode} and size {data.size}: {error}. Use a bare key."
        ) from error
    except OSError as error:
        let_pass(error)
        if error.errno is not None:
            raise
        raise UnsupportedFormatError(f"{name} cannot hold the mode {data.mode}: {error}. Use a bare key.") from error


def _copied(data: Any, file: Path, name: str) -> bool:
    """Write the bytes of the file that the image was opened from, where it still says the same."""
    content = source(data, (name, "MPO") if name == "JPEG" else (name,))
    if content is None:
        return False
    shown = data.copy()  # the frame as it stands; walking through the others would undo a change of it
    try:
        with require("PIL.Image").open(io.BytesIO(content)) as original:
            show_frame(original, data.tell())
            changed = original.mode != shown.mode or original.tobytes() != shown.tobytes()
        if changed and frame_count(data) > 1:
            raise UnsupportedFormatError("A frame of this animation was changed. Store the frames one by one.")
        with require("PIL.Image").open(io.BytesIO(content)) as original:
            # What was read here is the first frame of a photo, without its preview.
            whole = frame_count(original) == frame_count(data) or name not in _LOSSY
            if changed or not same(original if whole else original.copy(), data):
                return False
    except (OSError, ValueError, SyntaxError, EOFError) as error:  # the file begins elsewhere in its stream
        let_pass(error)
        return False
    with open(file, "wb") as stream:
        stream.write(content)
    return True


def _check(image: Any, name: str) -> None:
    if image.mode not in _PNG_MODES | _TIFF_MODES:
        raise UnsupportedFormatError(f"No image format keeps the mode {image.mode}. Convert the image.")
    if name in _LOSSY and image.mode not in _LOSSY[name]:
        raise UnsupportedFormatError(
            f"{name} cannot hold the mode {image.mode}. Convert the image to RGB, or use .png."
        )
    if not image.width * image.height:
        raise UnsupportedFormatError(
            f"No image format keeps an image without pixels; this is {image.width} x {image.height}."
        )
    limit = require("PIL.Image").MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise UnsupportedFormatError(f"The image has more than {limit} pixels, and would be refused when it is read.")


def _check_kept(data: Any, said: dict[str, Any], file: Path, name: str, ceiling: Ceiling) -> None:
    try:
        kept = same(_read_back(file, name, ceiling), data)
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        let_pass(error)
        if isinstance(error, OSError) and error.errno is not None:
            raise
        kept = False  # Pillow writes some images so that nobody reads them
    if not kept:
        lost = f" or its {', '.join(said)}" if said else ""
        raise UnsupportedFormatError(f"{name} would change this image of mode {data.mode}{lost}. Use a bare key.")


def _check_lost(said: dict[str, Any], file: Path, name: str, ceiling: Ceiling) -> None:
    """It is a picture, not pixels, and has no place for texts; everything else that it cannot hold is refused."""
    said = {name: value for name, value in said.items() if name != "text"}
    found = facts(_read_back(file, name, ceiling)) if said else {}
    lost = [name for name, value in said.items() if not same_fact(name, value, found.get(name))]
    if lost:
        raise UnsupportedFormatError(f"{name} would lose the image's {', '.join(lost)}. Use .png or a bare key.")


def _read_back(file: Path, name: str, ceiling: Ceiling) -> Any:
    with open(file, "rb") as stream:
        return _read(stream, name, ceiling)


def _read(stream: IO[bytes], name: str, ceiling: Ceiling) -> Any:
    content = stream.read() if name in _LOSSY else b""
    with opened(io.BytesIO(content) if content else stream, name) as image:
        check_size(image, ceiling)
        check_depth(image, name)
        if name == "GIF":
            _check_end(stream)
        # A photo may carry a preview as a second frame.
        if name not in _LOSSY and frame_count(image) > 1:
            stream.seek(0)
            return _whole(stream.read(), name)
        image.load()
        plain = image.copy()
        if name == "TIFF" and exif_of(image):  # which stands in the tags of the file, and not with the picture
            plain.info["exif"] = save_options(image, "")["exif"]
        if name in _LOSSY:  # so that writing it again loses nothing
            remember_source(plain, content)
        return plain


def _check_end(stream: IO[bytes]) -> None:
    # The one format whose decoder takes a file that was cut between two frames for a shorter animation.
    position = stream.tell()
    stream.seek(-min(1024, stream.seek(0, io.SEEK_END)), io.SEEK_END)
    if not stream.read().rstrip(b"\0\r\n").endswith(b";"):
        raise CorruptDataError("The GIF has no end mark, so it may have been cut. Read it with as_type=bytes.")
    stream.seek(position)


def _whole(content: bytes, name: str) -> Any:
    """All frames, each of which can be read; in memory as the file that they are."""
    image = opened(io.BytesIO(content), name)
    for _ in frames(image):
        pass
    return image
