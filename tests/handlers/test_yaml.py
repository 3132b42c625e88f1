"""YAML."""

import datetime as dt
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.handlers import yaml as handler_module
from autostore.handlers.yaml import YAMLHandler
from autostore.testing import HandlerContract, same
from tests.handlers.shapes import Point

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
    with pytest.raises(yaml.YAMLError):
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
