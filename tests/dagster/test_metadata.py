"""What the UI shows: facts and previews of every type, bounded, and never over what the user says."""

import enum
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest
from PIL import Image
from pydantic import BaseModel, Field
from scipy import sparse

from autostore import AutoStore
from autostore_dagster import stamp

LIMIT = 100_000
"""Bytes of one materialization's event, whatever the value."""


class Model(BaseModel):
    """A model with a field that its repr hides."""

    accuracy: float = 0.5
    password: str = Field("hunter2", repr=False)


@dataclass
class Config:
    """A dataclass with a field that its repr hides."""

    epochs: int = 3
    password: str = field(default="hunter2", repr=False)


def shown(rig, value, **options):
    """The metadata of an asset that returns this value."""

    @dg.asset(**options)
    def thing() -> Any:
        return value

    result = rig.run(thing)
    event = next(event for event in result.all_events if event.is_step_materialization)
    assert len(dg.serialize_value(event)) < LIMIT
    metadata = rig.metadata(result, "thing")[None]
    assert "preview_error" not in metadata, metadata["preview_error"]
    return metadata


def test_facts_of_every_value(rig):
    """Key, uri, format, type, ETag, size, seconds, and a line to paste that loads it."""
    found = shown(rig, {"a": 1})
    file = rig.store().get_metadata("thing")
    assert found["key"] == "thing"
    assert found["uri"] == f"{rig.store().uri.rstrip('/')}/thing.json"
    assert (found["format"], found["type"], found["etag"]) == (".json", "dict", file.etag)
    assert found["dagster/size_bytes"] == file.size
    assert found["write_seconds"] > 0
    assert eval(found["load"], {"AutoStore": partial(AutoStore, config=rig.store().config)}) == {"a": 1}


@pytest.mark.parametrize("lazy", [False, True])
def test_a_polars_table(local_rig, lazy):
    """Rows, columns, head; statistics that plot for a table in memory."""
    table = pl.DataFrame({"x": [1, 2, None, 3, 4, 5], "name": list("abcdef"), "l": [[1]] * 6})
    found = shown(local_rig, table.lazy() if lazy else table)
    assert found["dagster/row_count"] == 6
    assert [(c.name, c.type) for c in found["dagster/column_schema"].columns] == [
        ("x", "Int64"), ("name", "String"), ("l", "List(Int64)"),
    ]  # fmt: skip
    assert [record.data["name"] for record in found["head"]] == list("abcde")
    if not lazy:
        assert (found["mean/x"], found["nulls/x"]) == (3.0, 1)


def test_statistics(local_rig):
    """A table like describe()'s, rounded, numbers to the right; behind a link where the panel is too narrow for it."""
    pd = pytest.importorskip("pandas")
    numbers = {"a_b": [1.23456789, 2.5, None], "n": [1000, 2000, 3000]}
    told = "| a\\_b | 1 | 1.8673 | 0.8948 | 1.2346 | 2.5 |"
    for table in (pl.DataFrame(numbers), pd.DataFrame(numbers)):
        lines = shown(local_rig, table)["statistics"].splitlines()
        assert lines[:3] == [
            "| column | nulls | mean | std | min | max |",
            "| --- | --: | --: | --: | --: | --: |",
            told,
        ]
        assert lines[3].startswith("| n | 0 | 2,000 | 1,000 | 1,000 | 3,000 |")
        assert len("".join(lines)) < 1000
    times = pl.DataFrame({"at": [datetime(2024, 1, 1), datetime(2024, 1, 2, 3, 4)], "nan": [float("nan"), 1.0]})
    linked = shown(local_rig, times)["statistics"]
    assert "| at | 0 |  |  | 2024-01-01 | 2024-01-02 03:04:00 |" in linked
    assert len(linked) > 1000
    assert "statistics" not in shown(local_rig, pl.DataFrame({"name": ["x"]}))


