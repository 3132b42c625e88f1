"""Libraries that a machine may lack: what a test makes of one that is missing skips that test, by the library's name.

`from tests.optional import torch` instead of `import torch`: a test file that cannot be imported would hide its other
tests too.
"""

import importlib
import importlib.util
import os
import re
from collections.abc import Iterator
from typing import Any, Self

import pytest

MODULES: dict[str, tuple[str, ...]] = {
    "Image": ("PIL.Image",),
    "ImageOps": ("PIL.ImageOps",),
    "ImageSequence": ("PIL.ImageSequence",),
    "PIL": ("PIL",),
    "PngImagePlugin": ("PIL.PngImagePlugin",),
    "alt": ("altair",),
    "attrs": ("attrs",),
    "cbor2": ("cbor2",),
    "dateutil": ("dateutil", "dateutil.tz"),
    "features": ("PIL.features",),
    "geopandas": ("geopandas",),
    "go": ("plotly.graph_objects",),
    "joblib": ("joblib",),
    "lightgbm": ("lightgbm",),
    "msgpack": ("msgpack",),
    "nbformat": ("nbformat",),
    "np": ("numpy",),
    "onnx": ("onnx", "onnx.helper", "onnx.numpy_helper"),
    "pa": ("pyarrow",),
    "pd": ("pandas",),
    "pl": ("polars",),
    "plotly": ("plotly", "plotly.io"),
    "pq": ("pyarrow.parquet",),
    "pyarrow": ("pyarrow", "pyarrow.feather", "pyarrow.parquet"),
    "pytz": ("pytz",),
    "ruamel": ("ruamel", "ruamel.yaml"),
    "safetensors": ("safetensors", "safetensors.numpy"),
    "scipy": ("scipy", "scipy.sparse"),
    "skops": ("skops", "skops.io"),
    "sp": ("scipy.sparse",),
    "tokenizers": ("tokenizers",),
    "torch": ("torch",),
    "xgboost": ("xgboost",),
    "yaml": ("yaml",),
}
"""The name that tests use: the module that it stands for, and those below it that are imported, too."""


OTHERS = frozenset("dagster fastavro jupyter_client matplotlib moto rich sklearn tomli_w typer xarray".split())  # noqa: SIM905
"""Others that may be missing, beside those of `MODULES`."""


class Missing:
    """A library that is not installed, and what is made of it while tests are collected; used in a test, it skips."""

    _library = ""

    def __new__(cls, library: str) -> Self:
        """Of a class that has the library's name, as a message says which class a value is of."""
        return object.__new__(type(f"missing_{library}", (Missing,), {"_library": library}))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)  # what Python and pickle ask of any object
        return self._used()

    def __reduce_ex__(self, protocol: object) -> Any:
        return self._used()  # nobody stores it

    def __call__(self, *_: object, **__: object) -> Any:
        return self._used()

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type, ...]:
        return ()

    def __setitem__(self, _: object, __: object) -> None:
        self._used()

    def __iter__(self) -> Iterator[Any]:
        yield self._used()

    def __invert__(self) -> Any:
        return self._used()

    __neg__ = __invert__

    def __add__(self, _: object) -> Any:
        return self._used()

    __and__ = __getitem__ = __ge__ = __gt__ = __le__ = __lt__ = __matmul__ = __mod__ = __mul__ = __or__ = __add__
    __pow__ = __radd__ = __rand__ = __rmul__ = __ror__ = __rsub__ = __rtruediv__ = __sub__ = __truediv__ = __add__

    def _used(self) -> Any:
        if "PYTEST_CURRENT_TEST" in os.environ:
            pytest.skip(f"{self._library} is not installed")
        return self


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(name)
    found, *below = map(optional, MODULES[name])
    return next((one for one in below if isinstance(one, Missing)), found)


def optional(module: str) -> Any:
    """The module, or what stands for it."""
    library = module.partition(".")[0]
    return importlib.import_module(module) if installed(library) else Missing(library)


def installed(library: str) -> bool:
    """Whether it can be imported here."""
    return importlib.util.find_spec(library) is not None


def missing_in(value: object, depth: int = 3) -> str | None:
    """The library that a parameter was made of and that is missing; looked for in plain containers."""
    if isinstance(value, Missing):
        return value._library
    inner = [*value, *value.values()] if type(value) is dict else value
    if depth and type(inner) in (list, tuple, set):
        return next((found for item in inner if (found := missing_in(item, depth - 1))), None)
    return None


def missing_behind(error: BaseException | None) -> str | None:
    """The library that a test failed for, by what was raised, or by what our own error says; None where it is here."""
    seen: set[int] = set()  # Dagster raises errors that are their own cause's cause
    while error is not None and id(error) not in seen:
        if found := said_to_be_missing(f"{type(error).__name__}: {error}"):
            return found
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def said_to_be_missing(text: str) -> str | None:
    """The last library that a text says is missing, if it is one that may be, and is."""
    said = re.findall(
        r"ModuleNotFoundError: No module named '(\w+)|This needs (\w+), which is not installed|\bmissing_(\w+)", text
    )
    library = "".join(said[-1]) if said else ""
    known = OTHERS | {names[0].partition(".")[0] for names in MODULES.values()}
    return library if library in known and not installed(library) else None
