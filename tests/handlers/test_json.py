"""JSON and JSON lines."""

import collections
import enum
import json
import math
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autostore import AutoStore
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.handlers.json import JSONHandler, JSONLinesHandler
from autostore.testing import HandlerContract, same
from tests.optional import np

FIXTURES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


class Number(enum.IntEnum):
    ONE = 1


class Point(NamedTuple):
    x: int


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


def cycle() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


FOREIGN = (
    (1,),
    {1: "int key"},
    {"a": (1,)},
    [math.nan],
    {"a": math.inf},
    -math.inf,
    collections.OrderedDict(a=1),
    collections.defaultdict(list),
    Number.ONE,
    [Number.ONE],
    Point(1),
    [np.float64(1.0)],
    {"a": {1}},
    b"bytes",
    ["\ud800"],
    {"\udfff": 1},
    nested(1000),
    nested(100_000),
    cycle(),
    [10**5000],
)


class TestJSONHandler(HandlerContract):
    handler = JSONHandler()
    samples = (
        {},
        [],
        None,
        True,
        0,
        -0.0,
        1e300,
        5e-324,
        2**70,
        "",
        'q"\\\n\u2028\x7f☃',
        {"b": 1, "a": {"": [None, False, 1.0]}},
        [{"a": 1}],
        nested(300),
    )
    refused = FOREIGN

    def shows_damage(self, value: Any) -> bool:
        return not isinstance(value, int | float)

    def is_valid(self, content: bytes, extension: str) -> bool:
        return extension == ".jsonl" and not content.strip()


class TestJSONLinesHandler(HandlerContract):
    handler = JSONLinesHandler()
    samples = ([{}], [{"a": 1}, {"a": "\u2028\u2029\x85\x0b\x0c\x1c\r\n"}], [{"z": None, "a": [1.5]}] * 3)
    refused = ([{"a": (1,)}], [{1: 2}], [{"a": math.nan}], [], [1], {}, [collections.OrderedDict()], ({},))

    def shows_damage(self, value: Any) -> bool:
        return False  # a cut at the end of a line leaves a shorter, whole file

    def is_valid(self, content: bytes, extension: str) -> bool:
        return not content.strip()


@pytest.mark.parametrize(
    "content", [b"", bytes(10), b"{", b"NaN", b"[Infinity]", b"-Infinity", b"\xff", b"[1] 2", b"[" * 10**6]
)
def test_what_is_not_json_is_an_error(tmp_path: Path, content: bytes) -> None:
    """Also NaN, which Python's own parser would take, and nesting without end."""
    file = tmp_path / "f.json"
    file.write_bytes(content)
    with pytest.raises((ValueError, RecursionError)):
        JSONHandler().read_from_file(file, ".json")