def test_a_wide_table(local_rig):
    """A table wider than the panel shows a row for each column, with its first values in short."""
    table = pl.DataFrame({f"a column of some width {number}": [0.123456789, 2.0] for number in range(5)})
    head = [record.data for record in shown(local_rig, table.with_columns(text=pl.lit("x" * 99)))["head"]]
    assert head[0] == {"column": "a column of some wi…", "first values": "0.123457, 2.0"}
    assert head[-1] == {"column": "text", "first values": f"{'x' * 23}…, {'x' * 23}…"}


def test_what_columns_mean(local_rig):
    """Descriptions of columns that the asset states stand beside the stored table's own types."""
    meant = dg.TableSchema([dg.TableColumn("x", "anything", description="How late"), dg.TableColumn("gone")])

    @dg.asset(metadata={"dagster/column_schema": meant})
    def table() -> pl.DataFrame:
        return pl.DataFrame({"x": [1], "y": [2]})

    schema = local_rig.metadata(local_rig.run(table), "table")[None]["dagster/column_schema"]
    assert [(c.name, c.type, c.description) for c in schema.columns] == [
        ("x", "Int64", "How late"), ("y", "Int64", None),
    ]  # fmt: skip


def test_pandas_and_arrow_tables(local_rig):
    """Their rows, columns and heads show alike."""
    pd, pa = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    for table in (pd.DataFrame({"x": [1, 2]}), pa.table({"x": [1, 2]})):
        found = shown(local_rig, table)
        assert found["dagster/row_count"] == 2
        assert [column.name for column in found["dagster/column_schema"].columns] == ["x"]
        assert [record.data for record in found["head"]] == [{"x": 1}, {"x": 2}]


def test_odd_pandas_columns(local_rig):
    """Columns whose names are no texts, or whose values have no mean, take nothing from the preview."""
    pd = pytest.importorskip("pandas")
    columns = {
        0: [1, 2],
        "span": pd.to_timedelta([1, 2], unit="h"),
        "complex": [1j, 2.0],
        "none": pd.array([None, None], dtype="Int64"),
        ("a", 1): [1.0, None],
    }
    for name, values in columns.items():
        found = shown(local_rig, pd.DataFrame({name: values}))
        assert found["dagster/row_count"] == 2
        assert [column.name for column in found["dagster/column_schema"].columns] == [str(name)]
        assert [list(record.data) for record in found["head"]] == [[str(name)]] * 2
        assert found.get(f"mean/{name}") == {0: 1.5, ("a", 1): 1.0}.get(name)
    assert found["nulls/('a', 1)"] == 1


def test_arrays(local_rig):
    """Shape, dtype, range; how full a sparse matrix is."""
    found = shown(local_rig, np.arange(6.0).reshape(2, 3))
    assert (found["shape"], found["dtype"], found["min"], found["max"]) == ("(2, 3)", "float64", 0.0, 5.0)
    found = shown(local_rig, sparse.csr_matrix(np.eye(4)))
    assert (found["shape"], found["stored_values"], found["density"]) == ("(4, 4)", 4, 0.25)
    assert "max" not in shown(local_rig, np.array(["a", "b"]))
    assert shown(local_rig, np.zeros((0, 2)))["shape"] == "(0, 2)"
    assert shown(local_rig, np.array([1.0, np.nan]))["max"] == "nan"


def test_tensors_and_models(local_rig):
    """Shape and range of a tensor, parameters of a network."""
    torch = pytest.importorskip("torch")
    found = shown(local_rig, torch.arange(4).reshape(2, 2))
    assert (found["shape"], found["dtype"], found["max"]) == ("(2, 2)", "torch.int64", 3.0)
    found = shown(local_rig, torch.nn.Linear(3, 2))
    assert found["parameters"] == found["trainable_parameters"] == 8
    assert "in_features=3" in found["layers"]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "1", "P", "LA", "I;16", "F", "CMYK"])
def test_images(local_rig, mode):
    """A thumbnail that the UI shows inline, and a larger preview, in every mode."""
    found = shown(local_rig, Image.effect_noise((300, 200), 90).convert(mode if mode != "I;16" else "I").convert(mode))
    assert (found["width"], found["height"], found["mode"]) == (300, 200, mode)
    assert found["thumbnail"].startswith("![thumbnail](data:image/webp;base64,")
    assert len(found["thumbnail"]) < 1000 < len(found["preview"])


