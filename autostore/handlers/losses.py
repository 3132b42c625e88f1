"""What pickle itself would lose, wherever in a value it stands: refused, because a refusal must stop the fallback too.

Pillow pickles the frame of an image that is open; pyarrow forgets the rows of a table without
columns, and that the keys of a map are sorted; Polars does not read its own arrays of width 0;
NumPy leaves out what was set on an array of a subclass; an exception is made again of its message alone;
PyTorch does not read the small floats that it pickles. Some losses are mended instead: `reducing.py`.
"""

from __future__ import annotations

import copyreg
import functools
import io
import pickle
from collections.abc import Callable, Mapping
from typing import IO, Any

from autostore.equality import same
from autostore.equality.arrays import own_attributes
from autostore.equality.images import frame_count
from autostore.errors import UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.handlers.checkpoints import forgets_gradient
from autostore.handlers.reducing import Reduced, reducer_of
from autostore.optional import loaded_type, package_of, require

__all__ = ["dump"]


def dump(data: Any, file: IO[bytes], protocol: int) -> None:
    """`pickle.dump`, or `UnsupportedFormatError` where reading would give less than `data` holds."""
    _CarefulPickler(file, protocol).dump(data)


class _CarefulPickler(pickle.Pickler):
    def __init__(self, file: IO[bytes], protocol: int) -> None:
        super().__init__(file, protocol=protocol)
        self.dispatch_table = _registered()
        # Asked for once a class, as there may be millions of values.
        self._ways: dict[type, tuple[Callable[[Any], None] | None, Callable[[Any], Reduced] | None]] = {}

    def reducer_override(self, value: Any) -> Any:
        """Look, and say how only where it could not be read: else how a value pickles stays its own affair."""
        kind = type(value)
        try:
            check, reduce = self._ways[kind]
        except KeyError:
            check, reduce = self._ways[kind] = _check_of(kind), reducer_of(kind)
        if check is not None:
            check(value)
        reduced = None if reduce is None else reduce(value)
        return NotImplemented if reduced is None else reduced


def _registered() -> Mapping[type, Callable[[Any], Any]]:
    """The reducers that were registered with `copyreg`, without those that tblib puts on every exception.

    Dask installs them for its own messages. A stored pickle would then hold the traceback, with the
    paths of this machine, and be read only where tblib is at hand.
    """
    return {
        kind: reduce
        for kind, reduce in copyreg.dispatch_table.items()
        if not (issubclass(kind, BaseException) and package_of(reduce) == "tblib")
    }


def _check_of(kind: Any) -> Callable[[Any], None] | None:
    image, array = loaded_type("PIL.Image", "Image"), loaded_type("numpy", "ndarray")
    if image is not None and issubclass(kind, image):
        return _check_image
    if issubclass(kind, BaseException):
        return _check_exception
    if array is not None and issubclass(kind, array):
        return _check_array
    return {"pyarrow": _check_arrow, "polars": _check_polars, "torch": _check_tensor}.get(package_of(kind))


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


def _check_tensor(value: Any) -> None:
    if forgets_gradient(value):
        raise UnsupportedFormatError(
            "A pickle would forget that a sparse tensor asks for its gradient. Store its detach(), or a Parameter."
        )
    torch: Any = require("torch")
    if isinstance(value, torch.Tensor) and not _reads_back(value.dtype):
        raise UnsupportedFormatError(
            f"A pickle of a tensor of {value.dtype} cannot be read. Store it under a key of its own."
        )


@functools.cache
def _reads_back(dtype: Any) -> bool:
    torch: Any = require("torch")
    try:
        pickle.loads(pickle.dumps(torch.empty(0, dtype=dtype, device="cpu"), pickle.HIGHEST_PROTOCOL))
    except Exception:  # whatever it says
        return False
    return True


def _check_array(value: Any) -> None:
    array: Any = loaded_type("numpy", "ndarray")
    masked: Any = loaded_type("numpy.ma", "MaskedArray") or array
    # A class with a `__reduce__` of its own looks after what it holds.
    if type(value).__reduce__ in (array.__reduce__, masked.__reduce__) and own_attributes(value):
        names = ", ".join(own_attributes(value))
        raise UnsupportedFormatError(
            f"A pickle would lose what was set on this {type(value).__qualname__}: {names:.80}. "
            "Store numpy.asarray(...) of it, and that beside it."
        )


def _check_exception(error: BaseException) -> None:
    content = io.BytesIO()
    pickler = pickle.Pickler(content, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _registered()
    pickler.dump(error)
    try:
        kept = same(pickle.loads(content.getbuffer()), error)
    except Exception as problem:
        let_pass(problem)  # of the value's own code
        raise UnsupportedFormatError(
            f"A pickle of this {type(error).__qualname__} cannot be read: {problem}. "
            "Give its class a __reduce__ that names its arguments, or store its text."
        ) from problem
    if not kept:
        raise UnsupportedFormatError(
            f"A pickle would change this {type(error).__qualname__}. "
            "Give its class a __reduce__ that names its arguments, or store its text."
        )
