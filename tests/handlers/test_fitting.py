"""`as_type=`: what plain files hold, read into the caller's own types, or refused with what does not fit."""

import dataclasses
import datetime as dt
import decimal
import enum
import gzip
import tracemalloc
from typing import Annotated, Literal, NamedTuple, Required

import pydantic
import pytest
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from autostore import UnsupportedFormatError
from tests.optional import pd, pl


class Level(enum.Enum):
    LOW = "low"


class Settings(BaseModel):
    name: str
    rate: float = 0.5
    when: dt.date | None = None
    level: Level = Level.LOW
    token: pydantic.SecretStr | None = Field(default=None, alias="apiToken")


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    when: dt.date
    at: tuple[int, int]


@dataclasses.dataclass
class Row:
    n: int
    s: str | None = None


class Pair(NamedTuple):
    a: int
    b: str


class Options(TypedDict):
    n: int


ROWS = [{"n": 1, "s": "x"}, {"n": 2, "s": None}]
PLAIN = {"name": "a", "rate": 2, "when": "2024-01-01", "level": "low", "apiToken": "secret"}


@pytest.mark.parametrize("key", ["config.json", "config.yaml", "config"])
def test_a_configuration_is_read_into_its_model(local_store, key):
    """From JSON and YAML, fields by their alias or name, converted as Pydantic does."""
    local_store[key] = PLAIN
    settings = local_store.read(key, as_type=Settings)
    assert type(settings) is Settings
    assert (settings.rate, settings.when, settings.level) == (2.0, dt.date(2024, 1, 1), Level.LOW)
    assert settings.token.get_secret_value() == "secret"
    assert local_store.get(key, as_type=Settings) == settings


@pytest.mark.parametrize("key", ["config.typed.json", "config.json", "config.yaml"])
def test_an_alias_is_no_reason_for_a_default(local_store, key):
    """A field that the file names by its alias is read, also where it has a default."""
    local_store[key] = {"name": "a", "apiToken": "secret"}
    assert local_store.read(key, as_type=Settings).token.get_secret_value() == "secret"


def test_strict_types_take_json_as_json_spells_them(local_store):
    """A strict model reads its dates and tuples from JSON."""
    local_store["s.json"] = {"when": "2024-01-01", "at": [1, 2]}
    assert local_store.read("s.json", as_type=Strict) == Strict(when=dt.date(2024, 1, 1), at=(1, 2))


@pytest.mark.parametrize("key", ["rows.jsonl", "rows.json", "rows.yaml", "rows.csv", "rows.parquet", "rows.typed.json"])
@pytest.mark.parametrize("as_type", [list[Row], tuple[Row, ...], list[Options]])
def test_rows_are_read_into_a_list(local_store, key, as_type):
    """From lines, lists and tables alike."""
    local_store[key] = pl.DataFrame(ROWS) if key.endswith((".csv", ".parquet")) else ROWS
    rows = local_store.read(key, as_type=as_type)
    assert len(rows) == 2
    if as_type == list[Options]:
        assert rows[0]["n"] == 1
    else:
        assert list(rows) == [Row(1, "x"), Row(2)]


class Priced(BaseModel):
    code: str = Field(alias="Code")
    price: decimal.Decimal | None
    level: Literal["1", "2"]
    n: int | str


@dataclasses.dataclass
class PricedRow:
    code: Annotated[str, Field(min_length=1)]
    price: "decimal.Decimal"


class PricedPair(NamedTuple):
    code: str
    price: decimal.Decimal


class PricedDict(TypedDict, total=False):
    code: Required[str]
    price: decimal.Decimal


PRICES = "code,price\n123,1.10\n4e2,0.1000000000000000055511151231257827\ntrue,2\n2024-01-01,3\n"


@pytest.mark.parametrize("row", [PricedRow, PricedPair, PricedDict, PricedRow | PricedDict])
@pytest.mark.parametrize("key", ["t.csv", "t.csv.gz"])
def test_texts_and_decimals_of_a_csv_are_what_is_written_there(local_store, folder, key, row):
    """Not the number, the day or the truth value that their column looks like."""
    folder.mkdir()
    content = PRICES.encode()
    (folder / key).write_bytes(gzip.compress(content) if key.endswith(".gz") else content)
    rows = local_store.read(key, as_type=list[row])
    found = [row if isinstance(row, dict) else getattr(row, "_asdict", lambda row=row: vars(row))() for row in rows]
    assert [(row["code"], str(row["price"])) for row in found] == [
        tuple(line.split(",")) for line in PRICES.split()[1:]
    ]


def test_other_columns_of_a_csv_are_inferred(local_store, folder):
    """Beside texts, decimals and choices of texts; names may be aliases, and an empty cell is none."""
    folder.mkdir()
    (folder / "t.csv").write_text("Code,price,level,n\n1,2.50,1,7\n2,,2,8\n")
    first, second = local_store.read("t.csv", as_type=list[Priced])
    assert (first.code, str(first.price), first.level, first.n) == ("1", "2.50", "1", 7)
    assert (second.code, second.price, second.level, second.n) == ("2", None, "2", 8)
    assert local_store.read("t.csv", as_type=list[dict[str, str | None]])[1] == {
        "Code": "2",
        "price": None,
        "level": "2",
        "n": "8",
    }
    assert local_store.read("t.csv", as_type=list[dict])[0] == {"Code": 1, "price": 2.5, "level": 1, "n": 7}


