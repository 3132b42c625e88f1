"""Images: size, mode, a thumbnail that a page shows inline and a larger preview behind a link."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from autostore.preview import Fact, Picture, Preview

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["image"]

# Dagster shows markdown inline under 1,000 characters; base64 needs four for three bytes.
THUMBNAIL_BYTES = 700
PREVIEW_BYTES = 60_000


def image(value: Image.Image) -> Preview:
    """Size, mode, thumbnail and preview."""
    found: dict[str, Fact] = {"width": value.width, "height": value.height, "mode": value.mode}
    for name, side, limit in (("thumbnail", 160, THUMBNAIL_BYTES), ("preview", 900, PREVIEW_BYTES)):
        data = _shrunk(value, side, limit)
        if data:
            found[name] = Picture(data)
    return found


def _shrunk(value: Image.Image, side: int, limit: int) -> bytes:
    """The image as WebP of at most `limit` bytes; empty where even a speck is larger."""
    alpha = value.mode in ("RGBA", "LA", "PA")
    plain = value.convert("RGBA" if alpha else "RGB")
    while side >= 8:
        small = plain.copy()
        small.thumbnail((side, side))
        for quality in (80, 50, 20):
            buffer = io.BytesIO()
            small.save(buffer, "WEBP", quality=quality, method=6 if side < 200 else 4)  # 6: smaller, and slow
            if buffer.tell() <= limit:
                return buffer.getvalue()
        side = side * 3 // 4
    return b""
