"""What pickle itself would lose, wherever in a value it stands: refused, because a refusal must stop the fallback too.

Pillow pickles the frame of an image that is open; pyarrow forgets the rows of a table without
columns, and that the keys of a map are sorted; Polars does not read its own arrays of width 0.
"""

from __future__ import annotations

import pickle
from typing import IO, Any

from autostore.equality import same
from autostore.equality.images import frame_count
from autostore.errors import UnsupportedFormatError
from autostore.optional import loaded_type, package_of

__all__ = ["dump"]

_LIBRARIES = (("PIL.Image", "Image"), ("pyarrow", "Table"), ("polars", "Series"))


def dump(data: Any, file: IO[bytes], protocol: int) -> None:
    """`pickle.dump`, or `UnsupportedFormatError` where reading would give less than `data` holds."""
    # Looking costs a call an object, so it is done where a library is loaded whose objects may lose something.
    careful = any(loaded_type(*kind) for kind in _LIBRARIES)
    (_CarefulPickler if careful else pickle.Pickler)(file, protocol=protocol).dump(data)


class _CarefulPickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        """Only look: how the value pickles stays its own affair."""
        image = loaded_type("PIL.Image", "Image")
        if image is not None and isinstance(value, image):
            _check_image(value)
        elif package_of(type(value)) == "pyarrow":
            _check_arrow(value)
        elif package_of(type(value)) == "polars":
            _check_polars(value)
        return NotImplemented


def _check_image(image: Any) -> None:
    if frame_count(image) > 1:
        raise UnsupportedFormatError(
            f"A pickle would keep one of this image's {image.n_frames} frames. Store it under a key of its own."
        )
    if not same(pickle.loads(pickle.dumps(image, pickle.HIGHEST_PROTOCOL)), image):
        raise UnsupportedFormatError(
            f"A pickle would not give this image of mode {image.mode} back as it is. "
            "Store it under a key of its own, or convert it: image.convert('RGBA')."
        )


def _check_arrow(value: Any) -> None:
    if getattr(value, "num_columns", None) == 0 and getattr(value, "num_rows", 0):
        raise UnsupportedFormatError(
            "A pickle would lose the rows of an Arrow table without columns. Store it under a key of its own."
        )
    if getattr(value, "keys_sorted", False) is True:
        raise UnsupportedFormatError(
            "A pickle would lose that the keys of an Arrow map are sorted. Store the table under a key of its own."
        )


def _check_polars(value: Any) -> None:
    kind = type(value).__name__
    dtypes = [value.dtype] if kind == "Series" else value.dtypes if kind == "DataFrame" else []
    for dtype in dtypes:
        _check_width(dtype)


def _check_width(dtype: Any) -> None:
    if getattr(dtype, "size", None) == 0:
        raise UnsupportedFormatError(
            "A pickle of Polars arrays of width 0 cannot be read. Store the table under a key of its own."
        )
    parts = [field.dtype for field in getattr(dtype, "fields", ())]
    for part in (*parts, getattr(dtype, "inner", None)):
        if part is not None:
            _check_width(part)
