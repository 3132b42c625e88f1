"""What a version wrote under which key: `python -m tests.older.values FOLDER` writes it all, once, with that version.

`tests/older/0.1.0-2c73506` was so written by the version of 2026-11-22. A folder here is never written
again; a later version adds its own.
"""

import collections
import dataclasses
import datetime as dt
import enum
import sys
import uuid

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import scipy.sparse as sp
from PIL import Image
from pydantic import BaseModel

from tests.optional import torch


class Mood(enum.Enum):
    CALM = "calm"


class Station(BaseModel):
    name: str
    opened: dt.date | None = None
    moods: list[Mood] = []


@dataclasses.dataclass
class Flight:
    number: int
    station: Station | None = None


@dataclasses.dataclass
class Node:
    """Nothing but pickle holds a cycle."""

    children: list = dataclasses.field(default_factory=list)


def picture(mode):
    image = Image.new(mode, (3, 2))
    image.putpixel((0, 0), tuple(range(9, 9 + len(image.getbands()))) if len(image.getbands()) > 1 else 1)
    return image


FRAME = {"a": [1, 2, None], "b": ["x", None, "z"], "c": [0.5, float("inf"), -0.0]}


def values():
    """Key -> value, of every format and every way to name one."""
    moment = dt.datetime(2024, 7, 1, 12, 30, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    return {
        "frame": pl.DataFrame(FRAME),
        "lazy": pl.LazyFrame(FRAME),
        "pandas": pd.DataFrame({"n": [1, 2], "t": pd.to_datetime(["2024-01-01", "2024-01-02"])}, index=["x", "y"]),
        "arrow": pa.table({"n": pa.array([[1], []], pa.list_(pa.int16())), "d": pa.array([1, 2], pa.date32())}),
        "named.csv": pl.DataFrame({"n": [1, 2], "s": ["a", "b"]}),
        "array": np.arange(6, dtype=">i2").reshape(2, 3),
        "record": np.array([(1, "x")], dtype=[("n", "i4"), ("s", "U3")]),
        "arrays": {"a": np.ones(2), "b/c": np.array(["x"])},
        "sparse": sp.csr_array(np.eye(3)),
        "sparse_lil": sp.lil_matrix(np.eye(2)),
        "tensor": torch.arange(4.0).requires_grad_(),
        "state": collections.OrderedDict(w=torch.ones(2, dtype=torch.bfloat16)),
        "rgb": picture("RGB"),
        "palette": picture("P"),
        "cmyk": picture("CMYK"),
        "photo.jpg": Image.new("RGB", (4, 4), "red"),
        "model": Station(name="Jena", opened=dt.date(1874, 1, 1), moods=[Mood.CALM]),
        "dataclass": Flight(7, Station(name="EWR", opened=None, moods=[])),  # which fields were set was not kept then
        "text": "line\r\nünï ☃",
        "page.html": "<p>",
        "bytes": b"\0\xff",
        "dict": {"a": [1, 2.5, None, True], "ü": {"deep": "x"}},
        "number": -7,
        "none": None,
        "empty": [],
        "rows": [{"a": 1}, {"b": "line\u2028"}],
        "rows2.jsonl": [1, [2], "x"],
        "named.yaml": {"when": dt.date(2024, 1, 1), "n": [1, "08"]},
        "pickled/tuple": (1, (2, 3)),
        "pickled/moment": moment,
        "pickled/uuid": uuid.UUID(int=5),
        "pickled/models": [Station(name="a"), Flight(1)],
        "pickled/set": {1, 2},
        "pickled/frames": {"train": pl.DataFrame({"x": [1]})},
        "pickled/counter": collections.Counter("aab"),
        # Names that a later version takes for a file's own.
        "report.pdf": b"%PDF",
        "notes.log": {"level": "INFO"},
        "Photo.JPG": picture("L"),
        "model.v1": {"v": 1},
        "deep/er/still": "x",
    }


def write(folder):
    """Store them all."""
    from autostore import AutoStore

    with AutoStore(folder) as store:
        for key, value in values().items():
            store[key] = value


if __name__ == "__main__":
    from tests.older import values as named  # files name their classes by this module

    named.write(sys.argv[1])
