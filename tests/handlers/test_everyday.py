"""Fifty values that people who work with data hand around: none is pickled, each comes back, other tools read each."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import http
import io
import pathlib
import re
import types
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pydantic
import pytest

from autostore import AutoStore, StorageConfig
from autostore.testing import same
from tests.handlers.exact import digest
from tests.handlers.reading import OtherProcess, open_with_other_tools
from tests.optional import Image, attrs, dateutil, np, pa, pd, pl, sp, torch

SALES = pd.DataFrame(
    {
        "city": ["Bonn", "Oslo", "Bonn", "Riga"],
        "kind": pd.Categorical(["b", "a", "a", "b"], categories=["b", "a"], ordered=True),
        "sales": [1.5, 2.0, np.nan, 4.0],
        "n": [1, 2, 3, 4],
        "when": pd.date_range("2024-01-01", periods=4, tz="Europe/Paris"),
    }
)
X, Y = SALES[["sales", "n"]], SALES["n"].rename("target")
MOMENT = dt.datetime(2024, 7, 1, 12, 30, tzinfo=dt.UTC)


@dataclasses.dataclass
class Trial:
    """A run of a search for parameters."""

    params: dict[str, float]
    score: float
    started: dt.datetime | None = None
    curve: Any = None


@attrs.define
class Run:
    """A record of a class of attrs, with slots."""

    name: str
    _seed: int = 0
    history: list[Any] = attrs.Factory(list)


class Split(NamedTuple):
    train: Any
    test: Any


class Training(pydantic.BaseModel):
    name: str
    lr: float = 1e-3
    layers: tuple[int, ...] = (64, 32)
    out: pathlib.Path = pathlib.Path("runs")
    window: dt.timedelta = dt.timedelta(days=7)


class Order(pydantic.BaseModel):
    id: uuid.UUID
    total: decimal.Decimal
    placed: dt.datetime
    lines: list[dict[str, Any]] = []


def checkpoint() -> dict[str, Any]:
    """After one step of training."""
    torch.manual_seed(0)
    net = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "loss": 0.25}


def photo() -> Image.Image:
    """As a camera hands it out."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    stream = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((16, 9)).save(stream, "PNG", exif=exif, dpi=(300, 300))
    return Image.open(io.BytesIO(stream.getvalue()))


