"""An exact description of a value, independent of `same`; and the process that reads values and describes them.

python -m tests.handlers.exact     reads lines `{"uri", "key", "trusting", "s3"}`, answers a digest or an error
"""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import hashlib
import importlib
import json
import struct
import sys
import zoneinfo
from typing import Any


def exact(value: Any) -> Any:
    """Nested tuples whose repr differs wherever a user could tell two values apart."""
    kind = type(value)
    library = _LIBRARIES.get(kind.__module__.partition(".")[0])
    if library is not None:
        described = library(value)
        if described is not None:
            return described
    # Pydantic says of a generic class that it is of the module that asked for it first.
    generic = getattr(kind, "__pydantic_generic_metadata__", None) or {}
    name = f"{(generic.get('origin') or kind).__module__}.{kind.__qualname__}"
    if kind in (str, bool, type(None), bytes, bytearray, dt.date, dt.timedelta):
        return name, repr(value)
    if kind is int:
        return name, hex(value)
    if kind is float:
        return name, "nan" if value != value else struct.pack(">d", value)
    if kind in (complex, fractions.Fraction, range, slice):
        parts = {complex: ("real", "imag"), fractions.Fraction: ("numerator", "denominator")}
        return name, [exact(getattr(value, part)) for part in parts.get(kind, ("start", "stop", "step"))]
    if isinstance(value, enum.Enum):
        return name, value._name_
    if kind is decimal.Decimal:
        return name, value.as_tuple()
    if isinstance(value, dt.datetime | dt.time):
        unit = getattr(value, "unit", "")
        return name, value.replace(tzinfo=None, fold=0).isoformat(), value.fold, zone(value.tzinfo), unit
    if isinstance(value, dt.tzinfo):
        return zone(value)
    described = described_parts(value)
    return (name, described) if described is not None else (name, exact_parts(value))


def zone(value: dt.tzinfo | None) -> Any:
    """By key, or by offset and name."""
    if value is None or isinstance(value, zoneinfo.ZoneInfo):
        return getattr(value, "key", None)
    if type(value).__module__.partition(".")[0] in ("dateutil", "pytz"):
        return type(value).__name__, repr(value)
    return value.utcoffset(None), value.tzname(None)


def described_parts(value: Any) -> Any:
    """The fields of models, dataclasses and NamedTuples."""
    if hasattr(type(value), "__pydantic_fields__") and hasattr(value, "__pydantic_fields_set__"):
        return exact(value.__dict__), sorted(value.__pydantic_fields_set__), exact(value.__pydantic_extra__)
    if dataclasses.is_dataclass(value):
        return [(field.name, exact(getattr(value, field.name))) for field in dataclasses.fields(value)]
    return None


def of_pandas(value: Any) -> Any:
    """Labels, dtypes and cells of frames, Series, indexes and arrays."""
    import pandas as pd

    name = type(value).__name__
    if isinstance(value, pd.DataFrame):
        columns = [of_pandas(value.iloc[:, at].array) for at in range(value.shape[1])]
        return name, of_pandas(value.index), of_pandas(value.columns), columns, exact(value.attrs), repr(value.flags)
    if isinstance(value, pd.Series):
        return name, of_pandas(value.index), exact(value.name), of_pandas(value.array), exact(value.attrs)
    if isinstance(value, pd.MultiIndex):
        levels = [of_pandas(value.get_level_values(at).array) for at in range(value.nlevels)]
        return name, exact(list(value.names)), levels
    if isinstance(value, pd.Index):
        return name, exact(list(value.names)), str(getattr(value, "freq", None)), of_pandas(value.array)
    if isinstance(value, pd.Categorical):
        return name, value.codes.tolist(), of_pandas(value.categories), value.ordered
    if isinstance(getattr(value, "dtype", None), pd.DatetimeTZDtype):  # pandas knows the zone of a column by its name
        return name, repr(value.dtype), value.asi8.tolist()
    if isinstance(value, pd.api.extensions.ExtensionArray):
        return name, repr(value.dtype), [exact(cell) for cell in value]
    if isinstance(value, pd.Interval):
        return name, exact(value.left), exact(value.right), value.closed
    return None if isinstance(value, dt.datetime | dt.timedelta) else (name, repr(value))


def of_arrow(value: Any) -> Any:
    """Types, metadata and cells; not how a column is cut into chunks."""
    import pyarrow as pa

    name = type(value).__name__
    if isinstance(value, pa.Schema):
        return name, value.to_string(show_field_metadata=True), value.metadata
    if isinstance(value, pa.Table | pa.RecordBatch):
        return of_arrow(value.schema), name, value.num_rows, [exact(column.to_pylist()) for column in value.columns]
    return name, str(value.type), exact(value.to_pylist())


