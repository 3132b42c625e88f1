"""What libraries let a user set for the whole process changes nothing that is stored or read."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import decimal
import os
import socket
import subprocess
import sys
import textwrap
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autostore import AutoStore
from autostore.errors import TooLargeError
from autostore.testing import same
from tests.optional import Image, np, pd, pl, torch, yaml

Setting = Callable[[], contextlib.AbstractContextManager[Any]]


@contextlib.contextmanager
def changed(change: Callable[[], Any], back: Callable[[], Any]) -> Iterator[None]:
    change()
    try:
        yield
    finally:
        back()


@contextlib.contextmanager
def warnings_raise() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@contextlib.contextmanager
def strict_decimals() -> Iterator[None]:
    with decimal.localcontext() as context:
        context.prec, context.rounding, context.capitals = 3, decimal.ROUND_UP, 0
        context.traps[decimal.Inexact] = context.traps[decimal.FloatOperation] = True
        yield


@contextlib.contextmanager
def other_yaml() -> Iterator[None]:
    dumpers, loaders = yaml.SafeDumper.yaml_representers, yaml.SafeLoader.yaml_constructors
    try:
        yaml.SafeDumper.add_representer(float, lambda dumper, _: dumper.represent_str("changed"))
        yaml.SafeLoader.add_constructor("tag:yaml.org,2002:int", lambda *_: "changed")
        yield
    finally:
        yaml.SafeDumper.yaml_representers, yaml.SafeLoader.yaml_constructors = dumpers, loaders


def in_newfoundland() -> None:
    os.environ["TZ"] = "America/St_Johns"
    time.tzset()


def at_home() -> None:
    del os.environ["TZ"]
    time.tzset()


def options(**said: Any) -> Setting:
    return lambda: pd.option_context(*[part for name in said for part in (name.replace("__", "."), said[name])])


def number(getter: Callable[[], int], setter: Callable[[int], Any], value: int) -> Setting:
    before = getter()
    return lambda: changed(lambda: setter(value), lambda: setter(before))


SETTINGS: dict[str, Setting] = {
    "warnings raise": warnings_raise,
    "decimals of 3 digits": strict_decimals,
    "integers of 640 digits": number(sys.get_int_max_str_digits, sys.set_int_max_str_digits, 640),
    "fields of 10 characters": number(csv.field_size_limit, csv.field_size_limit, 10),
    "sockets wait for nothing": lambda: changed(
        lambda: socket.setdefaulttimeout(1e-4), lambda: socket.setdefaulttimeout(None)
    ),
    "another time zone": lambda: changed(in_newfoundland, at_home),
    "another YAML": other_yaml,
    "NumPy raises": lambda: np.errstate(all="raise"),
    "NumPy prints little": lambda: np.printoptions(threshold=1, precision=1, edgeitems=1),
    "Polars prints little": lambda: pl.Config(decimal_separator=",", thousands_separator=True, tbl_rows=1),
    "pandas prints little": options(display__precision=1, display__float_format="{:.0f}".format),
    "pandas without texts": options(future__infer_string=False),
    "pandas' texts by Python": options(mode__string_storage="python"),
    "pandas by fastparquet": options(io__parquet__engine="fastparquet"),
    "tensors of doubles": lambda: changed(
        lambda: torch.set_default_dtype(torch.float64), lambda: torch.set_default_dtype(torch.float32)
    ),
    "tensors nowhere": lambda: torch.device("meta"),
    "inference": lambda: torch.inference_mode(),
    "PyTorch maps": lambda: torch.utils.serialization.config.patch("load.mmap", True),
    "PyTorch reads the other end first": lambda: changed(
        lambda: torch.serialization.set_default_load_endianness(torch.serialization.LoadEndianness.BIG),
        lambda: torch.serialization.set_default_load_endianness(None),
    ),
}


def text_frames() -> Iterator[Any]:
    """Texts in each place of pandas' objects, of the dtypes that pandas makes of them where this is called."""
    words, gap = ["x", "y"], ["x", None]
    yield pd.DataFrame({"n": [1, 2]})
    yield pd.DataFrame({"s": words, "gap": gap, "n": [1, 2]})
    yield pd.DataFrame({"c": pd.Categorical(words), "o": pd.Series(gap, dtype=object)})
    yield pd.DataFrame({"s": pd.array(gap, dtype="string"), "p": pd.array(gap, dtype="string[python]")})
    yield pd.DataFrame({"n": [1, 2]}, index=pd.Index(words, name="i"))
    yield pd.DataFrame({"o": pd.array(gap, dtype=object)}, index=pd.Index(gap, dtype=object))
    yield pd.DataFrame({"n": [1, 2]}, index=pd.MultiIndex.from_arrays([words, [1, 2]], names=["a", "b"]))
    yield pd.DataFrame({"n": [1, 2]}, index=pd.CategoricalIndex(words))
    yield pd.DataFrame([[1, 2]], columns=pd.Index(words, dtype=object))
    yield pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_arrays([words, words]))
    yield pd.DataFrame([[1, "t"]], columns=[1, "s"])
    yield pd.Series(words, name="n")
    yield pd.Series(gap, dtype=object)
    yield pd.Index(words)
    yield pd.array(gap)


