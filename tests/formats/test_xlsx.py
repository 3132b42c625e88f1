"""Excel by name: cells come back exactly or are refused, other readers see them, others' files are read when asked."""

import contextlib
import datetime as dt
import io
import random
import zipfile

import pytest
from hypothesis import given, settings

from autostore import AutoStore, CorruptDataError, StorageConfig, TooLargeError, UnsupportedFormatError
from autostore.testing import same
from tests.optional import optional, pa, pd, pl
from tests.reliability.mutated_reader import TYPED
from tests.reliability.scale import scaled

dataframes = optional("polars.testing.parametric").dataframes

openpyxl = pytest.importorskip("openpyxl")

FRAME = pl.DataFrame(
    {
        "e": pl.Series(["x", None, "x"], dtype=pl.Enum(["y", "x"])),
        "c": pl.Series(["x", "y", None], dtype=pl.Categorical),
        "t": [dt.time(1, 2, 3, 4), None, None],
        "n": [1, None, -(2**53)],
        "f": [0.1 + 0.2, -0.0, 1e300],
        "g": pl.Series([0.1, None, 2], dtype=pl.Float32),
        "s": ["=1+1", "007", "a\r\n\tb<&\x01_x0041_"],
        "empty": ["", None, " x "],
        "b": [True, False, None],
        "d": [dt.date(2024, 2, 29), None, dt.date(9999, 12, 31)],
        "at": [dt.datetime(2024, 1, 1, 23, 59, 59, 123456), None, dt.datetime(1950, 1, 1)],
        "m": pl.Series([1, None, 2], dtype=pl.Decimal(10, 2)),
        "z": [None] * 3,
    }
)
PANDAS = pd.DataFrame({"x": [1.5, float("nan")], "t": pd.to_datetime(["2024-01-01", None])}, index=["i", "j"])
ARROW = pa.table({"a": pa.array([1, 2], pa.uint16()), "s": pa.array(["x", None], pa.large_string())})
VALUES = {
    "polars": FRAME,
    "polars no rows": FRAME.clear(),
    "polars nulls": pl.DataFrame({"a": [None, None]}, schema={"a": pl.String}),
    "pandas": PANDAS,
    "arrow": ARROW.replace_schema_metadata({"who": "é"}),
    "sheets": {"One": FRAME, "two é": PANDAS, "3": ARROW},
}


def saved(rows, title="Data"):
    """As openpyxl saves a workbook."""
    book, stream = openpyxl.Workbook(), io.BytesIO()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    book.save(stream)
    return stream.getvalue()