def of_torch(value: Any) -> Any:
    """Tensors by every element; what else there is by its text, and modules by their state."""
    import torch

    if isinstance(value, torch.nn.Module):
        return type(value).__name__, exact(value.state_dict())
    if not isinstance(value, torch.Tensor):
        return type(value).__name__, repr(value)
    plain = value.detach().float() if value.element_size() == 1 and value.is_floating_point() else value.detach()
    return type(value).__name__, str(value.dtype), tuple(value.shape), value.requires_grad, exact(plain.tolist())


def of_pillow(value: Any) -> Any:
    """The picture and its EXIF, whichever file it came from."""
    value.load()
    exif = {tag: str(part).rstrip("\0") for tag, part in value.getexif().items() if tag < 0x8000 and tag > 0x10E}
    return "image", value.mode, value.size, value.tobytes(), exif, value.info.get("Title")


def of_scipy(value: Any) -> Any:
    """The class, the shape and all elements."""
    return type(value).__name__, value.shape, exact(value.toarray())


def of_numpy(value: Any) -> Any:
    """Arrays that NumPy's own format does not hold; None for all others."""
    import numpy as np

    if isinstance(value, np.dtype):
        return "dtype", repr(value)
    if isinstance(value, np.ma.MaskedArray):
        return (
            "masked",
            exact(value.data),
            exact(np.ma.getmaskarray(value)),
            exact(np.asarray(value.fill_value).astype(value.dtype)),
        )
    if isinstance(value, np.ndarray) and value.dtype.kind in "OT":
        return type(value).__name__, value.dtype.str, value.shape, [exact(cell) for cell in value.ravel().tolist()]
    return None


_LIBRARIES = {
    "plotly": lambda figure: ("figure", json.dumps(json.loads(figure.to_json()), sort_keys=True)),
    "tokenizers": lambda tokenizer: ("tokenizer", tokenizer.to_str()),
    "xgboost": lambda booster: ("booster", bytes(booster.save_raw("ubj"))),
    "pandas": of_pandas,
    "pyarrow": of_arrow,
    "torch": of_torch,
    "PIL": of_pillow,
    "scipy": of_scipy,
    "numpy": of_numpy,
}


def exact_parts(value: Any) -> Any:
    """The parts of containers, arrays and frames; the text of all others."""
    kind = type(value)
    if kind in (set, frozenset):
        return sorted((exact(item) for item in value), key=repr)
    if isinstance(value, dict):
        return getattr(value, "default_factory", None), [(exact(k), exact(v)) for k, v in value.items()]
    if isinstance(value, list | tuple | collections.deque):
        return getattr(value, "maxlen", None), [exact(item) for item in value]
    if kind.__name__ == "SimpleNamespace":
        return exact(vars(value))
    if kind.__name__ == "Pattern":
        return exact(value.pattern), int(value.flags)
    if kind.__name__ == "ChainMap":
        return exact(value.maps)
    if kind.__module__ == "numpy":
        return value.dtype.str, value.shape, repr(value) if value.dtype.kind in "Vfc" else value.tobytes()
    if kind.__name__ == "LazyFrame":
        return "lazy", exact_parts(value.collect())
    if kind.__name__ in ("DataFrame", "Series"):
        value = value.to_frame() if kind.__name__ == "Series" else value
        return repr(value.schema), repr(value.rows())
    return str(value), getattr(value, "unit", "")


def digest(value: Any) -> str:
    """The description, short enough to be sent."""
    return hashlib.sha256(repr(exact(value)).encode("utf-8", "surrogatepass")).hexdigest()


def main() -> None:
    """Answer until the input ends."""
    from autostore import AutoStore, StorageConfig

    stores: dict[str, AutoStore] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if not asked["trusting"]:  # a reader that trusts no file imports its classes itself
            importlib.import_module("tests.handlers.shapes")
        if asked.get("s3"):
            from autostore.s3 import S3StorageConfig

            config: StorageConfig = S3StorageConfig(**asked["s3"], allow_pickle=asked["trusting"])
        else:
            config = StorageConfig(allow_pickle=asked["trusting"])
        where = f"{asked['uri']} {asked['trusting']}"
        store = stores.get(where) or stores.setdefault(where, AutoStore(asked["uri"], config))
        try:
            answer = digest(store[asked["key"]])
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        print(answer.replace("\n", " "), flush=True)


if __name__ == "__main__":
    main()
