"""YAML."""

import datetime as dt
import math
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autostore import AutoStore
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.handlers import yaml as handler_module
from autostore.handlers.yaml import YAMLHandler
from autostore.testing import HandlerContract, same
from tests.handlers.shapes import Point
from tests.optional import ruamel, yaml

HANDLER = YAMLHandler()


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


class TestYAMLHandler(HandlerContract):
    handler = HANDLER
    samples = (
        {"b": 1, "a": [1.5, None, True, "text"]},
        {1: "int key", None: 2, 2.5: 3},
        [],
        {},
        None,
        "plain",
        "no",
        "007",
        "2020-01-01",
        "a\nb\r\nc\t☃ \U0001f600",
        float("nan"),
        -0.0,
        float("-inf"),
        b"\x00\xff",
        {1, 2},
        dt.date(2020, 1, 1),
        [dt.datetime(2020, 1, 1, 1, 2, 3, 4), dt.datetime(2020, 1, 1, tzinfo=dt.UTC)],
        nested(150),
    )
    refused = (
        (1, 2),
        {"a": (1,)},
        {(1, 2): 3},
        OrderedDict(a=1),
        Point(1.0),
        [object()],
        "\ud800",
        nested(400),
        nested(100_000),
    )
    reads_anything = True  # plain text is YAML

    def test_a_cut_or_garbled_structure_is_an_error(self, tmp_path: Path) -> None:
        """Where YAML can tell, it does."""
        for content in (
            b"{a: 1",
            b"[1, 2",
            b'"open',
            b"a: b: c",
            b"\xff\xfe\xff",
            b"- a\nb: c",
            b"--- 1\n--- 2\n",
        ):
            file = tmp_path / "f.yaml"
            file.write_bytes(content)
            with pytest.raises((yaml.YAMLError, ValueError)):
                self.handler.read_from_file(file, ".yaml")


def read(tmp_path: Path, text: str) -> Any:
    file = tmp_path / "f.yaml"
    file.write_text(text, encoding="utf-8")
    return HANDLER.read_from_file(file, ".yaml")


def test_the_file_is_readable_yaml(tmp_path: Path) -> None:
    """Block style, keys in their order, Unicode as itself."""
    HANDLER.write_to_file({"b": "☃", "a": [1]}, tmp_path / "f.yaml", ".yaml")
    assert (tmp_path / "f.yaml").read_text(encoding="utf-8") == "b: ☃\na:\n- 1\n"


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system [ls]", "!!python/name:os.system", "!custom x"])
def test_tags_that_make_objects_are_refused(tmp_path: Path, tag: str) -> None:
    """Only the safe types are ever made."""
    with pytest.raises(UnsupportedFormatError, match="could not determine a constructor"):
        read(tmp_path, tag)


def laughs(levels: int, width: int = 10) -> str:
    lines = ["a0: &a0 [lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        laughs(10),
        laughs(500, 2),
        "a: &a {x: 1}\n"
        + "\n".join(f"b{n}: &b{n} {{<<: [{', '.join([f'*b{n - 1}' if n else '*a'] * 9)}]}}" for n in range(12)),
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000 + "x",
        "? " * 10_000 + "x",
        "&a [*a]",
        "&a {b: {c: *a}}",
    ],
    ids=["laughs", "doubling", "merges", "brackets", "braces", "dashes", "questions", "self", "deep self"],
)
def test_small_files_cannot_expand(tmp_path: Path, text: str) -> None:
    """Bombs of aliases and of depth end in an error, and at once."""
    begin = time.monotonic()
    with pytest.raises((CorruptDataError, yaml.YAMLError)):
        read(tmp_path, text)
    assert time.monotonic() - begin < 5


def test_aliases_of_hand_written_files_are_read(tmp_path: Path) -> None:
    """Anchors and merges are good YAML, within the bounds."""
    text = "base: &base {a: 1, b: [x]}\none: {<<: *base, a: 2}\ntwo: *base\nthree: &five 5\nfour: *five\n"
    base = {"a": 1, "b": ["x"]}
    assert read(tmp_path, text) == {"base": base, "one": {"a": 2, "b": ["x"]}, "two": base, "three": 5, "four": 5}


def test_shared_values_are_written(tmp_path: Path) -> None:
    """A list that stands twice comes back equal in both places."""
    shared = ["x"]
    HANDLER.write_to_file({"a": shared, "b": shared}, tmp_path / "f.yaml", ".yaml")
    assert HANDLER.read_from_file(tmp_path / "f.yaml", ".yaml") == {"a": ["x"], "b": ["x"]}