def test_what_there_is_to_look_at_comes_first(local_rig):
    """The UI shows metadata in the order of the event: the head and the picture stand above the facts."""
    for value, name in (
        (pl.DataFrame({"a": [1]}), "head"),
        (Image.new("RGB", (9, 9)), "thumbnail"),
        (Model(), "fields"),
    ):
        assert next(iter(shown(local_rig, value))) == name


def test_fields(local_rig):
    """Fields of models and dataclasses, but not those that their repr hides."""
    for value, name, number in ((Model(), "value/accuracy", 0.5), (Config(), "value/epochs", 3)):
        found = shown(local_rig, value)
        assert found[name] == number
        assert "hunter2" not in str(found)


def test_records_texts_and_numbers(local_rig):
    """Entries of dicts and lists, heads of texts, and numbers that plot."""
    assert shown(local_rig, {"a": 1, "b": "x"})["value/a"] == 1
    found = shown(local_rig, [{"a": 1}, {"a": 2}])
    assert (found["dagster/row_count"], [record.data for record in found["head"]]) == (2, [{"a": 1}, {"a": 2}])
    assert shown(local_rig, [1, "x"])["entries"] == 2
    assert shown(local_rig, "# Title\ntext")["lines"] == 2
    assert shown(local_rig, 2.5)["value"] == 2.5
    assert shown(local_rig, b"\x00\xff")["head"] == "00 ff"


@pytest.mark.parametrize(
    "value", ["a\udcff.txt", ["\udcff", 1], {"\udcff": 1}, {"a": "\udcff"}, [{"\udcff": "\udcff"}]], ids=ascii
)
def test_half_a_character_is_told_as_such(local_rig, value):
    """Names of files that are no UTF-8 come back as they are, and what is told of them can be sent to a browser."""
    found = shown(local_rig, value)
    assert local_rig.load(dg.AssetSpec("thing")) == value
    told = "".join(f"{name} {fact}" for name, fact in found.items())
    assert "udcff" in told.encode().decode()


