"""Readers fed mutated files, in a process with caps on memory and time: typed errors only, no code, no hang."""

import collections
import dataclasses
import datetime as dt
import decimal
import fractions
import json
import signal
import struct
import subprocess
import sys
import time
import uuid
import zoneinfo
from pathlib import Path

import numpy as np
import pytest

from autostore import AutoStore, StorageConfig
from tests.reliability.mutated_reader import KEY
from tests.reliability.scale import measured, scaled
from tests.store.values import Run, Settings

CASES = scaled(1_000, 100_000)
FEWER = dict.fromkeys(
    (".safetensors", ".ubj", ".lgb", ".plotly", ".toml", ".ini", ".onnx", ".tokenizer", ".vl"), scaled(200, 100_000)
)
FEWER[".skops"] = scaled(50, 20_000)
"""Formats of which fewer are tried in `make test`: their libraries take their time."""

PATIENCE = 20.0
"""Seconds that one file may take before it counts as a hang."""

PATIENCE_AT_FIRST = 200.0
"""Seconds until the first is read: some libraries import all that they have."""

# What a third party's decoder may do to its process; each is named in docs/reliability.md.
DEATHS_KNOWN: dict[str, str] = {}


def tables():
    import polars as pl

    yield pl.DataFrame({"a": range(50), "b": ["x", None] * 25, "c": [[1.5], None] * 25})
    yield pl.LazyFrame({"t": pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 2, 1), eager=True)})
    yield pl.DataFrame({"a": range(300)}).to_arrow()
    yield pl.DataFrame({"a": range(30), "b": [True, False, None] * 10}).to_pandas()


def images(*modes):
    from PIL import Image

    for mode in modes:
        picture = Image.frombytes("RGB", (24, 16), np.random.default_rng(1).bytes(24 * 16 * 3))
        yield picture.convert(mode)


def tensors():
    from tests.optional import torch

    yield torch.arange(50)
    yield {"w": torch.zeros(3, 4), "b": torch.ones(2, dtype=torch.float16)}
    yield torch.eye(5).to_sparse()


def matrices():
    import scipy.sparse

    for name in ("csr_array", "coo_matrix", "dia_array", "bsr_matrix", "dok_array", "csc_array"):
        yield getattr(scipy.sparse, name)(np.diag([1.0, 2.0, 3.0, 4.0]))


def arrow_tables():
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    yield pl.DataFrame({"a": [1, None], "b": ["x", "a longer text"], "c": [[1], []]})
    yield pa.table({"m": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int8())), "d": pa.array(["a"])})
    yield pd.DataFrame({"a": [1, 2], "s": pd.Categorical(["x", "y"])}, index=["i", "j"])


def datasets():
    import xarray as xr

    along = {"x": ("x", [1.5, 2.5]), "t": np.array(["2024-01-01", "NaT"], "M8[ns]")}
    yield xr.Dataset({"a": (("x", "t"), np.eye(2)), "s": ("x", ["é", "b"])}, along, {"who": "me"})
    yield xr.DataArray(np.arange(6, dtype="i8").reshape(2, 3), dims=("p", "q"), name="n")


def expressions():
    import polars as pl

    yield (pl.col("a").sum().over("b") + pl.lit("x")).alias("q")
    yield pl.when(pl.col("a") > 1).then(pl.lit(pl.Series([1, 2]))).otherwise(pl.col("t").str.to_date())


def typed_values():
    zone = zoneinfo.ZoneInfo("Europe/Paris")
    yield {"at": dt.datetime(2024, 7, 1, tzinfo=zone), "cost": decimal.Decimal("1.10"), "shape": (3, 4), 1: {2.5, None}}
    yield ["\ud800", slice(1, 2), complex(1, 2), fractions.Fraction(1, 3)]
    yield [Settings(name="x", tags=["a"]), Run(number=1, label=(1, 2)), collections.OrderedDict(a=1, b=b"\0\1")]
    yield (np.float32(0.5), np.datetime64("2024-01-01"), np.array([(1, 2.0)], "i4,f8")[0], uuid.UUID(int=7), 1 << 2500)
    yield [
        collections.Counter("aab"),
        collections.deque([1], 3),
        collections.defaultdict(list, {1: [range(3)]}),
        "\ud800",
    ]