def test_the_pure_python_library_does_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyYAML was built without libyaml, the same files are read and written."""
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    monkeypatch.delattr(yaml, "CSafeDumper", raising=False)
    assert handler_module.require("yaml") is yaml
    HANDLER.write_to_file({"b": [1.5, "☃"]}, tmp_path / "f.yaml", ".yaml")
    assert HANDLER.read_from_file(tmp_path / "f.yaml", ".yaml") == {"b": [1.5, "☃"]}
    with pytest.raises(CorruptDataError):
        read(tmp_path, laughs(10))


AMBIGUOUS = (
    *(
        "25921e05",
        "08",
        "0o14",
        "1e3",
        "1E3",
        ".5e3",
        "+1",
        "1_000",
        "0x1F",
        "0b11",
        "1:30",
        "1:30.5",
        "1.",
        "-.inf",
        ".NaN",
    ),
    *(
        "y",
        "N",
        "yes",
        "Off",
        "true",
        "Null",
        "~",
        "",
        "<<",
        "=",
        "2020-01-01",
        "2001-12-14t21:59:43.10-05:00",
        "12e03",
    ),
    *("a\x85b", "a\u2028b", "\ufeffx", "---", "%x", "@x", "- a", "a: b", "#a", " a", "a\tb", "\ta", "a\nb ", "\n"),
)


def test_a_text_is_a_text_to_every_reader(tmp_path: Path) -> None:
    """What YAML 1.2 reads as a number, or 1.1 as a bool, is quoted; plain words are not."""
    value = {"sha": "25921e05", "id": "08", "mode": "0o14", "y": "y", "e": "1e3", "version": "1.2 beta", "name": "Ada"}
    AutoStore(tmp_path)["v.yaml"] = value
    lines = (tmp_path / "v.yaml").read_text(encoding="utf-8").splitlines()
    assert lines == [
        *("sha: '25921e05'", "id: '08'", "mode: '0o14'", "'y': 'y'", "e: '1e3'", "version: 1.2 beta", "name: Ada"),
    ]


def test_a_number_beyond_floats_is_an_error(tmp_path: Path) -> None:
    """PyYAML would read it as infinity; the words for infinity, and texts, stay what they are."""
    (tmp_path / "a.yaml").write_text("a: [.inf, -.INF, '1.0e+400', 1e400, 1.0e+308]")
    assert AutoStore(tmp_path)["a.yaml"] == {"a": [math.inf, -math.inf, "1.0e+400", "1e400", 1.0e308]}
    for text in ("a: 1.0e+400", "- -1.5E+999", "!!float 1.0e+400", "a: " + "9" * 400 + ".0"):
        (tmp_path / "b.yaml").write_text(text)
        with pytest.raises(CorruptDataError, match="beyond what a float holds"):
            AutoStore(tmp_path)["b.yaml"]


def test_a_key_twice_is_an_error(tmp_path: Path) -> None:
    """Also where it is spelled otherwise; what a merge brings may be given again."""
    for text in ("a: 1\nb: 0\na: 2\n", "x: {a: {k: 1, k: 1}}", "1: a\n0x1: b\n", "- {~: 1, null: 2}"):
        with pytest.raises(CorruptDataError, match="twice"):
            read(tmp_path, text)
    merged = "b: &b {a: 1}\no: {<<: *b, a: 2}\np: {q: {w: &x {<<: *b, a: 3}}}\nr: {<<: *x}\n"
    assert read(tmp_path, merged)["p"] == {"q": {"w": {"a": 3}}}
    assert read(tmp_path, "a: 1\n'1': 2\n1: 3\n") == {"a": 1, "1": 2, 1: 3}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a: 1\n---\nb: 2\n", "several YAML documents"),
        ("a: é".encode("latin-1"), "not UTF-8"),
        (b"a: 1\na: 2", "line 2"),
    ],
)
def test_files_of_others_say_what_they_are(tmp_path: Path, content: bytes, says: str) -> None:
    """And nobody is told to delete a whole file."""
    (tmp_path / "m.yaml").write_bytes(content)
    with pytest.raises(CorruptDataError, match=says) as caught:
        AutoStore(tmp_path)["m"]
    assert "delete" not in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_value(tmp_path: Path) -> None:
    """Windows programs put one before UTF-8."""
    (tmp_path / "m.yaml").write_text("a: 1", encoding="utf-8-sig")
    assert AutoStore(tmp_path)["m"] == {"a": 1}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(
    value=st.recursive(
        st.sampled_from(AMBIGUOUS)
        | st.text()
        | st.text("0123456789+-._:exobEyn~", max_size=7)
        | st.none()
        | st.booleans()
        | st.integers()
        | st.floats(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text("0123456789+-._:exoyn~", max_size=4), inner),
        max_leaves=8,
    )
)
def test_a_reader_of_yaml_1_2_reads_the_same(tmp_path: Path, value: Any) -> None:
    """By ruamel.yaml, another library of the newer standard."""
    if not HANDLER.can_handle_data(value):
        return
    try:
        HANDLER.write_to_file(value, tmp_path / "f", ".yaml")
    except UnsupportedFormatError:
        return
    assert same(ruamel.yaml.YAML(typ="safe", pure=True).load((tmp_path / "f").read_bytes()), value)


def test_what_cannot_be_written_is_told_of_the_value(tmp_path: Path) -> None:
    """A tuple as a key is YAML that no Python reads; the words were those of reading a file that was never written."""
    store = AutoStore(tmp_path)
    with pytest.raises(UnsupportedFormatError, match="YAML cannot hold this value") as caught:
        store["k.yaml"] = {(1, 2): 3}
    assert "Read it" not in str(caught.value)
    assert not list(store)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates() | st.datetimes(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(value=values)
def test_values_come_back_exactly_or_are_refused(tmp_path: Path, value: Any) -> None:
    """Whatever is written reads the same through any safe loader."""
    file = tmp_path / "f.yaml"
    if not HANDLER.can_handle_data(value):
        return
    try:
        HANDLER.write_to_file(value, file, ".yaml")
    except UnsupportedFormatError:
        return
    assert same(yaml.safe_load(file.read_bytes()), value)
    assert same(HANDLER.read_from_file(file, ".yaml"), value)
