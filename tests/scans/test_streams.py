"""Tables that are written while they are computed: their kinds, their layout, and what is left where one fails."""

import dataclasses
import io
import warnings

import pytest

from autostore import (
    AutoStore,
    InvalidConfigError,
    PickledWarning,
    PreconditionFailedError,
    SchemaMismatchError,
    UnsupportedFormatError,
)
from tests.optional import pa, pd, pl, pq
from tests.scans.streamed import PIECES, ROWS, SCHEMA, STREAMS, TABLE, Relation, rows_of


class OwnError(Exception):
    pass


class Derived(pd.DataFrame):
    @property
    def _constructor(self):
        return Derived


@dataclasses.dataclass
class Described:
    values: list[int]

    def __arrow_c_stream__(self, requested_schema=None):
        raise AssertionError("nobody asked for it")


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    with AutoStore(tmp_path if request.param == "local" else "memory://") as store:
        yield store


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("key", ["t", "t.parquet", "t.csv"])
def test_every_kind_of_stream(store, name, key):
    """Each comes back whole and in order, as a table of its own library, under a bare key and under a file's name."""
    make, kind = STREAMS[name]
    store[key] = make()
    assert isinstance(store[key], pl.DataFrame if key == "t.csv" else kind)
    assert rows_of(store[key]) == ROWS
    assert [found.path for found in store._place.list_files()] == ["t.csv" if key == "t.csv" else "t.parquet"]


def test_dtypes_are_kept(store):
    """What one frame may be made of, a stream of them may: categories, zones, nested columns, an index."""
    frame = pl.DataFrame({
        "c": pl.Series(["a", "b"], dtype=pl.Categorical), "e": pl.Series(["x", "y"], dtype=pl.Enum(["y", "x"])),
        "z": pl.Series([1, 2], dtype=pl.Datetime("us", "Europe/Oslo")),
        "l": [[1], None], "d": pl.Series([1, 2], dtype=pl.Duration("ms")),
    })  # fmt: skip
    store["polars"] = (piece for piece in (frame, frame[:0], frame))
    assert store["polars"].collect().equals(pl.concat([frame, frame]))
    table = pa.table({"s": pa.array([1, 2], pa.timestamp("s")), "d": pa.array(["a", None]).dictionary_encode()})
    store["arrow"] = (piece for piece in (table, table))
    assert store["arrow"].schema == table.schema
    assert store["arrow"].to_pylist() == table.to_pylist() * 2
    part = pd.DataFrame({"x": [1.5, 2]}, index=pd.Index(["a", "b"], name="k"))
    store["pandas"] = (piece for piece in (part, part))
    pd.testing.assert_frame_equal(store["pandas"], pd.concat([part, part]))


def test_pieces_are_fitted_where_nothing_is_lost(store):
    """Another order of the columns, and nulls of no type, fit the first piece; numbered rows are numbered anew."""
    store["t"] = (
        pl.DataFrame(row) for row in ({"a": [1], "b": ["x"]}, {"b": ["y"], "a": [2]}, {"a": [3], "b": [None]})
    )
    assert store["t"].collect().rows() == [(1, "x"), (2, "y"), (3, None)]
    store["p"] = (piece for piece in (pd.DataFrame({"a": ["x"]}), pd.DataFrame({"a": [None]})))
    assert store["p"].index.equals(pd.RangeIndex(2))
    assert store["p"]["a"].isna().tolist() == [False, True]


@pytest.mark.parametrize("key", ["t", "t.csv"])
@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame, pa.table])
def test_a_piece_that_does_not_fit(store, make, key):
    """A column of another type, one too many, one too few, and another kind of table are refused by name."""
    store[key] = make({"old": [1]})
    for second, problem in [({"a": ["1"]}, "'a'"), ({"a": [1], "more": [1]}, "'more'"), ({"b": [1]}, "'a'")]:
        with pytest.raises(SchemaMismatchError, match=problem):
            store[key] = (make(rows) for rows in ({"a": [1]}, second))
    with pytest.raises(UnsupportedFormatError, match="Piece 2"):
        store[key] = (piece for piece in (make({"a": [1]}), 5))
    assert list(store.read(key, as_type=pl.DataFrame).columns) == ["old"]