@pytest.mark.parametrize("content", [b"{} x\n", b"{}\n{", bytes(100), b"\xff\n", b'{"a": NaN}\n'])
def test_every_line_must_be_json(tmp_path: Path, content: bytes) -> None:
    """A line that was cut or is something else fails the whole read."""
    file = tmp_path / "f.jsonl"
    file.write_bytes(content)
    with pytest.raises(ValueError):
        JSONLinesHandler().read_from_file(file, ".jsonl")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", b'{"a": NaN}', "NaN, which is no JSON"),
        ("a.json", b"[-Infinity]", "-Infinity, which is no JSON"),
        ("a.json", b'{"a": 1, "b": 0, "a": 2}', "key 'a' twice"),
        ("a.json", b'[{"x": {"a": 1, "a": 1}}]', "key 'a' twice"),
        ("a.json", b'{"a": 1}\n{"a": 2}\n', "name the file .jsonl"),
        ("a.json", b"[1, -1e400]", "-1e400 is beyond what a float holds"),
        ("a.json", b'{"a": 1E+309}', r"1E\+309 is beyond what a float holds"),
        ("a.json", b"1" + b"0" * 400 + b".5", "beyond what a float holds"),
        ("a.jsonl", b"[1]\n[1e400]\n", "Line 2 .*beyond what a float holds"),
        ("a.typed.json", b'{"a": 1e400}', "beyond what a float holds"),
        ("a.pydantic.json", b'{"$autostore": 1, "type": "a:B", "data": 1e999}', "beyond what a float holds"),
        ("a.json", '{"a": "é"}'.encode("latin-1"), "not UTF-8, from byte 7"),
        ("a.json", '{"a": 1}'.encode("utf-16"), "UTF-16"),
        ("a.json", '{"a": 1}'.encode("utf-16-le"), "UTF-16"),
        ("a.json", '{"a": 1}'.encode("utf-32"), "UTF-32"),
        ("a.jsonl", b'{"a": 1}\n\n{"a": NaN}\n', "Line 3 .*NaN, which is no JSON"),
        ("a.jsonl", b'{"a": 1}\n{"a": 1, "a": 2}', "Line 2 .*key 'a' twice"),
        ("a.jsonl", b'{"a": 1}\n{"a"', "Line 2 "),
    ],
)
def test_files_of_others_say_what_they_are(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    """What Python's own json would take, or change in silence, is named, and nobody is told to delete a whole file."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorruptDataError, match=says) as caught:
        AutoStore(tmp_path)["a"]
    assert "delete" not in str(caught.value)


@pytest.mark.parametrize(("name", "content"), [("a.json", '{"x": "☃"}'), ("a.jsonl", '{"x": "☃"}\r\n{"x": "☃"}')])
def test_a_byte_order_mark_is_no_part_of_the_value(tmp_path: Path, name: str, content: str) -> None:
    """Windows programs put one before UTF-8."""
    (tmp_path / name).write_text(content, encoding="utf-8-sig", newline="")
    value = {"x": "☃"}
    assert AutoStore(tmp_path)["a"] == (value if name == "a.json" else [value, value])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner) | st.dictionaries(st.integers(), inner)
    ),
    max_leaves=20,
)


@FIXTURES
@given(value=json_values)
def test_values_come_back_exactly_or_are_refused(tmp_path: Path, value: Any) -> None:
    """Whatever is written is plain JSON that any parser reads as the value."""
    file = tmp_path / "f.json"
    handler = JSONHandler()
    if not handler.can_handle_data(value):
        return
    try:
        handler.write_to_file(value, file, ".json")
    except UnsupportedFormatError:
        assert not same(_through_json(value), value)
        return
    assert same(json.loads(file.read_bytes().decode("utf-8")), value)
    assert same(handler.read_from_file(file, ".json"), value)


def _through_json(value: Any) -> Any:
    """The standard's way, or None where it has none; nothing refused may survive it."""
    try:
        return json.loads(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
    except ValueError:
        return object()


@FIXTURES
@given(rows=st.lists(st.dictionaries(st.text(), st.text() | st.integers()), min_size=1))
def test_lines_are_split_at_newlines_only(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    """Each row is one line of plain JSON, whatever separators its text holds."""
    file = tmp_path / "f.jsonl"
    JSONLinesHandler().write_to_file(rows, file, ".jsonl")
    assert [json.loads(line) for line in file.read_bytes().split(b"\n")[:-1]] == rows
    assert same(JSONLinesHandler().read_from_file(file, ".jsonl"), rows)


def test_the_file_is_plain_utf8(tmp_path: Path) -> None:
    """No byte order mark, no escapes where UTF-8 does, no mark of ours."""
    file = tmp_path / "f.json"
    JSONHandler().write_to_file({"é": "☃"}, file, ".json")
    assert file.read_bytes() == '{"é": "☃"}'.encode()


def test_any_list_may_be_named_jsonl(tmp_path: Path) -> None:
    """Only a list of dicts infers .jsonl; a key that names it takes any JSON list, and no dict."""
    file = tmp_path / "f.jsonl"
    for value in ([], [1, "a", None], [[1]], [{"a": 1}]):
        JSONHandler().write_to_file(value, file, ".jsonl")
        assert same(JSONHandler().read_from_file(file, ".jsonl"), value)
    with pytest.raises(UnsupportedFormatError, match="list"):
        JSONHandler().write_to_file({"a": 1}, file, ".jsonl")


def test_lines_of_other_programs_are_read(tmp_path: Path) -> None:
    """Windows line ends, blank lines and a missing last newline."""
    file = tmp_path / "f.jsonl"
    file.write_bytes(b'{"a": 1}\r\n\r\n[2]')
    assert JSONLinesHandler().read_from_file(file, ".jsonl") == [{"a": 1}, [2]]


def test_a_value_written_high_in_the_stack_reads_deep_in_it(tmp_path: Path) -> None:
    """The deepest value that is accepted can be read where the stack is half used."""
    file = tmp_path / "f.json"
    value = nested(400)
    JSONHandler().write_to_file(value, file, ".json")

    def deeper(frames: int) -> Any:
        return deeper(frames - 1) if frames else JSONHandler().read_from_file(file, ".json")

    assert same(deeper(sys.getrecursionlimit() // 3), value)


TOKENS = ["null", "7", "1e400", "-1E+999", "9" * 400 + ".0", "1e308", '"a:b"', '":"', '" :"', '"1e999"', '"\\":"']


def object_text(pairs: list[tuple[str, str]], colon: str) -> str:
    return "{" + ", ".join(f'"{key}"{colon}{value}' for key, value in pairs) + "}"


CHECKED = st.recursive(
    st.sampled_from(TOKENS),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: "[" + ",".join(items) + "]")
        | st.builds(
            object_text,
            st.lists(st.tuples(st.sampled_from("abcdefgh"), inner), max_size=4),
            st.sampled_from([":", ": ", " :", "\n:"]),
        )
    ),
    max_leaves=12,
)


@settings(FIXTURES, max_examples=300)
@given(text=CHECKED)
def test_long_texts_are_as_strict_as_short_ones(tmp_path: Path, text: str) -> None:
    """Keys that stand twice, and numbers beyond floats, are found in the long text that is parsed at the speed of C."""
    # Mutation that this was seen to catch: white space before a colon is not looked for.

    def found(content: str, name: str) -> Any:
        (tmp_path / name).write_text(content, encoding="utf-8")
        try:
            return AutoStore(tmp_path)[name]
        except CorruptDataError as error:
            assert re.search(r"beyond what a float|key '\w' twice", str(error))
            return CorruptDataError

    short, long = found(f"[{text}]", "short.json"), found(f"[{text}{' ' * 2000}]", "long.json")
    assert same(long, short)
    assert same(found(text.replace("\n", " ") + "\n" * 2000, "long.jsonl"), short)


def test_json_that_is_too_deep_for_python_is_told_as_that(tmp_path):
    """It was "not a valid .json file"."""
    (tmp_path / "k.json").write_text("[" * 50_000 + "]" * 50_000)
    with pytest.raises(CorruptDataError, match="nested deeper than Python's parser goes"):
        AutoStore(tmp_path)["k.json"]


def test_messages_have_the_right_article(tmp_path):
    """`a int`, `a ndarray`; and of a value that nests 390 deep not each of its levels."""
    store = AutoStore(tmp_path)
    for value, said in (
        (1, "not an int"), (True, "not a bool"), (np.zeros(2), "not an ndarray"), ({"a": 1}, "not a dict"),
    ):  # fmt: skip
        with pytest.raises(UnsupportedFormatError, match=rf"{said}\.|does not hold"):
            store["k.jsonl"] = value
    deep = object()
    for _ in range(390):
        deep = [deep]
    with pytest.raises(UnsupportedFormatError) as caught:
        store.write("k", deep, format="typed.json")
    assert len(str(caught.value)) < 600
