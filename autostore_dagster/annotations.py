"""What a consumer's annotation asks for: pure questions about types, as Dagster hands them over.

Dagster turns `int | None` into `Optional[int]`, `Mapping[str, T]` into `Dict[str, T]`, and no
annotation into `Any`.
"""

import sys
import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin

__all__ = ["by_partition", "fits", "holds_records", "is_polars_frame", "is_table", "read_type", "required"]


def required(annotation: Any) -> Any:
    """The annotation without its None: `Optional[T]` is T."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    members = [member for member in get_args(annotation) if member is not type(None)]
    return members[0] if len(members) == 1 else Union[tuple(members)]  # noqa: UP007  # of a tuple


def by_partition(annotation: Any) -> tuple[bool, Any]:
    """`(True, T)` for `dict[str, T]`, `(True, Any)` for a bare dict, else `(False, annotation)`."""
    if annotation is dict or annotation is Mapping:
        return True, Any
    if get_origin(annotation) in (dict, Mapping):
        key, value = get_args(annotation)
        return key in (str, Any), value if key in (str, Any) else annotation
    return False, annotation


def read_type(annotation: Any) -> Any:
    """What the store is asked to read as: a class, or None for whatever was recorded."""
    plain = required(annotation)
    plain = get_origin(plain) or plain
    # Any is a class from Python 3.11 on.
    return plain if isinstance(plain, type) and plain not in (object, Any) else None


def holds_records(annotation: Any) -> bool:
    """Whether this is a collection of models or dataclasses, such as `list[Row]`."""
    return any(_is_record(part) or holds_records(part) for part in get_args(annotation))


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and (hasattr(kind, "model_fields") or hasattr(kind, "__dataclass_fields__"))


def is_polars_frame(annotation: Any) -> bool:
    """Whether this is `pl.DataFrame` or `pl.LazyFrame`; polars is imported by nobody for asking."""
    polars = sys.modules.get("polars")
    return polars is not None and annotation in (polars.DataFrame, polars.LazyFrame)


def is_table(kind: Any) -> bool:
    """Whether this is a class of tables, which the store reads as whichever kind is asked for."""
    package = getattr(kind, "__module__", "").partition(".")[0]
    return package in ("polars", "pandas", "pyarrow") and kind.__name__ in ("DataFrame", "LazyFrame", "Table")


def fits(value: Any, annotation: Any) -> bool:
    """Whether the value is of this type, to the depth of dict and list."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is Any or annotation is None:
        return annotation is Any or value is None
    if origin in (Union, types.UnionType):
        return any(fits(value, member) for member in arguments)
    if origin in (dict, Mapping):
        return isinstance(value, Mapping) and all(
            fits(key, arguments[0]) and fits(item, arguments[1]) for key, item in value.items()
        )
    if origin is list:
        return isinstance(value, list) and all(fits(item, arguments[0]) for item in value)
    plain = origin or annotation
    try:
        return isinstance(value, plain) if isinstance(plain, type) else True
    except TypeError:  # a protocol or typed dict, which does not say
        return True
