"""How `same` compares pictures: by mode, size, palette and pixels, whatever file they came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostore.equality.families import Again, Comparer
from autostore.optional import loaded_type

__all__ = ["IMAGES", "are_images"]


def are_images(first: Any, second: Any) -> bool:
    """Whether both are images, whose class only says which file they came from."""
    image = loaded_type("PIL.Image", "Image")
    return image is not None and isinstance(first, image) and isinstance(second, image)


def _same_image(first: Any, second: Any, _again: Again) -> bool:
    if first.mode != second.mode or first.size != second.size:
        return False
    palettes = [image.getpalette("RGBA") if image.mode in ("P", "PA") else None for image in (first, second)]
    if None not in palettes:
        # Formats pad or cut a palette to what the pixels use; the colours they name must agree.
        length = max(len(palette) for palette in palettes if palette is not None)
        palettes = [(palette or []) + [0, 0, 0, 255] * ((length - len(palette or [])) // 4) for palette in palettes]
    return bool(palettes[0] == palettes[1]) and first.tobytes() == second.tobytes()


IMAGES: Mapping[str, Comparer] = {"PIL.Image.Image": _same_image}
