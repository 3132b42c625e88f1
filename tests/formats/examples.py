"""One line a format: values that such files hold, how others are drawn, and as what else a file is read.

`test_every_format_has_its_examples` holds this to the registry. The proofs over all formats run over these lines:
mutated files (tests/reliability/test_mutated_files.py) and values that come back or are refused (test_values.py).
"""

import collections
import configparser
import dataclasses
import datetime as dt
import decimal
import fractions
import os
import tempfile
import uuid
import xml.etree.ElementTree as ET
import zoneinfo
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from tests.optional import np
from tests.store.values import Run, Settings

__all__ = ["ALIKE", "EXAMPLES", "Example"]


class Example(NamedTuple):
    """How one format is tried.

    Attributes:
        make: good values; two or more where they differ in how they are laid out.
        drawn: the family of test_values.py that further values come from; "" where tests of its own draw them.
        asked: types that a file is read as, too: those that parse what bears no note of ours.
        cases: mutated files in `make test`; fewer where a library takes its time.
    """

    make: Callable[[], Iterable[Any]]
    drawn: str = "plain"
    asked: Callable[[], Iterable[Any]] = tuple
    cases: int = 500


def tables():
    import polars as pl

    yield pl.DataFrame({"a": range(50), "b": ["x", None] * 25, "c": [[1.5], None] * 25})
    yield pl.LazyFrame({"t": pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 2, 1), eager=True)})
    yield pl.DataFrame({"a": range(300)}).to_arrow()
    yield pl.DataFrame({"a": range(30), "b": [True, False, None] * 10}).to_pandas()


def repeated():
    """A table whose texts are many times its file, which mutations make more."""
    import pyarrow as pa

    return pa.table({"t": ["x" * 20_000] * 100, "l": [[b"y" * 5_000] * 3] * 100})


def maps():
    """Frames of GeoPandas, where that is installed."""
    import pandas as pd

    from tests.optional import geopandas, installed

    if installed("geopandas"):
        import shapely

        shapes = [shapely.box(0, 0, 1, 1), None, shapely.MultiPoint([(1, 2), (3, 4)])]
        frame = geopandas.GeoDataFrame({"a": ["x", None, "y"]}, geometry=shapes, crs=4326)
        yield frame.assign(at=pd.Timestamp("2024-01-01"))
        yield frame.set_index("a")


def map_types():
    from tests.optional import geopandas, installed

    return [geopandas.GeoDataFrame] if installed("geopandas") else []


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


def folders():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "below").mkdir()
        (folder / "a.txt").write_text("text")
        (folder / "below" / "run").write_bytes(bytes(2_000))
        (folder / "below" / "run").chmod(0o755)
        os.symlink("../a.txt", folder / "below" / "link")
        yield folder


def frame_types():
    import polars as pl

    yield pl.DataFrame


def picture_types():
    from PIL import Image

    yield Image.Image


def notebooks():
    import nbformat

    cells = [nbformat.v4.new_markdown_cell("# é\n", id="a"), nbformat.v4.new_code_cell("1 +\\\n 1", id="b")]
    cells[1]["outputs"] = [nbformat.v4.new_output("stream", text="2\n")]
    yield nbformat.v4.new_notebook(cells=cells)
    yield {"cells": [], "metadata": {"k": {"deep": [[1.5]]}}, "nbformat": 4, "nbformat_minor": 5}


def node_types():
    import nbformat

    yield nbformat.NotebookNode


def elements():
    root = ET.fromstring('<a xmlns:n="urn:n" n:x="1" y="é&#10;">text<n:b>&amp;</n:b>tail<c/></a>')
    root[0].append(ET.Comment(" said "))
    yield root
    yield ET.ElementTree(root)


def network_types():
    import onnx

    yield onnx.ModelProto


def datasets():
    import xarray as xr

    along = {"x": ("x", [1.5, 2.5]), "t": np.array(["2024-01-01", "NaT"], "M8[ns]")}
    yield xr.Dataset({"a": (("x", "t"), np.eye(2)), "s": ("x", ["é", "b"])}, along, {"who": "me"})
    yield xr.DataArray(np.arange(6, dtype="i8").reshape(2, 3), dims=("p", "q"), name="n")


def expressions():
    import polars as pl

    yield (pl.col("a").sum().over("b") + pl.lit("x")).alias("q")
    yield pl.when(pl.col("a") > 1).then(pl.lit(pl.Series([1, 2]))).otherwise(pl.col("t").str.to_date())