def bundled_values():
    import polars as pl

    frame = pl.DataFrame({"a": range(20)})
    yield {"train": frame, "again": [frame], "x": np.arange(9), "at": dt.date(2024, 1, 1)}
    yield (bytearray(b"ab" * 40_000), {"w": np.zeros((2, 3), "f4")}, Run(number=1, label=None))


def named_tensors():
    from tests.optional import installed, torch

    if installed("torch"):
        yield {"w": torch.zeros(3, 4), "b": torch.ones(2, dtype=torch.bfloat16), "n": 3}
    yield [np.arange(30), {"a": [np.eye(2), None]}]


def estimators():
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.tree import DecisionTreeClassifier

    x, y = np.random.default_rng(0).random((30, 3)), np.arange(30) % 2
    yield DecisionTreeClassifier(max_depth=2).fit(x, y)
    yield KNeighborsClassifier().fit(x, y)


def boosters(library):
    x, y = np.random.default_rng(0).random((60, 3)), np.arange(60) % 2
    if library == "xgboost":
        import xgboost

        yield xgboost.train({"max_depth": 3, "nthread": 1}, xgboost.DMatrix(x, y, nthread=1), 2)
    else:
        import lightgbm

        yield lightgbm.train({"verbose": -1, "num_threads": 1, "num_leaves": 4}, lightgbm.Dataset(x, y), 2)


def figures():
    import plotly.graph_objects

    yield plotly.graph_objects.Figure(plotly.graph_objects.Scatter(x=[1, 2], y=np.arange(2.0)))


def charts():
    import altair as alt

    yield alt.Chart({"values": [{"a": 1}]}).mark_bar().encode(x="a:Q")


def networks():
    import onnx.helper

    ends = [onnx.helper.make_tensor_value_info(name, 1, [None, 2]) for name in "xy"]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:])
    yield onnx.helper.make_model(graph)


def tokenizers():
    import tokenizers

    yield tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    yield tokenizers.Tokenizer(tokenizers.models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))


JSON = [{"a": [1, 2.5, {"b": None}], "c": "é\u2028"}, {"deep": [[[[[1]]]]]}]
SAMPLES = {
    ".json": lambda: JSON,
    ".jsonl": lambda: [JSON],
    ".toml": lambda: [{"list": [{"c": "é"}], "a": {"b": [1, 2.5, True], "at": dt.datetime(2024, 1, 1)}}],
    ".ini": lambda: [{"one": {"a": "1", "B": "x y"}, "two": {}}],
    ".txt": lambda: ["text é 日本\r\n"],
    ".yaml": lambda: [{"a": [1, 2.5, None], "t": "x"}, ["a", {"b": "c"}]],
    ".pydantic.json": lambda: [Settings(name="x", tags=["a", "b"])],
    ".dataclass.json": lambda: [Run(number=1, label="x")],
    ".typed.json": typed_values,
    ".bundle.zip": bundled_values,
    ".npy": lambda: [np.arange(30), np.zeros((2, 3), "f4", order="F"), np.array(["a", "bc"]),
                     np.zeros(3, [("a", "i4"), ("b", "S3")])],
    ".npz": lambda: [{"a": np.arange(9), "b": np.zeros((2, 2))}],
    ".sparse": matrices,
    ".pkl": lambda: [{1, 2, 3}, (1, "x", dataclasses.Field)],
    ".parquet": tables,
    ".csv": lambda: list(tables())[1:2],
    ".arrow": arrow_tables,
    ".avro": lambda: list(arrow_tables())[1:] + list(tables())[:1],
    ".xlsx": lambda: [next(tables()).drop("c"), {"One": next(tables()).drop("c")}],
    ".xarray.nc": datasets,
    ".nc": datasets,
    ".plexpr": expressions,
    ".csv.gz": lambda: list(tables())[1:2],
    ".json.zst": lambda: JSON,
    ".pt": tensors,
    ".png": lambda: images("RGB", "P", "1", "LA"),
    ".jpg": lambda: images("RGB", "L"),
    ".tif": lambda: images("RGB", "CMYK", "F"),
    ".gif": lambda: images("P"),
    ".bmp": lambda: images("RGB"),
    ".webp": lambda: images("RGB"),
    ".safetensors": named_tensors,
    ".skops": estimators,
    ".ubj": lambda: boosters("xgboost"),
    ".lgb": lambda: boosters("lightgbm"),
    ".plotly": figures,
    ".vl": charts,
    ".onnx": networks,
    ".tokenizer": tokenizers,
}  # fmt: skip