def rezipped(raw, change):
    """The same archive with other parts."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return stream.getvalue()


@pytest.mark.parametrize("name", VALUES)
def test_tables_come_back(local_store, folder, name):
    """Of the same kind and dtypes, sheets as a dict; openpyxl opens the file, and equal tables are equal files."""
    value = VALUES[name]
    assert local_store.write("t.xlsx", value).path == "t.xlsx"
    assert same(local_store["t.xlsx"], value)
    raw = (folder / "t.xlsx").read_bytes()
    assert local_store.read("t.xlsx", as_type=bytes) == raw
    sheets = openpyxl.load_workbook(io.BytesIO(raw))
    assert sheets.sheetnames == (list(value) if name == "sheets" else ["Sheet1"])
    local_store["t.xlsx"] = value
    assert (folder / "t.xlsx").read_bytes() == raw
    with pytest.raises(UnsupportedFormatError, match="Store the value itself"):
        local_store["other.xlsx"] = raw
    local_store["bytes.xlsx"] = b"raw"
    assert local_store["bytes.xlsx"] == b"raw"


def test_what_other_programs_see(local_store, folder):
    """Text stays text, also one that looks like a number or a formula; dates are dates."""
    local_store["t.xlsx"] = FRAME
    sheet = openpyxl.load_workbook(folder / "t.xlsx").active
    rows = list(sheet.iter_rows())
    assert [cell.value for cell in rows[0]] == FRAME.columns
    column = {cell.value: [row[at] for row in rows[1:]] for at, cell in enumerate(rows[0])}
    assert [(cell.value, cell.data_type) for cell in column["s"][:2]] == [("=1+1", "s"), ("007", "s")]
    assert column["d"][0].value == dt.datetime(2024, 2, 29)
    assert column["at"][0].value == dt.datetime(2024, 1, 1, 23, 59, 59, 123000)
    assert [cell.value for cell in column["f"]] == [0.1 + 0.2, -0.0, 1e300]
    assert pd.read_excel(folder / "t.xlsx", engine="openpyxl")["n"].tolist()[0] == 1


@given(frame=dataframes(min_cols=1, max_cols=3, max_size=5))
@settings(deadline=None, max_examples=scaled(60, 20_000))
def test_any_frame_comes_back_or_is_refused(tmp_path_factory, frame):
    """Whatever Polars holds is read as it was, or nothing was written."""
    with AutoStore(tmp_path_factory.mktemp("xlsx")) as store:
        try:
            store["t.xlsx"] = frame
        except UnsupportedFormatError:
            assert "t.xlsx" not in store
        else:
            assert same(store["t.xlsx"], frame)


def test_hours_that_go_on(local_store, folder):
    """`[h]:mm` is how long, as in sheets of hours worked, and no time of day, day of 1900 or number."""
    long = [dt.timedelta(hours=1500, minutes=15), dt.timedelta(hours=7, minutes=30), dt.timedelta(0)]
    book = openpyxl.Workbook()
    for row, value in enumerate(long, start=2):
        for column, code in enumerate(("[h]:mm", "[hh]:mm:ss", "[Red][h]:mm;[Blue]-h:mm"), start=1):
            book.active.cell(1, column, code)
            book.active.cell(row, column, value / dt.timedelta(days=1)).number_format = code
        book.active.cell(row, 4, value / dt.timedelta(days=1)).number_format = "[h]:mm" if row == 2 else "h:mm"
    book.active.cell(1, 4, "both")
    folder.mkdir(exist_ok=True)
    book.save(folder / "hours.xlsx")
    frame = local_store.read("hours.xlsx", as_type=pl.DataFrame)
    assert frame.columns == ["[h]:mm", "[hh]:mm:ss", "[Red][h]:mm;[Blue]-h:mm", "both"]
    assert all(frame[name].to_list() == long for name in frame.columns)


def test_large_numbers_beside_fractions(local_store, folder):
    """A whole number that a float would round stays what it is, as a text."""
    folder.mkdir(exist_ok=True)
    content = saved([["n", "m"], [1234567, 2**53], [1.5, 0.5]])  # openpyxl itself rounds
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(folder / "t.xlsx", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"<v>1234567<", b"<v>%d<" % (2**53 + 1)))
    assert local_store.read("t.xlsx", as_type=pl.DataFrame).rows() == [(str(2**53 + 1), 2.0**53), ("1.5", 0.5)]


def test_files_of_others(local_store, folder):
    """They are bytes, as before, and a table or rows where a type is asked for; what has no value is null."""
    day, at = dt.date(2024, 1, 2), dt.datetime(2024, 1, 2, 3, 4, 5)
    raw = saved([["n", "x", "x", None, "day", "at", "mixed", "f", "bad"],
                 [1, 1.5, "a", True, day, at, 1, "=A2", "#N/A"],
                 [2, 2, None, False, None, None, "b", None, None]])  # fmt: skip
    folder.mkdir()
    (folder / "t.xlsx").write_bytes(raw)
    assert local_store["t.xlsx"] == raw
    frame = local_store.read("t.xlsx", as_type=pl.DataFrame)
    assert frame.to_dict(as_series=False) == {
        "n": [1, 2], "x": [1.5, 2.0], "x_duplicated_0": ["a", None], "column_4": [True, False],
        "day": [dt.datetime(2024, 1, 2), None], "at": [at, None], "mixed": ["1", "b"], "f": [None, None],
        "bad": [None, None],
    } | {"day": frame["day"].to_list()}  # fmt: skip
    assert str(frame["day"][0])[:10] == "2024-01-02"
    assert type(local_store.read("t.xlsx", as_type=pd.DataFrame)) is pd.DataFrame
    assert local_store.read("t.xlsx", as_type=pa.Table).num_rows == 2
    assert local_store.read("t.xlsx", as_type=list[dict])[1]["mixed"] == "b"
    assert list(local_store.read("t.xlsx", as_type=dict[str, pl.DataFrame])) == ["Data"]
    assert list(local_store.read("t.xlsx", as_type=dict)) == ["Data"]
    with pytest.raises(UnsupportedFormatError, match="take its column"):
        local_store.read("t.xlsx", as_type=pl.Series)
    (folder / "none.xlsx").write_bytes(b"PK no workbook")
    with pytest.raises(CorruptDataError):
        local_store.read("none.xlsx", as_type=pl.DataFrame)


def test_a_changed_workbook_is_told(local_store, folder):
    """One of ours that another program saved with the same cells still has its types; other cells are a typed error."""
    local_store["t.xlsx"] = VALUES["arrow"]
    for value, fits in ((7, True), ("seven", False)):
        book = openpyxl.load_workbook(folder / "t.xlsx")
        book.active["A2"] = value
        book.save(folder / "t.xlsx")
        if fits:
            assert local_store["t.xlsx"].schema.equals(VALUES["arrow"].schema)
            assert local_store["t.xlsx"]["a"].to_pylist() == [7, 2]
        else:
            with pytest.raises(UnsupportedFormatError, match="was changed since"):
                local_store["t.xlsx"]


def test_what_it_cannot_hold_is_refused(local_store):
    """Whole numbers beyond 2^53, zones, NaN, days before March 1900, long texts, names that no sheet has."""
    local_store["t.xlsx"] = FRAME
    utc = pl.Series([dt.datetime(2024, 1, 1)]).dt.replace_time_zone("UTC")
    for wrong in (
        pl.DataFrame({"a": [2**53 + 1]}),
        pl.DataFrame({"a": utc}),
        pl.DataFrame({"a": [float("nan")]}),
        pl.DataFrame({"a": [float("inf")]}),
        pl.DataFrame({"a": [dt.date(1900, 2, 28)]}),
        pl.DataFrame({"a": [dt.datetime(2300, 1, 1, 1, 1, 1, 123457)]}),
        pl.DataFrame({"a": [dt.timedelta(1)]}),
        pl.DataFrame({"a": ["x" * 32_768]}),
        pl.DataFrame({"a": [[1]]}),
        pl.DataFrame({"a": [b"x"]}),
        pl.DataFrame({"a": pl.Series(["0.12345678901234567"]).cast(pl.Decimal(30, 17))}),
        pl.DataFrame(),
        pl.DataFrame({"a": range(1_048_576)}),
        pl.DataFrame({str(at): [1] for at in range(16_385)}),
        {"a/b": FRAME},
        {"a": FRAME, "A": FRAME},
        {"x" * 32: FRAME},
    ):
        with pytest.raises(UnsupportedFormatError):
            local_store["t.xlsx"] = wrong
    assert same(local_store["t.xlsx"], FRAME)


def test_bombs(tmp_path):
    """What unfolds, a cell in the last place of all, and entities are refused before memory is taken."""
    raw, sheet = saved([["a"], [1]]), "xl/worksheets/sheet1.xml"
    many = b"<sheetData><row>" + b"<c><v>1</v></c>" * 300_000 + b"</row>"
    bombs = {
        "size": lambda text: text.replace(b"<sheetData>", b"<sheetData>" + b" " * 40_000_000),
        "far": lambda text: text.replace(b'"A2"', b'"XFD1048576"'),
        "cells": lambda text: text.replace(b"<sheetData>", many, 1),
    }  # fmt: skip
    store = AutoStore(tmp_path, StorageConfig(max_read_bytes=8 << 20))
    for name, change in bombs.items():
        (tmp_path / f"{name}.xlsx").write_bytes(
            rezipped(raw, lambda part, text, change=change: change(text) if part == sheet else text)
        )
        with pytest.raises((TooLargeError, CorruptDataError)):
            store.read(f"{name}.xlsx", as_type=pl.DataFrame)
    entity = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet'
    change = lambda part, text: text.replace(b"<worksheet", entity, 1) if part == sheet else text  # noqa: E731
    (tmp_path / "entity.xlsx").write_bytes(rezipped(raw, change))
    with pytest.raises(CorruptDataError, match="document type"):
        store.read("entity.xlsx", as_type=pl.DataFrame)


def test_changed_parts_are_typed_errors(tmp_path):
    """Whatever stands in the parts of a workbook, reading it is a table or a typed error."""
    store = AutoStore(tmp_path)
    store["own.xlsx"] = {"One": FRAME, "2": PANDAS}
    samples = [(tmp_path / "own.xlsx").read_bytes(), saved([["n", "day"], [1, dt.date(2024, 1, 1)], ["x", None]])]
    for case in range(scaled(300, 20_000)):
        dice = random.Random(case)

        def change(name, text, dice=dice):
            text = bytearray(text)
            for _ in range(dice.choice([0, 0, 1, 2])):
                at = dice.randrange(len(text))
                text[at : at + dice.randrange(3)] = dice.choice([b"", b"9", b"99999", b"-", b"<", b'"', b"\xff", b"s"])
            return bytes(text)

        (tmp_path / "k.xlsx").write_bytes(rezipped(samples[case % 2], change))
        for as_type in (None, pl.DataFrame, dict):
            with contextlib.suppress(TYPED):
                store["k.xlsx"] if as_type is None else store.read("k.xlsx", as_type=as_type)