def values() -> Iterator[Any]:
    yield {"a": [1, 2.5, None], "b": "é", "big": 10**500}
    yield decimal.Decimal("1.234567890123456789"), {1}, dt.datetime(2026, 3, 8, 2, 30), dt.timedelta(1, 2, 3)
    yield "lines\r\n"
    yield np.arange(6.0).reshape(2, 3) / 7
    yield np.ma.array([1e-8, 7], mask=[0, 1], dtype=np.float16)
    yield np.array(["2026-01-01", "NaT"], dtype="M8[ns]")
    yield pl.DataFrame({"d": [decimal.Decimal("123456789.123456789")], "c": pl.Series(["a"], dtype=pl.Categorical)})
    yield torch.arange(6, dtype=torch.float32, device="cpu")
    yield {"w": torch.nn.Parameter(torch.ones(2, dtype=torch.float32, device="cpu")), "lr": 0.1}
    yield Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    yield from text_frames()


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_settings_change_no_value(tmp_path: Path, setting: Setting) -> None:
    """Written under a setting and read without it, and the other way."""
    store = AutoStore(tmp_path)
    made = dict(enumerate(values()))
    for number_, value in made.items():
        store[f"before/{number_}"] = value
    with setting():
        for number_, value in made.items():
            assert same(store[f"before/{number_}"], value), value
            store[f"under/{number_}"] = value
    for number_, value in made.items():
        assert same(store[f"under/{number_}"], value), value
    assert not list(tmp_path.rglob("*.pkl"))


@pytest.mark.parametrize("name", ["pandas without texts", "pandas' texts by Python"])
def test_texts_are_those_of_who_wrote(tmp_path: Path, name: str) -> None:
    """What pandas makes of texts under a setting is read so without it, too, by each door of Parquet and Arrow."""
    store = AutoStore(tmp_path)
    with SETTINGS[name]():
        made = list(text_frames())
        for number_, value in enumerate(made):
            store[f"{number_}"] = value
            assert same(store[f"{number_}"], value), value
    for number_, value in enumerate(made):
        assert same(store[f"{number_}"], value), value
    assert not list(tmp_path.rglob("*.pkl"))


@pytest.mark.parametrize("name", ["future.infer_string", "mode.string_storage"])
def test_a_process_that_begins_with_a_setting(tmp_path: Path, name: str) -> None:
    """Arrow asks pandas once, when it is imported, so the setting must stand before."""
    store = AutoStore(tmp_path)
    made = dict(enumerate(text_frames()))
    for number_, value in made.items():
        store[f"{number_}"] = value
    store["frame.feather"] = made[1]
    script = f"""
        import pandas
        pandas.set_option({name!r}, {False if name == "future.infer_string" else "python"!r})
        from autostore import AutoStore
        store = AutoStore({os.fspath(tmp_path)!r})
        for key in list(store):
            store[key.replace("frame", "again") if "frame" in key else "again/" + key] = store[key]
    """
    subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)], check=True, timeout=60)
    for number_, value in made.items():
        assert same(store[f"again/{number_}"], value), value
    assert same(store["again.feather"], made[1])
    assert not list(tmp_path.rglob("*.pkl"))


def test_a_foreign_file_is_read_as_pandas_reads_it(tmp_path: Path) -> None:
    """Objects that are texts are `str` to pandas, where the file does not say that we kept them as objects."""
    frame = pd.DataFrame({"s": pd.Series(["x", None], dtype=object)})
    frame.to_parquet(tmp_path / "f.parquet")
    frame.to_feather(tmp_path / "f.feather")
    for key, read in (("f.parquet", pd.read_parquet), ("f.feather", pd.read_feather)):
        assert same(AutoStore(tmp_path).read(key, as_type=pd.DataFrame), read(tmp_path / key))


@pytest.mark.filterwarnings("ignore:Image size:RuntimeWarning")
@pytest.mark.parametrize("most", [10, 5])
def test_pillows_limit_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """An image of more pixels is too large, and not corrupt; up to twice the limit Pillow itself only warns."""
    store = AutoStore(tmp_path)
    for key in ("k.png", "k.jpg", "k.webp"):
        store[key] = Image.new("RGB", (4, 4))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
    for key in ("k.png", "k.jpg", "k.webp"):
        with pytest.raises(TooLargeError, match="MAX_IMAGE_PIXELS"):
            store[key]