VALUES: dict[str, Callable[[], Any]] = {
    # Frames, and what is made of them
    "train_test_split": lambda: (X.iloc[:3], X.iloc[3:], Y.iloc[:3], Y.iloc[3:]),
    "split_of_arrays": lambda: Split(np.ones((3, 2)), np.arange(3)),
    "frame_with_dtypes": lambda: SALES,
    "describe": lambda: SALES.describe(),
    "grouped_describe": lambda: SALES.groupby("city")[["sales", "n"]].describe(),
    "grouped_aggregates": lambda: SALES.groupby("city").agg({"sales": ["mean", "std"], "n": "sum"}),
    "pivot_table": lambda: SALES.pivot_table(index="city", columns="n", values=["sales"], aggfunc=["sum", "mean"]),
    "crosstab_of_bins": lambda: pd.crosstab(SALES["city"], pd.cut(SALES["n"], 2)),
    "binned": lambda: pd.cut(SALES["sales"], 3),
    "value_counts": lambda: SALES[["city", "n"]].value_counts(),
    "one_row": lambda: SALES.iloc[0],
    "column_types": lambda: SALES.dtypes,
    "transposed": lambda: SALES.T,
    "numbered_columns": lambda: pd.DataFrame(np.eye(3)),
    "months_as_columns": lambda: pd.DataFrame(np.eye(2), columns=pd.period_range("2024-01", periods=2, freq="M")),
    "same_name_twice": lambda: pd.concat([X, X], axis=1),
    "resampled": lambda: SALES.set_index("when")[["sales"]].resample("2D").sum(),
    "multi_index": lambda: SALES.set_index(["city", "n"]),
    "nullable": lambda: SALES.convert_dtypes(),
    "arrow_backed": lambda: SALES[["city", "n"]].convert_dtypes(dtype_backend="pyarrow"),
    "cells_of_lists": lambda: pd.DataFrame({"tags": [["a"], ["b", "c"]], "meta": [{"a": 1}, {"b": (1, 2)}]}),
    "sparse_and_complex": lambda: pd.DataFrame({"s": pd.arrays.SparseArray([0, 0, 1]), "z": [1 + 2j, 0j, -1j]}),
    "labels": lambda: pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", "y"]),
    "categories": lambda: pd.Categorical(["a", "b", "a"]),
    "with_attrs": lambda: _with_attrs(SALES.copy()),
    "polars_by_name": lambda: {"train": pl.DataFrame({"a": [1]}), "test": pl.DataFrame({"a": [2]})},
    "polars_partitions": lambda: pl.DataFrame({"g": ["a", "b"], "v": [1, 2]}).partition_by("g", as_dict=True),
    "polars_series": lambda: pl.Series("dates", [dt.date(2024, 1, 1), None]),
    "polars_schema": lambda: pl.Schema({"a": pl.Int64, "b": pl.Enum(["x", "y"])}),
    "arrow_batch": lambda: pa.record_batch({"a": [1, None], "b": ["x", "y"]}),
    "arrow_chunks": lambda: pa.chunked_array([["a"], ["b", None]]),
    "arrow_schema": lambda: pa.schema([pa.field("a", pa.timestamp("us", "UTC"), metadata={"unit": "s"})]),
    # Arrays and models
    "metrics": lambda: {"accuracy": np.float64(0.93), "f1": np.float32(0.5), "n": np.int64(5), "confusion": np.eye(2)},
    "embeddings": lambda: {"doc 1": np.ones(4, np.float32), "doc/2": np.zeros(4, np.float32)},
    "unique_counts": lambda: np.unique(np.array([1, 1, 2]), return_counts=True),
    "masked": lambda: np.ma.masked_array([1, 2, 3], mask=[0, 1, 0]),
    "records": lambda: np.rec.array([(1, "x")], dtype=[("a", "i4"), ("b", "U3")]),
    "array_of_objects": lambda: np.array(["a", None, 1.5], dtype=object),
    "steps_of_time": lambda: [np.datetime64("2024-01-01"), np.timedelta64(5, "m"), np.dtype("f4")],
    "tfidf": lambda: (sp.csr_matrix(np.eye(3)), ["a", "b", "c"]),
    "checkpoint": checkpoint,
    "checkpoint_with_settings": lambda: {
        **checkpoint(),
        "best": np.float64(0.5),
        "at": MOMENT,
        "out": pathlib.Path("x"),
    },
    "batch": lambda: {"ids": torch.arange(4), "texts": ["a", "b"], "size": torch.Size([2, 2])},
    # Plain Python
    "trials": lambda: [Trial({"lr": 0.1}, 0.5, MOMENT), Trial({"lr": 0.2}, 0.7, curve=np.linspace(0, 1, 3))],
    "attrs": lambda: [Run("a", 1, [{"at": MOMENT}]), Run("b", history=[np.arange(3)])],
    "links": lambda: {"page": pydantic.HttpUrl("https://a.org/b?c=d"), "db": pydantic.PostgresDsn("postgres://db/x")},
    "settings": lambda: {"train": Training(name="a"), "eval": Training(name="b", layers=())},
    "orders": lambda: [Order(id=uuid.UUID(int=7), total=decimal.Decimal("1.10"), placed=MOMENT)],
    "api_answer": lambda: {"status": http.HTTPStatus.OK, "items": [{"id": 1, "tags": None}], "at": MOMENT, "took": 0.1},
    "s3_listing": lambda: [{"Key": "a", "LastModified": dt.datetime(2024, 1, 1, tzinfo=dateutil.tz.UTC), "Size": 3}],
    "counts_by_day": lambda: collections.defaultdict(
        collections.Counter, {dt.date(2024, 1, 1): collections.Counter("aab")}
    ),
    "vocabulary": lambda: ({"the": 0, "a": 1}, {"stop", "words"}, collections.deque([1, 2], maxlen=2)),
    "arguments": lambda: types.SimpleNamespace(lr=0.1, path=pathlib.Path("x"), steps=range(3), rows=slice(None, 5)),
    "rules": lambda: {
        re.compile("^a+", re.IGNORECASE): 1,
        "period": pd.Period("2024-01", "M"),
        "bin": pd.Interval(0, 1),
    },
    "photo": photo,
    "labelled_photos": lambda: [{"image": photo(), "label": "cat", "boxes": [(1, 2, 3, 4)]}],
    "thumbnails": lambda: {"a.jpg": b"\xff\xd8" * 40_000, "sizes": (16, 9)},
}


def _with_attrs(frame: pd.DataFrame) -> pd.DataFrame:
    frame.attrs = {"source": "till", "until": dt.date(2024, 1, 1)}
    return frame


@pytest.fixture(scope="module")
def other() -> Any:
    with OtherProcess() as reader:
        yield reader


def test_there_are_fifty() -> None:
    """At least."""
    assert len(VALUES) >= 50


@pytest.mark.parametrize("name", VALUES)
def test_everyday_values_are_plain_files(tmp_path: Path, other: OtherProcess, name: str) -> None:
    """Where no pickle is allowed; in another process too, and as other tools read them."""
    value, store = VALUES[name](), AutoStore(tmp_path, StorageConfig(allow_pickle=False))
    file = tmp_path / store.write(name, value).path
    assert same(store[name], value)
    assert other.digest(str(tmp_path), name, trusting=True) == digest(value)
    open_with_other_tools(file)
    store.close()