@pytest.mark.parametrize(
    ("value", "as_type", "expected"),
    [
        ({"a": {"name": "x"}}, dict[str, Settings], {"a": Settings(name="x")}),
        ([1, "x"], Pair, Pair(1, "x")),
        ({"n": 1}, Row | int, Row(1)),
        ([3, 1, 3], set[int], {1, 3}),
        (5, Annotated[int, Field(gt=1)], 5),
        ("2024-01-01", dt.date, dt.date(2024, 1, 1)),
        ("low", Level, Level.LOW),
        ("b", Literal["a", "b"], "b"),
        (None, Row | None, None),
    ],
)
@pytest.mark.parametrize("extension", [".json", ".yaml", ".typed.json"])
def test_any_type_that_pydantic_knows(local_store, value, as_type, expected, extension):
    """Containers, unions, constraints, enums and the standard library's values."""
    local_store["k" + extension] = value
    found = local_store.read("k" + extension, as_type=as_type)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize("key", ["rows.jsonl", "rows.json", "rows.yaml", "rows.csv", "rows.parquet"])
def test_what_does_not_fit_is_named(local_store, key):
    """The message names key, row, field and the type that was found, never the value."""
    rows = [{"n": "1", "s": "x"}, {"n": "password", "s": "y"}]
    local_store[key] = pl.DataFrame(rows) if key.endswith((".csv", ".parquet")) else rows
    with pytest.raises(UnsupportedFormatError) as caught:
        local_store.read(key, as_type=list[Row])
    message = str(caught.value)
    assert "password" not in message
    for part in (repr(key), " 2, field n: ", "integer", "it is a str", "without as_type"):
        assert part in message, message
    assert ("line 2" in message) == key.endswith(".jsonl")
    assert len(local_store[key]) == 2


@pytest.mark.parametrize("key", ["t.parquet", "t.csv"])
def test_a_table_is_no_single_value(local_store, key):
    """What asks for one is told that a table lies there, not that a list does, and how its rows are read."""
    local_store[key] = pl.DataFrame(ROWS)
    for as_type in (dict, int, Settings):
        with pytest.raises(
            UnsupportedFormatError, match=r"it is a table, whose rows are read as list\[\.\.\.\]"
        ) as caught:
            local_store.read(key, as_type=as_type)
        assert "it is a list" not in str(caught.value)


def test_secrets_are_not_told(local_store):
    """Neither a missing field nor a wrong one shows what else the file holds."""
    local_store["c.json"] = {"rate": "hunter2", "apiToken": ["hunter2"]}
    with pytest.raises(
        UnsupportedFormatError, match=r"field name: Field required; field rate: .*field apiToken"
    ) as caught:
        local_store.read("c.json", as_type=Settings)
    assert "hunter2" not in str(caught.value)


def test_what_is_no_type_of_data_is_refused(local_store):
    """A class that Pydantic cannot validate is named, with the remedy."""

    class Stranger:
        pass

    local_store.update(
        {
            "c.json": {"a": 1},
            "t": pl.DataFrame(ROWS),
            "model": Row(n=1, s="x"),
            "pair": (1, 2),
            "b": {"t": pl.DataFrame(ROWS)},
        }
    )
    with pytest.raises(UnsupportedFormatError, match=r"LazyFrame is made of rows.*store\[key\]"):
        local_store.scan("model")
    for key in ("c.json", "t", "model", "pair", "b"):
        with pytest.raises(UnsupportedFormatError, match="Stranger is no type"):
            local_store.read(key, as_type=Stranger)
        for nonsense in ({}, {"type": "what"}, "nonsense[", "Missing", 5, [int]):
            with pytest.raises(UnsupportedFormatError, match="no type that plain data") as caught:
                local_store.read(key, as_type=nonsense)
            assert "arbitrary_types" not in str(caught.value)


def test_an_error_of_the_types_own_schema_passes(local_store):
    """What a class of the user's own says of itself is not translated."""

    class Own:
        @classmethod
        def __get_pydantic_core_schema__(cls, source: object, handler: object) -> object:
            raise RuntimeError("no such table")

    local_store["c.json"] = {"n": 1}
    with pytest.raises(RuntimeError, match="no such table"):
        local_store.read("c.json", as_type=Own)


def test_an_error_of_the_types_own_code_passes(local_store):
    """A validator that fails by its own fault is not the file's."""

    class Faulty(BaseModel):
        n: int

        @pydantic.field_validator("n")
        @classmethod
        def _check(cls, value: int) -> int:
            raise RuntimeError("no such table")

    local_store["c.json"] = {"n": 1}
    with pytest.raises(RuntimeError, match="no such table"):
        local_store.read("c.json", as_type=Faulty)