POINT = '{"type": "Point", "coordinates": [1, 2]}'
JSON = [{"a": [1, 2.5, {"b": None}], "c": "é\u2028"}, {"deep": [[[[[1]]]]]}]
COMPACT = {"a": [1, 2.5, None, True, b"bytes" * 9, -(1 << 40)], 7: {b"k": "é" * 40}, "c": {"deep": [[[["x"]]]]}}
EXAMPLES = {
    ".json": Example(lambda: JSON),
    ".jsonl": Example(lambda: [JSON], "rows", frame_types),
    ".toml": Example(lambda: [{"list": [{"c": "é"}], "a": {"b": [1, 2.5, True], "at": dt.datetime(2024, 1, 1)}}],
                     asked=lambda: [dict], cases=200),
    ".ini": Example(lambda: [{"one": {"a": "1", "B": "x y"}, "two": {}}], "sections",
                    lambda: [dict, configparser.ConfigParser], 200),
    ".txt": Example(lambda: ["text é 日本\r\n"], "texts"),
    ".bin": Example(lambda: [b"\0\1bytes"], "bytes", cases=50),
    ".msgpack": Example(lambda: [COMPACT, [COMPACT, []]], "compact"),
    ".cbor": Example(lambda: [COMPACT, [dt.datetime(2024, 1, 1, tzinfo=dt.UTC), uuid.UUID(int=7), -(1 << 70)]],
                     "compact"),
    ".ipynb": Example(notebooks, "texts", lambda: [dict, *node_types()]),
    ".xml": Example(elements, "texts", lambda: [ET.Element, ET.ElementTree]),
    ".yaml": Example(lambda: [{"a": [1, 2.5, None], "t": "x"}, ["a", {"b": "c"}]]),
    ".pydantic.json": Example(lambda: [Settings(name="x", tags=["a", "b"])], "models"),
    ".dataclass.json": Example(lambda: [Run(number=1, label="x")], "models"),
    ".typed.json": Example(typed_values),
    ".bundle.zip": Example(bundled_values, "bundles"),
    ".npy": Example(lambda: [np.arange(30), np.zeros((2, 3), "f4", order="F"), np.array(["a", "bc"]),
                             np.zeros(3, [("a", "i4"), ("b", "S3")])], "arrays"),
    ".npz": Example(lambda: [{"a": np.arange(9), "b": np.zeros((2, 2))}], "arrays"),
    ".sparse": Example(matrices, "matrices"),
    ".pkl": Example(lambda: [{1, 2, 3}, (1, "x", dataclasses.Field)]),
    ".parquet": Example(lambda: [*tables(), repeated(), *maps()], "tables", lambda: [*frame_types(), *map_types()]),
    ".geojson": Example(lambda: [POINT, *maps()], "texts", lambda: [dict, *map_types()], 200),
    ".csv": Example(lambda: list(tables())[1:2], "tables"),
    ".tsv": Example(lambda: list(tables())[1:2], "tables", cases=200),
    ".arrow": Example(arrow_tables, "tables", frame_types),
    ".avro": Example(lambda: [*list(arrow_tables())[1:], next(tables())], "tables", frame_types, 200),
    ".xlsx": Example(lambda: [next(tables()).drop("c"), {"One": next(tables()).drop("c")}], "tables", frame_types, 200),
    ".xarray.nc": Example(datasets, "", cases=200),
    ".nc": Example(datasets, "", cases=200),
    ".plexpr": Example(expressions, "", cases=200),
    ".csv.gz": Example(lambda: list(tables())[1:2], "tables", frame_types),
    ".csv.zst": Example(lambda: list(tables())[1:2], "tables", frame_types, 200),
    ".json.gz": Example(lambda: JSON, asked=lambda: [object, dict], cases=200),
    ".json.zst": Example(lambda: JSON, asked=lambda: [dict]),
    ".pt": Example(tensors, "tensors"),
    ".png": Example(lambda: images("RGB", "P", "1", "LA"), "pictures"),
    ".jpg": Example(lambda: images("RGB", "L"), "pictures"),
    ".tif": Example(lambda: images("RGB", "CMYK", "F"), "pictures"),
    ".gif": Example(lambda: images("P"), "pictures"),
    ".bmp": Example(lambda: images("RGB"), "pictures"),
    ".webp": Example(lambda: images("RGB"), "pictures"),
    ".avif": Example(lambda: images("RGB"), "pictures", picture_types, 200),
    ".safetensors": Example(named_tensors, "tensors", cases=200),
    ".skops": Example(estimators, "", cases=50),
    ".ubj": Example(lambda: boosters("xgboost"), "learned", cases=200),
    ".lgb": Example(lambda: boosters("lightgbm"), "", cases=200),
    ".plotly": Example(figures, "learned", cases=200),
    ".vl": Example(charts, "", cases=200),
    ".onnx": Example(networks, "bytes", network_types, 200),
    ".tokenizer": Example(tokenizers, "learned", cases=200),
    ".tar": Example(folders, "", lambda: [Path], 200),
}  # fmt: skip
"""By extension."""

ALIKE = {
    ".pth": ".pt", ".jpeg": ".jpg", ".tiff": ".tif", ".yml": ".yaml", ".cfg": ".ini", ".feather": ".arrow",
    ".tsv.gz": ".csv.gz", ".tsv.zst": ".csv.zst", ".jsonl.gz": ".json.gz", ".jsonl.zst": ".json.zst",
    ".svg": ".txt", ".htm": ".txt", ".html": ".txt", ".pdf": ".bin",
}  # fmt: skip
"""Extensions whose files are read by the same code as those of another; those of plain texts and bytes need no line."""
