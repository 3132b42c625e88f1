"""Which format a value gets, and that asking costs nothing."""

import collections
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autostore.config import StorageConfig
from autostore.errors import UnsupportedFormatError, UntrustedDataError
from autostore.handlers import builtin_handlers
from autostore.handlers.registry import HandlerRegistry
from autostore.testing import same
from tests.handlers import shapes
from tests.optional import Image, np, pa, pd, pl, sp, torch

CHOICES: list[tuple[Any, str]] = [
    ("text", ".txt"),
    ("", ".txt"),
    ("\ud800", ".typed.json"),
    (b"bytes", ".bin"),
    (bytearray(b"x"), ".typed.json"),
    (bytearray(70_000), ".bundle.zip"),
    (None, ".json"),
    (True, ".json"),
    (1.5, ".json"),
    (float("nan"), ".typed.json"),
    ([], ".json"),
    ({}, ".json"),
    ([1, "a"], ".json"),
    ({"a": [1]}, ".json"),
    ([{"a": 1}], ".jsonl"),
    ([{"a": 1}, 2], ".json"),
    ([{"a": (1,)}], ".typed.json"),
    ((1,), ".typed.json"),
    ({1: 2}, ".typed.json"),
    (collections.OrderedDict(a=1), ".typed.json"),
    (shapes.Point(1.0), ".dataclass.json"),
    (shapes.Point(1), ".typed.json"),
    (shapes.Loose(np.arange(3)), ".bundle.zip"),
    (shapes.Doubling(1), ".typed.json"),
    (shapes.Reading(sensor="a", value=1.0), ".pydantic.json"),
    ([shapes.Reading(sensor="a", value=1.0)], ".typed.json"),
    (shapes.WithExcluded(a=1, hidden=2), ".typed.json"),
    (shapes.Shouting(text="a"), ".pkl"),
    ([object()], ".pkl"),
    (np.arange(3), ".npy"),
    (np.array([None]), ".typed.json"),
    (np.ma.array([1]), ".bundle.zip"),
    (np.float64(1.0), ".typed.json"),
    ({"a": np.arange(3)}, ".npz"),
    ({"a": np.arange(3), "b": 1}, ".bundle.zip"),
    ([np.array([None])], ".typed.json"),
    ([np.array([object()])], ".pkl"),
    (pl.DataFrame({"a": [1]}), ".parquet"),
    (pl.LazyFrame({"a": [1]}), ".parquet"),
    ({"train": pl.DataFrame({"a": [1]}), "at": (1,)}, ".bundle.zip"),
    (pd.DataFrame({"a": [1]}), ".parquet"),
    (pd.DataFrame({"a": [[1], (2,)]}), ".parquet"),
    (pa.table({"a": [1]}), ".parquet"),
    (pa.table({"a": pa.array([1], pa.timestamp("s"))}), ".parquet"),
    (pa.table({"a": pa.array([1, 1]).dictionary_encode()}), ".pkl"),
    (pl.Series("y", [1]), ".parquet"),
    (pd.Series([1.0], name="x"), ".parquet"),
    (pd.Series([1 + 1j]), ".parquet"),
    (pd.DataFrame({"a": [object()]}), ".pkl"),
    (pd.Index([1]), ".parquet"),
    (pa.array([1]), ".parquet"),
    (sp.csr_array(np.eye(2)), ".sparse"),
    (torch.ones(2), ".pt"),
    ({"a": torch.ones(2)}, ".pt"),
    ({"a": torch.ones(2), "epoch": 1}, ".pt"),
    (torch.nn.Linear(1, 1), ".pt"),
    (Image.new("RGB", (2, 2)), ".png"),
    (Image.new("F", (2, 2)), ".tif"),
    (Image.new("RGBX", (2, 2)), ".pkl"),
]


@pytest.mark.parametrize(("value", "extension"), CHOICES, ids=lambda value: str(type(value).__name__))
def test_the_value_chooses_the_format(tmp_path: Path, value: Any, extension: str) -> None:
    """And reads back from it, whether or not pickles are signed."""
    for key in (None, "secret"):
        registry = HandlerRegistry(StorageConfig(pickle_key=key))
        file, chosen = registry.encode(value, tmp_path, None, "here")
        assert chosen == extension
        assert same(registry.decode(file, chosen, None, "here"), value)


def test_a_refused_value_says_why_each_format_refused(tmp_path: Path) -> None:
    """The reason of the natural format is there, not only that of pickle."""
    registry = HandlerRegistry(StorageConfig())
    with pytest.raises(UnsupportedFormatError, match=r"tuple|function.*does not pickle"):
        registry.encode({"a": lambda: 1}, tmp_path, None, "here")
    with pytest.raises(UntrustedDataError, match=r"allow_pickle=False.*\.a\[1\] is of the class builtins.object"):
        HandlerRegistry(StorageConfig(allow_pickle=False)).encode({"a": (1, object())}, tmp_path, None, "here")
    assert list(tmp_path.iterdir()) == []


def test_no_extension_is_claimed_twice_by_accident() -> None:
    """Where one handler infers it and another takes more by name, and where what is drawn is read by another."""
    counts = collections.Counter(e for handler in builtin_handlers(StorageConfig()) for e in handler.extensions)
    assert [extension for extension, count in counts.items() if count > 1] == [
        ".jsonl", ".safetensors", ".skops", ".png", ".html",
    ]  # fmt: skip


def test_no_library_is_imported_for_asking() -> None:
    """Making the handlers, and choosing one for plain values, loads no optional library."""
    code = (
        "import sys, pathlib, tempfile\n"
        "from autostore.config import StorageConfig\n"
        "from autostore.handlers.registry import HandlerRegistry\n"
        "import autostore.equality.same\n"
        "registry = HandlerRegistry(StorageConfig())\n"
        "folder = pathlib.Path(tempfile.mkdtemp())\n"
        "for value in ({'a': 1}, [{'a': 1}], 'x', b'x', (1,), 1.5):\n"
        "    file, extension = registry.encode(value, folder, None, 'here')\n"
        "    assert registry.decode(file, extension, None, 'here') == value\n"
        "    assert autostore.equality.same(value, value)\n"
        "heavy = set('boto3 polars numpy torch PIL yaml scipy pydantic pandas pyarrow dagster'.split())\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout.strip() == "[]", run.stdout + run.stderr
