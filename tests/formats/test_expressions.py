"""Expressions of Polars under a bare key: plain JSON that comes back, and never a Python function."""

import json

import pytest

from autostore import AutoStore, CorruptDataError, StorageConfig, UnsupportedFormatError, UntrustedDataError
from autostore.testing import same
from tests.optional import pl

VALUES = [
    (pl.col("a").sum().over("b") + pl.lit("x")).alias("q"),
    pl.when(pl.col("a") > 1).then(pl.lit(1)).otherwise(None),
    pl.col("^x.*$").str.to_date().dt.offset_by("1d"),
    pl.lit(pl.Series([1, 2])),
    pl.col("a").is_in([1, 2, 3]),
    pl.all().exclude("z").cast(pl.Datetime("us", "Europe/Paris")),
    pl.element().rank(),
]


def twice(value):
    return value * 2


@pytest.mark.parametrize("number", range(len(VALUES)))
def test_an_expression_comes_back(tmp_path, number):
    """As Polars reads it itself, also where no pickle is allowed."""
    assert type(VALUES[number]) is pl.Expr
    with AutoStore(tmp_path, StorageConfig(allow_pickle=False)) as store:
        assert store.write("k", VALUES[number]).path == "k.plexpr"
        assert same(store["k"], VALUES[number])
        assert pl.Expr.deserialize(tmp_path / "k.plexpr", format="json").meta.eq(VALUES[number])
        assert not same(store["k"], VALUES[number - 1])
        assert "expression" in store.preview(store["k"])


def test_it_computes_the_same(local_store):
    """On a frame, after it was read."""
    frame = pl.DataFrame({"a": [1, 2, 3], "b": ["x", "x", "y"]})
    local_store["k"] = pl.col("a").sum().over("b").alias("q")
    assert frame.select(local_store["k"])["q"].to_list() == [3, 3, 3]


@pytest.mark.parametrize("made", [pl.col("a").map_batches(twice), pl.col("a").map_elements(twice, pl.Int64) + 1])
def test_functions_are_refused(tmp_path, made):
    """By name and under a bare key, and a file that holds one is not read: Polars would load its pickle."""
    with AutoStore(tmp_path, StorageConfig(allow_pickle=False)) as store:
        with pytest.raises(UnsupportedFormatError, match="holds code"):
            store["k.plexpr"] = made
        with pytest.raises(UntrustedDataError):
            store["k"] = made
        text = made.meta.serialize(format="json")
        library = (
            '{"Function":{"input":[],"function":{"FfiPlugin":{"flags":"","lib":"/x.so","symbol":"f","kwargs":[]}}}}'
        )
        for hidden in (library, text, text.replace("AnonymousFunction", r"\u0041nonymousFunction")):
            (tmp_path / "k.plexpr").write_text(hidden)
            with pytest.raises(UntrustedDataError, match="holds code"):
                store["k"]


def test_damage_is_an_error(local_store, folder):
    """Whatever is no expression of this Polars is a typed error."""
    local_store["k"] = VALUES[0]
    raw = (folder / "k.plexpr").read_text()
    for text in (
        *(raw[:at] for at in range(0, len(raw), 11)),
        "[" * 5000,
        '"x"',
        "{}",
        json.dumps({"No": 1}),
        "[[[1]]]",
    ):
        (folder / "k.plexpr").write_text(text)
        with pytest.raises(CorruptDataError):
            local_store["k"]
