"""TOML and INI: dicts come back as dicts, texts as texts, and others' files are read when asked for."""

import configparser
import datetime as dt
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autostore import AutoStore, CorruptDataError, StorageConfig, TooLargeError, UnsupportedFormatError
from autostore.handlers.config import INIHandler, TOMLHandler
from autostore.testing import HandlerContract, same
from tests.reliability.scale import scaled

SETTINGS = {"name": "é\n\"'", "rates": [1, 2.5, float("inf")], "at": dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
            "day": dt.date(2024, 2, 29), "on": True, "db": {"hosts": [{"port": 1}, {}], "a.b": {}}}  # fmt: skip
scalars = st.one_of(
    st.integers(), st.floats(), st.booleans(), st.text(max_size=4), st.none(), st.dates(), st.times(), st.datetimes()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
sections = st.dictionaries(st.text(max_size=4), st.dictionaries(st.text(max_size=3), st.text(max_size=5), max_size=3))


def parser(text):
    made = configparser.ConfigParser()
    made.read_string(text)
    return made


class TestTOML(HandlerContract):
    handler = TOMLHandler()
    samples = (SETTINGS, {}, "a = 1 # as it stands\r\n")
    refused = ({"a": None}, {"a": (1,)}, {"a": 1 << 63}, {1: 2}, "# autostore: dict\na = 1\n", "\ud800")
    reads_anything = True  # a file without our line is a text

    def test_extensions_are_lower_case_with_a_dot(self):
        """It names files only."""
        assert self.handler.named_extensions == (".toml",)

    @pytest.fixture(autouse=True)
    def _names(self, monkeypatch):
        monkeypatch.setattr(type(self.handler), "extension_for", lambda handler, data: handler.named_extensions[0])
        monkeypatch.setattr(type(self.handler), "extensions", property(lambda handler: list(handler.named_extensions)))


class TestINI(TestTOML):
    handler = INIHandler()
    samples = ({"one": {"a": "1", "B": "x\ny"}}, parser("[DEFAULT]\nx=1\n[s]\ny=%(x)s\n"), "; a comment\n")
    refused = ({"a": 1}, {"a": {"b": 1}}, {"a": {"b": " x"}}, {"a\nb": {}}, configparser.ConfigParser(delimiters="~"))

    def test_extensions_are_lower_case_with_a_dot(self):
        """It names files only."""
        assert self.handler.named_extensions == (".ini", ".cfg")


@pytest.mark.parametrize(("name", "strategy"), [("k.toml", st.dictionaries(st.text(max_size=3), values)),
                                                ("k.ini", sections)])  # fmt: skip
def test_a_dict_comes_back_or_is_refused(tmp_path, name, strategy):
    """Any dict is read as it was, or was refused and left what was there."""
    with AutoStore(tmp_path, StorageConfig(allow_pickle=False)) as store:

        @settings(deadline=None, max_examples=scaled(150, 100_000))
        @given(value=strategy)
        def run(value):
            store[name] = {"before": {"it": "was"}}
            try:
                store[name] = value
            except UnsupportedFormatError:
                value = {"before": {"it": "was"}}
            assert same(store[name], value)

        run()


def test_the_file_is_anybodys(tmp_path):
    """The standard library reads what was written, and what others wrote is text, and a dict where it is asked for."""
    with AutoStore(tmp_path) as store:
        store["own.toml"] = SETTINGS
        assert tomllib.loads((tmp_path / "own.toml").read_text()) == SETTINGS
        (tmp_path / "theirs.toml").write_text("[tool]\nx = 1\n")
        (tmp_path / "theirs.ini").write_text("[tool]\nx : 1\n")
        store["own.cfg"] = parser("[tool]\nx=2\n")
        assert type(store["own.cfg"]) is configparser.ConfigParser
        assert (store["theirs.toml"], store["theirs.ini"]) == ("[tool]\nx = 1\n", "[tool]\nx : 1\n")
        assert store.read("theirs.toml", as_type=dict) == {"tool": {"x": 1}}
        assert store.read("theirs.ini", as_type=configparser.ConfigParser)["tool"]["x"] == "1"
        assert store.read("own.toml", as_type=str).startswith("# autostore: dict\n")
        assert sorted(store) == ["own.cfg", "own.toml", "theirs.ini", "theirs.toml"]


@pytest.mark.parametrize(("key", "value"), [("k.toml", {"a": 1}), ("k.cfg", {"s": {"a": "1"}})])
def test_a_text_of_ours_is_no_text(tmp_path, key, value):
    """What would come back as a dict is not stored as a text."""
    # Mutation that this was seen to catch: the handler of texts is asked next.
    with AutoStore(tmp_path) as store:
        store[key] = value
        with pytest.raises(UnsupportedFormatError, match="Store the value itself"):
            store[f"other.{key}"] = store.read(key, as_type=str)
        assert f"other.{key}" not in store


def test_hostile_files(tmp_path):
    """Depth and what would unfold are refused, typed, before memory is taken."""
    with AutoStore(tmp_path, StorageConfig(max_read_bytes=2_000_000)) as store:
        for text, error in [("a = " + "[" * 5000, CorruptDataError), ("a." * 300 + "a = 1", CorruptDataError),
                            ("a = [" + "[]," * 30_000 + "]", TooLargeError)]:  # fmt: skip
            (tmp_path / "k.toml").write_text("# autostore: dict\n" + text)
            with pytest.raises(error):
                store["k.toml"]
