"""What a picture says beside its pixels, as the options of Pillow's writers; and the file that it came from.

Pillow writes only part of it unasked: https://pillow.readthedocs.io/en/stable/handbook/image-file-formats.html.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from autostore.equality.images import exif_of, exif_tags, facts, frame_count, frames
from autostore.guard.foreign import let_pass
from autostore.optional import require

__all__ = ["remember_source", "save_options", "source"]

_SOURCE = "_autostore_source"
_PARTS = (0x8769, 0x8825)
"""Pointers to EXIF proper and to GPS."""

_XMP_TAG, _XMP_KEY = 700, "XML:com.adobe.xmp"


def save_options(image: Any, name: str) -> dict[str, Any]:
    """What `image.save` must be told, so that a file of this format says what the picture says."""
    options = _animation(image) if frame_count(image) > 1 else {}
    image.load()
    said = facts(image)
    if "EXIF" in said:
        options["exif"] = _exif_bytes(image)
    if "colour profile" in said:
        options["icc_profile"] = said["colour profile"]
    if "dpi" in said:
        options["dpi"] = said["dpi"]
    return options | _OTHERS.get(name, _nothing)(image, said)


def _nothing(_image: Any, _said: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _animation(image: Any) -> dict[str, Any]:
    durations = [frame.info.get("duration") for frame in frames(image)]
    options: dict[str, Any] = {"save_all": True}
    if None not in durations:
        options["duration"] = durations
    if "loop" in image.info:
        options["loop"] = image.info["loop"]
    return options


def _exif_bytes(image: Any) -> bytes:
    """The block as it was read, which may hold what Pillow does not know; anew where it was changed."""
    raw = image.info.get("exif")
    fresh = require("PIL.Image").Exif()
    if isinstance(raw, bytes):
        fresh.load(raw)
        if exif_tags(fresh) == exif_of(image):
            return raw
    fresh.load(_as_small(image.getexif()))
    known = {tag for tag in exif_tags(fresh) if isinstance(tag, int)}
    parts = {
        tag for tag in _PARTS if tag in fresh and fresh.get_ifd(tag)
    }  # Pillow adds empty ones, which libtiff refuses
    for tag in list(fresh):
        if tag not in known | parts:
            del fresh[tag]
    return bytes(fresh.tobytes())


def _as_small(exif: Any) -> bytes:
    """The block as files below 4 GiB have it: Pillow does not read what it writes for a BigTIFF."""
    big, exif.bigtiff = exif.bigtiff, False
    try:
        return bytes(exif.tobytes())
    finally:
        exif.bigtiff = big


def _png(image: Any, said: Mapping[str, Any]) -> dict[str, Any]:
    info = require("PIL.PngImagePlugin").PngInfo()
    for name in said.get("text", ()):
        value = image.info[name]
        info.add_text(name, value.decode("latin-1") if isinstance(value, bytes) else value)
    if "XMP" in said:
        info.add_itxt(_XMP_KEY, said["XMP"].decode())
    # What the colours mean where there is no profile.
    if "gamma" in image.info:
        info.add(b"gAMA", struct.pack(">I", round(image.info["gamma"] * 100_000)))
    if "chromaticity" in image.info:
        info.add(b"cHRM", struct.pack(">8I", *(round(part * 100_000) for part in image.info["chromaticity"])))
    if "srgb" in image.info and "colour profile" not in said:
        info.add(b"sRGB", bytes([image.info["srgb"]]))
    return {"pnginfo": info}


def _tiff(image: Any, said: Mapping[str, Any]) -> dict[str, Any]:
    exif = require("PIL.Image").Exif()
    if "EXIF" in said:
        exif.load(_exif_bytes(image))
    if "XMP" in said:
        exif[_XMP_TAG] = said["XMP"]
    return {"exif": exif} if said else {}


def _xmp(_image: Any, said: Mapping[str, Any]) -> dict[str, Any]:
    return {"xmp": said["XMP"]} if "XMP" in said else {}


_OTHERS: dict[str, Callable[[Any, Mapping[str, Any]], dict[str, Any]]] = {
    "PNG": _png,
    "TIFF": _tiff,
    "AVIF": _xmp,
    "JPEG": _xmp,
    "WEBP": _xmp,
}


def remember_source(image: Any, content: bytes) -> None:
    """Keep the bytes of the file beside a picture that was read from it; copies and changed versions lack them."""
    setattr(image, _SOURCE, content)


def source(image: Any, formats: tuple[str, ...]) -> bytes | None:
    """The bytes of the file that the image came from, where it is of this format and still there.

    What stands there may be another picture by now, and the image may have been changed since.
    """
    kept = getattr(image, _SOURCE, None)
    if type(kept) is bytes:
        return kept
    if image.format not in formats or image.format == "WEBP":  # which keeps no file, but the pixels of a frame
        return None
    for stream in (getattr(image, "_fp", None), getattr(image, "fp", None)):
        try:
            position = stream.tell()  # type: ignore[union-attr] # the except is for what has none
            stream.seek(0)  # type: ignore[union-attr]
            content = stream.read()  # type: ignore[union-attr]
            stream.seek(position)  # type: ignore[union-attr]
        except (AttributeError, ValueError, OSError, io.UnsupportedOperation) as error:
            let_pass(error)
            continue
        return bytes(content)
    return _by_name(getattr(image, "filename", ""))


def _by_name(name: Any) -> bytes | None:
    """Pillow closes a file when it has loaded its only frame, and keeps its name."""
    try:
        return Path(name).read_bytes() if name and Path(name).is_file() else None
    except (OSError, TypeError, ValueError) as error:
        let_pass(error)
        return None
