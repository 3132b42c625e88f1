"""What a value shows by its class, or by the first of its bases that is known.

A format that knows its values calls the function of its family itself; the others show this, as a pickle does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from autostore.equality.declared import is_declared
from autostore.optional import package_of
from autostore.preview import Preview
from autostore.previews import arrays, images, records, tables, tensors, text

__all__ = ["inherited"]

# By the package and name of a class or one of its bases, so that nothing is imported for asking.
_FAMILIES: Mapping[str, Callable[[Any], Preview]] = {
    **tables.TABLES,
    "numpy.ndarray": arrays.array,
    "scipy.sparray": arrays.sparse,
    "scipy.spmatrix": arrays.sparse,
    "torch.Tensor": tensors.tensor,
    "torch.Module": tensors.module,
    "PIL.Image": images.image,
    "pydantic.BaseModel": records.model,
    "builtins.str": text.text,
    "builtins.bytes": text.binary,
    "builtins.dict": records.mapping,
    "builtins.list": records.sequence,
    "builtins.int": records.scalar,
    "builtins.float": records.scalar,
}


def inherited(value: Any) -> Preview:
    """The fields of a dataclass; of others what the nearest known base shows, or nothing."""
    if is_declared(type(value)):
        return records.record(value)
    for base in type(value).__mro__:
        show = _FAMILIES.get(f"{package_of(base)}.{base.__name__}")
        if show is not None:
            return show(value)
    return {}