@pytest.mark.parametrize("extension", SAMPLES)
@pytest.mark.timeout(scaled(300, 7200))
def test_mutated_files(tmp_path, extension):
    """Whatever a file of this format becomes, reading it gives a value or a typed error, soon and in bounded memory."""
    # Mutations that this was seen to catch: registry.decode lets errors pass as they are (.npy); _damage
    # takes EINVAL for a failing disk (.npz).
    lay_samples(tmp_path, extension)
    deaths: list[str] = []
    seen: collections.Counter[str] = collections.Counter()
    cases = FEWER.get(extension, CASES)
    with measured(f"mutated files, {extension}") as facts:
        first = 0
        while first < cases:
            ended, first = read_cases(tmp_path, extension, first, cases)
            if ended:
                deaths.append(f"case {first}: {ended}")
                assert len(deaths) < 1 + cases // 200, deaths
                first += 1
                continue
            found = json.loads((tmp_path / "outcome.json").read_text())
            assert found["offences"] == []
            seen.update(found["seen"])
            break
        facts.update(files=cases, deaths=deaths, **seen)
    assert not [death for death in deaths if not death.endswith(DEATHS_KNOWN.get(extension, "-"))]
    if extension == ".pkl":
        assert set(seen) <= {"UntrustedDataError", "value"}


def lay_samples(folder, extension):
    """Good files of the format, as the store writes them."""
    (folder / "samples").mkdir()
    config = StorageConfig(pickle_key=KEY if extension == ".pkl" else None)
    for number, value in enumerate(SAMPLES[extension]()):
        store = AutoStore(folder / f"made-{number}", config)
        store["k" + extension] = value
        (folder / "samples" / f"{number}").write_bytes((folder / f"made-{number}" / f"k{extension}").read_bytes())
        store.close()


def read_cases(folder, extension, first, cases):
    """Read from a case on; how the process died ("" where it did not) and at which case."""
    command = [sys.executable, "-m", "tests.reliability.mutated_reader", str(folder), extension, str(first), str(cases)]
    (folder / "progress").write_bytes(struct.pack("q", -1))
    with (folder / "output").open("wb") as output:
        reader = subprocess.Popen(command, stdout=output, stderr=output, cwd=Path(__file__).parents[2])
        last, since = -1, time.monotonic() + PATIENCE_AT_FIRST - PATIENCE
        while reader.poll() is None:
            time.sleep(0.05)
            case = at(folder)
            if case != last:
                last, since = case, time.monotonic()
            elif time.monotonic() - since > PATIENCE:
                reader.kill()
                reader.wait()
                return "hang", at(folder)
    if reader.returncode == 0:
        return "", cases
    complaint = (folder / "output").read_text(errors="replace")[-2000:]
    assert reader.returncode < 0, complaint
    return signal.Signals(-reader.returncode).name, at(folder)


def at(folder):
    """The case that the reader is at."""
    return struct.unpack("q", (folder / "progress").read_bytes())[0]