FINE = 1704067200123456789  # nanoseconds


@pytest.mark.parametrize("key", ["t.parquet", "t.arrow", "t.avro"])
@pytest.mark.parametrize(
    "dtype", [pl.Datetime("ns"), pl.Datetime("ns", "UTC"), pl.Duration("ns"), pl.Time, pl.List(pl.Datetime("ns"))]
)
@pytest.mark.parametrize("library", ["polars", "arrow"])
def test_nanoseconds_are_no_rows_of_python(local_store, key, dtype, library):
    """Python's times end at microseconds: what is finer is refused by its column, all else is exact."""
    if key == "t.avro" and dtype == pl.Time:
        pytest.skip("Avro has no such times")
    for count in (FINE % 10**14, FINE % 10**14 // 1000 * 1000):
        cell = [count] if dtype.is_nested() else count
        frame = pl.DataFrame({"at": [cell, None]}).select(pl.col("at").cast(dtype))
        local_store[key] = frame if library == "polars" else frame.to_arrow()
        if count % 1000:
            with pytest.raises(UnsupportedFormatError, match="'at' has nanoseconds"):
                local_store.read(key, as_type=list[dict])
        else:
            first, second = local_store.read(key, as_type=list[dict])
            assert (first, second) == tuple(frame.to_dicts())
            assert type(first["at"]) is type(frame["at"][0].to_list() if dtype.is_nested() else frame["at"][0])


@pytest.mark.parametrize("key", ["t.parquet", "t.arrow"])
def test_a_year_that_python_has_not_is_told(local_store, key):
    """The file is whole, and a table."""
    frame = pl.DataFrame({"at": pl.Series([-(10**17)], dtype=pl.Datetime("us"))})
    local_store[key] = frame
    with pytest.raises(UnsupportedFormatError, match="no place for a cell"):
        local_store.read(key, as_type=list[dict])
    assert local_store[key].equals(frame)


@pytest.mark.parametrize("key", ["r.json", "r.jsonl", "r.jsonl.gz"])
@pytest.mark.parametrize(
    "cells",
    [
        [1, "a"], [True, 2], [True, "a"], [{"x": 1}, 5], [{"x": 1}, {"x": "a"}], [["a"], [1]], [2**60 + 1, 0.5],
        [{"x": 2**60 + 1}, {"x": 0.5}], [2**70, None, "a"],
    ],
)  # fmt: skip
def test_a_table_of_rows_changes_no_cell(local_store, key, cells):
    """What has no type in common is refused: Polars makes a text of a number, or null of a number beside dicts."""
    local_store[key] = [{"c": cell} for cell in cells]
    with pytest.raises(UnsupportedFormatError, match=r"column 'c'|make no table"):
        local_store.read(key, as_type=pl.DataFrame)
    local_store[key] = [{"c": cell} for cell in (1, None, 2.5)]
    assert local_store.read(key, as_type=pl.DataFrame)["c"].to_list() == [1.0, None, 2.5]


@pytest.mark.parametrize("key", ["r.jsonl", "r.csv", "r.parquet", "r.arrow", "r.avro"])
def test_long_numbers_become_no_floats_of_pandas(local_store, key):
    """A null in their column would make them so; Polars and Arrow have a place for both."""
    frame = pl.DataFrame({"n": [2**60 + 1, None], "s": ["a", "b"]})
    local_store[key] = frame
    with pytest.raises(UnsupportedFormatError, match=r"beyond 2\^53"):
        local_store.read(key, as_type=pd.DataFrame)
    assert local_store.read(key, as_type=pl.DataFrame).equals(frame)
    if key == "r.jsonl":
        local_store[key] = pl.DataFrame({"n": [2**70, 2**60], "s": ["a", "b"]})
        with pytest.raises(UnsupportedFormatError, match="has no type for"):
            local_store.read(key, as_type=pd.DataFrame)
    local_store["few.parquet"] = pl.DataFrame({"n": [5, None]})
    assert local_store.read("few.parquet", as_type=pd.DataFrame)["n"].tolist()[0] == 5.0


def test_of_millions_of_rows_that_do_not_fit_the_first_are_told(local_store, folder):
    """What does not fit is an object each, so that the whole of it would take far more than the file."""
    # Mutation that this was seen to catch: `sliced` is False.
    local_store["k.json"] = []
    (folder / "k.json").write_text("[" + '{"a": 1},' * 15_000 + "1.5," * 100_000 + "1]")
    tracemalloc.start()
    try:
        with pytest.raises(UnsupportedFormatError, match=r"item 15001: .*and 4995 more; what stands behind") as caught:
            local_store.read("k.json", as_type=list[dict[str, int]])
        assert tracemalloc.get_traced_memory()[1] < 30 << 20
    finally:
        tracemalloc.stop()
    assert "115002" not in str(caught.value)
    assert len(local_store.read("k.json", as_type=list[object])) == 115_001