@pytest.mark.parametrize("key", ["t", "t.csv"])
@pytest.mark.parametrize("name", ["frames of polars", "frames of pandas", "batches"])
@pytest.mark.parametrize(
    "error", [OwnError("mine"), KeyError("k"), pl.exceptions.ComputeError("c"), KeyboardInterrupt()]
)
def test_a_source_that_fails(store, name, key, error):
    """Whatever the generator raises passes unchanged, be it a library's; the old value stays, and nothing beside it."""

    def failing():
        yield from STREAMS[name][0]()
        raise error

    store[key] = pl.DataFrame({"old": [1]})
    with pytest.raises(type(error)) as caught:
        store[key] = failing()
    assert caught.value is error
    assert store.read(key, as_type=pl.DataFrame).columns == ["old"]
    assert len(list(store._place.list_files())) == 1


def test_what_is_no_table(store):
    """A generator of anything else is refused as ever, an empty one says what to do, another iterator stays one."""
    for key in ("t", "t.parquet", "t.csv"):
        with pytest.raises(UnsupportedFormatError, match="generator"):
            store[key] = (n for n in range(3))
        with pytest.raises(UnsupportedFormatError, match=f"(?s)'{key}'.*empty frame"):
            store[key] = (n for n in ())
    with pytest.raises(UnsupportedFormatError, match="not hold"):
        store["t.json"] = (pl.DataFrame(rows) for rows in PIECES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PickledWarning)  # once for each class
        store["i"] = iter([pl.DataFrame({"a": [1]})])
    assert not isinstance(store["i"], pl.LazyFrame)


def test_what_only_has_a_stream_beside(store):
    """A frame of a derived class, or a class of the user's that its format knows, is stored as what it is."""
    store["d"] = Derived({"a": [1]})
    assert type(store["d"]) is Derived
    store["m"] = Described([1])
    assert type(store["m"]) is Described


def test_layout(store):
    """Row groups of some 120,000 rows with statistics, whoever made the table; options hold, misspelt ones fail."""

    def groups(key):
        found = pq.read_metadata(io.BytesIO(store.read(key, as_type=bytes)))
        return [found.row_group(n) for n in range(found.num_row_groups)]

    frame = pl.DataFrame({"x": range(300_000)})
    many = {"frame": frame, "lazy": frame.lazy(), "pandas": frame.to_pandas(), "arrow": frame.to_arrow(),
            "batches": (batch for batch in frame.to_arrow().to_batches(1000)),
            "frames": (frame[at : at + 1000] for at in range(0, 300_000, 1000))}  # fmt: skip
    for key, data in many.items():
        store[key] = data
        found = groups(key)
        assert 3 <= len(found) <= 5, key
        assert all(group.column(0).statistics.has_min_max and group.column(0).compression == "ZSTD" for group in found)
        assert store.scan(key).select(pl.col("x").sum()).collect().item() == frame["x"].sum()
    options = {"row_group_size": 50_000, "compression": "gzip", "compression_level": 1, "statistics": False}
    many["batches"] = (batch for batch in frame.to_arrow().to_batches(1000))
    many["frames"] = (frame[at : at + 1000] for at in range(0, 300_000, 1000))
    for key, data in many.items():
        store.write(key, data, options=options)
        assert 6 <= len(groups(key)) <= 7, key
        assert groups(key)[0].column(0).compression == "GZIP"
        assert groups(key)[0].column(0).statistics is None
    for wrong in ({"rows": 1}, {"compression": "zip"}, {"row_group_size": 0}, {"statistics": "full"},
                  {"compression": "lz4", "compression_level": 3}):  # fmt: skip
        with pytest.raises(InvalidConfigError, match=next(iter(wrong))):
            store.write("frame", frame, options=wrong)
    for key, data in [("c.csv", frame), ("j", {"a": 1})]:
        with pytest.raises(UnsupportedFormatError, match="no options"):
            store.write(key, data, options={"compression": "zstd"})


def test_conditions(store):
    """`if_absent` and `if_etag` hold for streams as for all else; `modify` may return one."""
    first = store.write("t", STREAMS["frames of polars"][0](), if_absent=True)
    with pytest.raises(PreconditionFailedError):
        store.write("t", STREAMS["frames of polars"][0](), if_absent=True)
    store.write("t", (pl.DataFrame({"b": [n]}) for n in range(2)), if_etag=first.etag)
    with pytest.raises(PreconditionFailedError):
        store.write("t", STREAMS["frames of polars"][0](), if_etag=first.etag)
    store.modify("t", lambda frame: (frame.collect() for _ in range(2)))
    assert store["t"].collect()["b"].to_list() == [0, 1, 0, 1]
    assert store.setdefault("u", Relation(TABLE)) is not None
    assert rows_of(store["u"]) == ROWS


def test_a_reader_without_rows(store):
    """A reader says its columns, so that one without rows is a table without rows."""
    store["r"] = pa.RecordBatchReader.from_batches(SCHEMA, [])
    assert store["r"].equals(SCHEMA.empty_table())