@pytest.mark.parametrize(
    "value",
    [
        pl.DataFrame({f"column_{i}": ["x" * 10_000] * 10 for i in range(2_000)}),
        pl.DataFrame({"binary": [b"x" * 1_000_000], "nested": [[["y" * 1_000_000]]]}),
        pl.DataFrame({"n" * 50_000: [1]}),
        {str(i): "v" * 1_000 for i in range(10_000)},
        {"k" * 100_000: 1},
        [{"k" * 100_000: "v" * 100_000}] * 10,
        ["v" * 1_000_000],
        "line\n" * 1_000_000,
        b"\xff" * 10_000_000,
        10**400,
        {"big": 10**400, "nan": float("nan")},
        Image.effect_noise((2000, 2000), 200).convert("RGB"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_event_log_is_not_the_data(local_rig, value):
    """A wide table, a huge text or a big number leaves an event of bounded size."""
    shown(local_rig, value)


def test_the_user_s_own_metadata_wins(local_rig):
    """What the asset says of itself is not overwritten, by whichever way it says it."""
    frame = pl.DataFrame({"x": [1]})

    @dg.asset
    def output_():
        return dg.Output(frame, metadata={"dagster/row_count": 99, "key": "mine"})

    @dg.asset
    def context_(context) -> pl.DataFrame:
        context.add_output_metadata({"dagster/row_count": 99})
        return frame

    @dg.asset
    def result() -> dg.MaterializeResult:
        return dg.MaterializeResult(value=frame, metadata={"dagster/row_count": 99})

    run = local_rig.run(output_, context_, result)
    for node in ("output_", "context_", "result"):
        assert local_rig.metadata(run, node)[None]["dagster/row_count"] == 99
    assert local_rig.metadata(run, "output_")[None]["key"] == "mine"


def test_the_user_s_own_metadata_of_a_partition_wins(local_rig):
    """Also where one run writes several partitions."""
    letters = dg.StaticPartitionsDefinition(["a", "b"])

    @dg.asset(partitions_def=letters, backfill_policy=dg.BackfillPolicy.single_run())
    def each(context) -> Any:
        context.add_asset_metadata({"type": "mine"}, partition_key="a")
        return {"a": 1, "b": 2}

    found = local_rig.metadata(local_rig.run(each, between=("a", "b")), "each")
    assert [found[key]["type"] for key in "ab"] == ["mine", "int"]


@pytest.mark.parametrize("how", ["manager", "asset"])
def test_previews_can_be_turned_off(local_rig, how):
    """Without previews nothing of the value itself reaches the event log."""
    if how == "manager":
        local_rig.manager = local_rig.manage(previews=False)
    options = {"metadata": {"autostore/previews": False}} if how == "asset" else {}
    found = shown(local_rig, pl.DataFrame({"x": ["private"]}), **options)
    assert "private" not in str(found)
    assert found["dagster/size_bytes"] > 0


def test_a_preview_that_fails_fails_nothing(local_rig):
    """The value is stored, and the event says why there is no preview."""

    class Stubborn(dict):
        def __len__(self):
            raise RuntimeError("no preview of me")

    @dg.asset
    def thing() -> Any:
        return Stubborn()

    globals()["Stubborn"] = Stubborn
    Stubborn.__qualname__ = "Stubborn"
    found = local_rig.metadata(local_rig.run(thing), "thing")[None]
    assert found["preview_error"] == "RuntimeError: no preview of me"
    assert local_rig.stored() == ["thing"]


class Level(enum.IntEnum):
    """A number with a name."""

    HIGH = 3


class Color(enum.StrEnum):
    """A text with a name."""

    RED = "red"


def test_enum_members(local_rig):
    """Members that are numbers or texts show so: Dagster refuses an event that holds the class."""
    assert shown(local_rig, Level.HIGH)["value"] == 3
    assert shown(local_rig, Color.RED)["head"] == "red"
    assert shown(local_rig, {"level": Level.HIGH})["value/level"] == 3
    assert [record.data for record in shown(local_rig, [{"color": Color.RED}])["head"]] == [{"color": "red"}]


PLUGIN = """
from autostore.plugins import Columns, DataHandler, Markdown, Picture, Rows


class Track:
    pass


class TrackHandler(DataHandler):
    extensions = [".trk"]

    def can_handle_data(self, data):
        return type(data) is Track

    def read_from_file(self, file_path, file_extension):
        return Track()

    def write_to_file(self, data, file_path, file_extension):
        file_path.write_text("track")

    def preview(self, data):
        return {
            "row_count": 7, "column_schema": Columns([("title", "String")]), "seconds": 3.5, "codec": "flac",
            "etag": "a plugin's", "lyrics": Markdown("# La"), "cover": Picture(b"GIF89a", "image/gif"),
            "chapters": Rows([{"title": "One", "at": 0}, {"title": "Two"}]),
        }


class ScoreHandler(TrackHandler):
    extensions = [".score"]
    explicit_only = True

    def preview(self, data):
        return {"bars": 12, "row_count": "unknown"}
"""

RUN = """
import json, sys
import dagster as dg
from autostore_dagster import AutoStoreIOManager
from track_plugin import Track

def thing(): return Track()
assets = [dg.asset(thing, name="track"), dg.asset(thing, name="score", metadata={"autostore/format": "score"})]
result = dg.materialize(assets, resources={"io_manager": AutoStoreIOManager(uri=sys.argv[1])})
for name in ("track", "score"):
    [event] = result.asset_materializations_for_node(name)
    print(json.dumps({key: json.loads(dg.serialize_value(value)) for key, value in event.metadata.items()}))
"""


@pytest.fixture
def plugin_metadata(tmp_path):
    """What a process in which a plugin is installed writes to the event log: of a track, and of it as a score."""
    (tmp_path / "track_plugin.py").write_text(PLUGIN)
    (tmp_path / "track_plugin-1.0.dist-info").mkdir()
    (tmp_path / "track_plugin-1.0.dist-info" / "METADATA").write_text("Name: track-plugin\nVersion: 1.0\n")
    (tmp_path / "track_plugin-1.0.dist-info" / "entry_points.txt").write_text(
        "[autostore.handlers]\ntrack = track_plugin:TrackHandler\nscore = track_plugin:ScoreHandler\n"
    )
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", RUN, str(tmp_path / "store")]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_an_installed_plugin_shows_its_values(plugin_metadata):
    """One entry point: what the handler's preview says stands in the UI, in Dagster's own kinds."""
    track, score = plugin_metadata
    assert "preview_error" not in track, track["preview_error"]
    assert list(track)[:3] == ["lyrics", "cover", "chapters"]
    assert (track["format"]["text"], score["format"]["text"]) == (".trk", ".score")
    assert (track["dagster/row_count"]["value"], track["seconds"]["value"], track["codec"]["text"]) == (7, 3.5, "flac")
    assert track["dagster/column_schema"]["schema"]["columns"][0]["name"] == "title"
    assert track["lyrics"]["md_str"] == "# La"
    assert track["cover"]["md_str"] == "![cover](data:image/gif;base64,R0lGODlh)"
    assert [record["data"] for record in track["chapters"]["records"]] == [
        {"title": "One", "at": 0}, {"title": "Two", "at": None},
    ]  # fmt: skip
    assert track["etag"]["text"] != "a plugin's"
    assert (score["bars"]["value"], score["row_count"]["text"]) == (12, "unknown")
    assert "dagster/row_count" not in score


def test_stamped_definitions():
    """uri, kind and table name are on the definitions, where the catalog looks for them; one's own stay."""

    @dg.asset(key=["raw", "q1.csv"])
    def table() -> dict[str, pl.DataFrame]: ...

    @dg.asset(kinds={"mine"}, metadata={"dagster/uri": "elsewhere"})
    def own() -> np.ndarray: ...

    @dg.asset
    def plain() -> int: ...

    first, second, third, spec = stamp([table, own, plain, dg.AssetSpec("outside")], uri="s3://b/p/")
    stamped = next(iter(first.specs))
    assert stamped.metadata["dagster/uri"] == "s3://b/p/raw/q1%2Ecsv"
    assert stamped.metadata["dagster/table_name"] == "raw.q1.csv"
    assert stamped.kinds == {"polars"}
    assert next(iter(second.specs)).metadata["dagster/uri"] == "elsewhere"
    assert next(iter(second.specs)).kinds == {"mine"}
    assert next(iter(third.specs)).kinds == set()
    assert spec.metadata["dagster/uri"] == "s3://b/p/outside"


@dg.op
def make_frame() -> pl.DataFrame | None:
    """A frame, or none."""
    return pl.DataFrame({"x": [1]})


@dg.op
def make_array() -> np.ndarray:
    """An array."""
    return np.zeros(1)


def test_stamped_graphs():
    """Assets that a graph makes have the kind of their own output, and Optional hides none."""

    @dg.graph_asset
    def table():
        return make_frame()

    @dg.graph_multi_asset(outs={"first": dg.AssetOut(), "second": dg.AssetOut()})
    def both():
        return {"first": make_frame(), "second": make_array()}

    kinds = {spec.key.to_user_string(): spec.kinds for asset in stamp([table, both], uri="x") for spec in asset.specs}
    assert kinds == {"table": {"polars"}, "first": {"polars"}, "second": {"numpy"}}


def test_what_is_not_stored_is_not_stamped():
    """Assets that return nothing, or that another IO manager keeps, get no uri."""

    @dg.asset
    def nothing() -> None: ...

    @dg.asset(io_manager_key="warehouse")
    def elsewhere() -> pl.DataFrame: ...

    def stamped(**options):
        found = stamp([nothing, elsewhere], uri="x", **options)
        return [asset.key.to_user_string() for asset in found if "dagster/uri" in asset.get_asset_spec().metadata]

    assert stamped() == []
    assert stamped(io_manager_key="warehouse") == ["elsewhere"]
