"""Keys: one-to-one, valid everywhere, reversible, and settled for ever."""

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from autostore.keys import Key, check_key
from autostore_dagster import keys

AWKWARD = st.sampled_from(
    ["", ".", "..", "/", "a/b", "a.b", "_runs", "%2F", "~", "data", "date=1", "q1.csv", "ü", "x" * 300]
)
names = st.one_of(AWKWARD, st.text(max_size=20), st.text(min_size=180, max_size=320))
paths = st.lists(names, min_size=1, max_size=8)
partitions = st.dictionaries(st.one_of(st.sampled_from(["date", "partition", "a=b", "_x"]), names), names, max_size=3)
assets = st.tuples(paths, partitions)
HASH = re.compile(r"~[0-9a-f]{64}")


@pytest.mark.parametrize(
    ("path", "partition", "key"),
    [
        (["flights"], {}, "flights"),
        (["raw", "flights"], {}, "raw/flights"),
        (["raw.v1", "flights"], {}, "raw.v1/flights"),
        (["q1.csv"], {}, "q1%2Ecsv"),
        (["..", "..", "etc", "passwd"], {}, "%2E./%2E./etc/passwd"),
        ([".."], {}, "%2E%2E"),
        (["_private", "a b"], {}, "%5Fprivate/a b"),
        (["a/b"], {}, "a%2Fb"),
        (["raw", "", "x"], {}, "raw/~/x"),
        (["größe"], {}, "größe"),
        (["50%"], {}, "50%25"),
        (['a:b*c?d"e<f>g|h\\i'], {}, "a%3Ab%2Ac%3Fd%22e%3Cf%3Eg%7Ch%5Ci"),
        (["tab\tend\x7f"], {}, "tab%09end%7F"),
        ([".autostore"], {}, "%2Eautostore"),
        (["daily_flights"], {"date": "2013-01-01"}, "daily_flights/date=2013-01-01/data"),
        (["flights"], {"partition": "EWR"}, "flights/partition=EWR/data"),
        (["flights"], {"origin": "p/q", "month": "r"}, "flights/month=r/origin=p%2Fq/data"),
        (["flights"], {"partition": "007"}, "flights/partition=007/data"),
        (["flights"], {"partition": "v1.2"}, "flights/partition=v1.2/data"),
    ],
)
def test_the_table_of_the_docstring(path, partition, key):
    """Keys are on disk for ever: these never change."""
    assert keys.asset_key(path, partition) == key
    assert keys.parse(key) == keys.Place(asset=tuple(path), partition=partition)


def test_op_outputs():
    """An op's output lies below its run and step, a mapped one below its mapping key as well."""
    assert keys.run_key(["1c2d", "load", "result"]) == "_runs/1c2d/load/result"
    assert keys.run_key(["1c2d", "load[a]", "result", "k"]) == "_runs/1c2d/load[a]/result/k"


def test_a_long_segment_keeps_its_beginning():
    """A name of 300 letters becomes 135 of them and a hash: 200 bytes."""
    key = keys.asset_key(["x" * 300])
    assert key.startswith("x" * 135 + "~")
    assert len(key) == 200
    with pytest.raises(ValueError, match="hash"):
        keys.parse(key)


@given(assets, assets)
@example((["par"], {"partition": "child"}), (["par", "child"], {}))
@example((["a"], {"x": "p", "y": "q/r"}), (["a"], {"x": "p/q", "y": "r"}))
@example((["a"], {"date": "1"}), (["a", "date=1", "data"], {}))
@example((["a", "b"], {}), (["a/b"], {}))
@example((["%2F"], {}), (["/"], {}))
@example((["x" * 300], {}), (["x" * 301], {}))
def test_no_two_names_share_a_key(one, other):
    """The mapping is one-to-one, whatever the names are."""
    assume(one != other)
    assert keys.asset_key(*one) != keys.asset_key(*other)


@given(assets)
@example((["a" * 199] * 8, {"b" * 300: "c" * 300}))
@example((["ü" * 99] * 5, {}))
def test_every_key_is_valid(asset):
    """Each is a key of the store, with room for the longest extension, and never one that names a file."""
    key = keys.asset_key(*asset)
    assert check_key(key, "") == key
    Key(key, "", names_file=False, answers=[".dataclass.json"]).path(".dataclass.json", "")
    assert all(len(segment.encode()) <= keys.LONGEST_SEGMENT for segment in key.split("/"))
    assert len(key.encode()) <= keys.LONGEST_KEY
    assert "." not in key.rsplit("/", 1)[1 if "/" in key else 0]
    assert not key.startswith(("_", "."))


@given(assets)
def test_keys_can_be_undone(asset):
    """Where no name was too long, the key gives back the names."""
    key = keys.asset_key(*asset)
    assume(not HASH.search(key))
    assert keys.parse(key) == keys.Place(asset=tuple(asset[0]), partition=asset[1])


@given(st.lists(names, min_size=3, max_size=4), st.lists(names, min_size=3, max_size=4), assets)
def test_op_outputs_are_apart(one, other, asset):
    """No two outputs share a key, and none has an asset's."""
    key = keys.run_key(one)
    assert check_key(key, "") == key
    assert key != keys.asset_key(*asset)
    assert (key == keys.run_key(other)) == (one == other)
    if not HASH.search(key):
        assert keys.parse(key).run == tuple(one)


@pytest.mark.parametrize("key", ["a//b", "%2f", "_x", "a/b=c/other", "a.b", "date=1/data"])
def test_foreign_keys_are_refused(key):
    """What no asset is stored under is not taken for one."""
    with pytest.raises(ValueError, match="not the key"):
        keys.parse(key)
