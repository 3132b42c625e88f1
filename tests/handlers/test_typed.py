# ruff: noqa: E501 - the tables are read a row at a time
"""Typed JSON: what each tag looks like, what is refused and where, and what a hostile file cannot do."""

import collections
import datetime as dt
import decimal
import fractions
import importlib.resources
import ipaddress
import json
import pathlib
import subprocess
import sys
import textwrap
import time
import uuid
import zoneinfo
from pathlib import Path
from typing import Any, NamedTuple

import pydantic
import pytest

from autostore import AutoStore, StorageConfig
from autostore.errors import (
    CorruptDataError,
    MissingDependencyError,
    UnknownTypeError,
    UnsupportedFormatError,
    UntrustedDataError,
)
from autostore.handlers.typed.handler import TypedHandler
from autostore.testing import HandlerContract, same
from tests.handlers import shapes
from tests.handlers.shapes import Patch, Point, Reading
from tests.optional import installed, np, pd, torch

HANDLER = TypedHandler(StorageConfig())
CAREFUL = TypedHandler(StorageConfig(allow_pickle=False))
PARIS = zoneinfo.ZoneInfo("Europe/Paris")
CEST = dt.timezone(dt.timedelta(hours=2), "CEST")


def cycle() -> Any:
    rows: list[Any] = [1]
    rows.append({"again": (rows,)})
    return {"rows": rows}


def deep(levels: int) -> Any:
    value: Any = (1,)
    for _ in range(levels):
        value = [value]
    return value


def with_attribute() -> Any:
    counter = collections.Counter("a")
    counter.note = 1  # type: ignore[attr-defined]
    return counter


def local() -> Any:
    class Local(NamedTuple):
        a: int

    return Local(1)


def from_a_file() -> Any:
    with importlib.resources.files("tzdata.zoneinfo").joinpath("UTC").open("rb") as file:
        return [zoneinfo.ZoneInfo.from_file(file, key="UTC")]


class Text(str):
    __slots__ = ()


class TestTypedHandler(HandlerContract):
    handler = HANDLER
    samples = (
        {"at": dt.datetime(2024, 7, 1, tzinfo=PARIS), "cost": decimal.Decimal("1.10"), "shape": (3, 4)},
        [Reading(sensor="a", value=1.0), Patch(name="a"), Point(1)],
        {"plain": [1, None, "é", True, 2.5]},
        (),
        float("nan"),
        "\ud800",
        {1: {2: {3}}},
        shapes.Pair(shapes.Box[int](content=1), shapes.Wrapped(shapes.Access.BOTH)),
        shapes.Computed([1]),  # its length is the class's attribute
        [[{"n": n} for n in range(100)], (1,)],
        deep(190),
    )
    refused = (
        object(),
        [object()],
        Text("a"),
        [Text("a")],
        memoryview(b"a"),
        cycle(),
        deep(199),
        with_attribute(),
        local(),
        bytes(70_000),
        {"a": np.arange(3)},
        [torch.ones(1)],
        collections.defaultdict(lambda: 1),
        shapes.Shouting(text="a"),
        *([from_a_file()] if installed("tzdata") else []),
        {"a": lambda: 1},
    )


TREES: list[tuple[Any, Any]] = [
    (-(1 << 2000), {"$int": hex(-(1 << 2000))}),
    (float("-inf"), {"$float": "-inf"}),
    ("a\ud800b", {"$str": ["a", 55296, "b"]}),
    (bytearray(b"a"), {"$bytearray": "YQ=="}),
    ([b"a"], [{"$bytes": "YQ=="}]),
    (1 - 0j, {"$complex": [1.0, -0.0]}),
    (decimal.Decimal("1.10"), {"$decimal": "1.10"}),
    (uuid.UUID(int=1), {"$uuid": "00000000-0000-0000-0000-000000000001"}),
    (dt.date(2024, 1, 2), {"$date": "2024-01-02"}),
    (fractions.Fraction(2, 4), {"$fraction": [1, 2]}),
    (dt.timedelta(-1, 5, 7), {"$timedelta": [-1, 5, 7]}),
    (dt.datetime(2024, 7, 1, tzinfo=PARIS), {"$datetime": "2024-07-01T00:00:00+02:00[Europe/Paris]"}),
    (dt.datetime(2024, 7, 1, tzinfo=CEST), {"$datetime": {"at": "2024-07-01T00:00:00+02:00", "zone": "CEST"}}),
    (
        dt.datetime(2024, 10, 27, 2, 30, tzinfo=PARIS, fold=1),
        {"$datetime": {"at": "2024-10-27T02:30:00+01:00[Europe/Paris]", "fold": 1}},
    ),
    (dt.time(1, 2, 3, tzinfo=PARIS), {"$time": "01:02:03[Europe/Paris]"}),
    ([CEST, PARIS, dt.UTC], [{"$timezone": {"at": "+02:00", "zone": "CEST"}}, {"$timezone": "[Europe/Paris]"}, {"$timezone": "+00:00"}]),
    (pathlib.PureWindowsPath("C:/a"), {"$path": ["PureWindowsPath", "C:\\a"]}),
    (ipaddress.ip_network("10.0.0.0/8"), {"$ip": ["IPv4Network", "10.0.0.0/8"]}),
    (range(1, 9, 3), {"$range": [1, 9, 3]}),
    (slice(None, (1,)), {"$slice": [None, {"$tuple": [1]}, None]}),
    ((1, "a"), {"$tuple": [1, "a"]}),
    ({3, "b", 1, "a", None}, {"$set": [1, 3, "a", "b", None]}),
    (frozenset(), {"$frozenset": []}),
    (collections.deque([1], 2), {"$deque": [[1], 2]}),
    ({1: {"$a": 2}}, {"$dict": [[1, {"$dict": [["$a", 2]]}]]}),
    (collections.OrderedDict(a=1), {"$ordereddict": [["a", 1]]}),
    (collections.Counter(a=1), {"$counter": [["a", 1]]}),
    (collections.defaultdict(list, a=[1]), {"$defaultdict": ["list", [["a", [1]]]]}),
    (np.float32(0.5), {"$numpy": ["float32", 0.5]}),
    (np.str_("a\0\0"), {"$numpy": ["str", "a\0\0"]}),
    (np.datetime64("NaT", "25s"), {"$numpy": ["datetime64", "25s", None]}),
    (shapes.Colour.RED, {"$enum": ["tests.handlers.shapes:Colour", "RED"]}),
    (shapes.Access.BOTH, {"$enum": ["tests.handlers.shapes:Access", ["READ", "WRITE"]]}),
    (pd.Timestamp("2024-01-01", tz=PARIS).as_unit("s"), {"$pandas": ["Timestamp", "2024-01-01T00:00:00.000000000+01:00[Europe/Paris]", "s"]}),
    (pd.Timedelta(5, "ns"), {"$pandas": ["Timedelta", 5, "ns"]}),
    ([pd.NaT, pd.NA], [{"$pandas": ["NaT"]}, {"$pandas": ["NA"]}]),
    (shapes.Pair(1), {"$object": {"type": "tests.handlers.shapes:Pair", "fields": {"first": 1, "second": 2}}}),
    (Point(1), {"$object": {"type": "tests.handlers.shapes:Point", "fields": {"x": 1, "y": 0.0}}}),
    (
        [Patch(inner=Patch(name="a"))],
        [{"$object": {
            "type": "tests.handlers.shapes:Patch",
            "data": {"name": None, "email": None, "inner": {"name": "a", "email": None, "inner": None, "more": {}}, "more": {}},
            "unset": ["/name", "/email", "/inner/email", "/inner/inner", "/inner/more", "/more"],
        }}],
    ),
    (
        shapes.Box[shapes.Box[int | None]](content=shapes.Box[int | None](content=None)),
        {"$object": {
            "type": "tests.handlers.shapes:Box[tests.handlers.shapes:Box[UnionType[builtins:int,None]]]",
            "data": {"content": {"content": None}},
        }},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("value", "tree"), TREES, ids=lambda part: str(type(part).__name__))
def test_the_table(tmp_path: Path, value: Any, tree: Any) -> None:
    """Each tag is as docs/formats.md says, and reads back as what it was."""
    HANDLER.write_to_file(value, tmp_path / "f", ".typed.json")
    assert json.loads((tmp_path / "f").read_text("utf-8")) == {"$autostore": 1, "value": tree}
    assert same(HANDLER.read_from_file(tmp_path / "f", ".typed.json"), value)


def read(folder: Path, content: Any, handler: TypedHandler = CAREFUL) -> Any:
    """What the handler makes of a file."""
    text = content if isinstance(content, str) else json.dumps({"$autostore": 1, "value": content})
    (folder / "f").write_text(text, encoding="utf-8")
    return handler.read_from_file(folder / "f", ".typed.json")


@pytest.mark.parametrize("tree", [
    {"$date": "2024-01-01", "a": 1}, {"a": {"$x": 1, "b": 2}}, {"$unknown": 1}, {"$file": "a.npy"}, {"$autostore": 1, "value": 2},
    {"$int": "12"}, {"$int": 12}, {"$float": "NaN"}, {"$str": "a"}, {"$str": [1.5]}, {"$bytes": "a"}, {"$bytes": "é"},
    {"$complex": [1]}, {"$decimal": "x"}, {"$decimal": 1}, {"$fraction": [2, 4]}, {"$fraction": [1, 0]}, {"$uuid": "x"},
    {"$range": [1, 2, 0]}, {"$range": [True, 2, 1]}, {"$slice": [1]}, {"$date": "2024-13-01"}, {"$datetime": "x"},
    {"$datetime": {"at": "2024-01-01T00:00:00", "zone": "X"}}, {"$datetime": {"at": "2024-01-01T00:00:00", "fold": 2}},
    {"$time": "25:00:00"}, {"$timedelta": [0, 86400, 0]}, {"$timezone": "2024"}, {"$timezone": ""}, {"$timezone": "+99:00"},
    {"$datetime": "2024-01-01T00:00:00+00:00[../../etc/passwd]"}, {"$path": ["WindowsPath", "a"]}, {"$path": ["Path", "a"]},
    {"$ip": ["IPv4Address", "x"]}, {"$tuple": {}}, {"$set": [1, 1]}, {"$set": [[]]}, {"$frozenset": [1, True]},
    {"$deque": [[1, 2], 1]}, {"$deque": [[], -1]}, {"$dict": [[1, 2], [1, 3]]}, {"$dict": [[[], 2]]}, {"$dict": [[1]]},
    {"$counter": {"a": 1}}, {"$defaultdict": ["eval", []]}, {"$defaultdict": [3, []]}, {"$numpy": ["ndarray", 1]},
    {"$numpy": ["object_", 1]}, {"$numpy": ["int8", 300]}, {"$numpy": ["int8", True]}, {"$numpy": ["void", "AAAA"]},
    {"$numpy": ["datetime64", "x", 1]}, {"$numpy": []}, {"$pandas": ["Timestamp", "x", "s"]}, {"$pandas": ["Period"]},
    {"$pandas": ["Timedelta", 1, "D"]}, {"$enum": ["tests.handlers.shapes:Colour", "GREEN"]}, {"$enum": []},
    {"$enum": ["tests.handlers.shapes:Colour", ["RED"]]}, {"$enum": ["tests.handlers.shapes:Colour", 1]},
    {"$object": {"type": "tests.handlers.shapes:Point"}}, {"$object": {"type": "tests.handlers.shapes:Point", "fields": []}},
    {"$object": {"type": "tests.handlers.shapes:Point", "fields": {"y": 1}}},
    {"$object": {"type": "tests.handlers.shapes:Point", "fields": {"x": 1, "z": 1}}},
    {"$object": {"type": "tests.handlers.shapes:Point", "fields": {"x": 1}, "data": {"x": 1}}},
    {"$object": {"type": "tests.handlers.shapes:Point", "fields": {"x": 1}, "more": 1}},
    {"$object": {"type": "tests.handlers.shapes:Pair", "fields": {}}},
    {"$object": {"type": "tests.handlers.shapes:Reading", "fields": {"sensor": 1}}},
    {"$object": {"type": "tests.handlers.shapes:Reading", "data": {"sensor": "a", "value": 1}, "unset": [1]}},
    {"$object": {"type": 5, "fields": {}}}, {"$object": {"type": "tests.handlers.shapes:Box[", "fields": {}}},
    {"$object": {"type": "tests.handlers.shapes:Point[builtins:int]", "fields": {"x": 1}}},
    {"$object": {"type": "tests.handlers.shapes:Box" + "[builtins:list" * 500, "fields": {}}},
])  # fmt: skip
def test_what_no_tag_writes_is_corrupt(tmp_path: Path, tree: Any) -> None:
    """Whatever part of a file is not as the table says, the message says so, and nothing else happens."""
    with pytest.raises(CorruptDataError) as caught:
        read(tmp_path, [tree])
    assert 20 < len(str(caught.value)) < 1000


@pytest.mark.parametrize("text", [
    '{"$autostore": 1}', '{"$autostore": 1, "value": 1, "more": 2}', '{"$autostore": 2, "value": 1}', '{"$autostore": "1", "value": 1}',
    '{"$autostore": 1, "value": NaN}', '{"$autostore": 1, "value": 1e400}', '{"$autostore": 1, "value": {"a": 1, "a": 2}}',
    '{"$autostore": 1, "value": ' + "1" * 400 + ".5}", '{"$autostore": 1, "value": [{"$autostore": 1, "value": 2}]}',
    '{"$autostore": 1, "value": ' + "[" * 201 + "]" * 201 + "}", '{"value": 1, "$autostore": 1, "x": 2}', "",
    '{"$autostore": 1, "value": ' + "[" * 5_000_000, '{"$autostore": 1, "value": "' + '\\"' * 1_000_000,
    '{"$autostore": 1, "$autostore": 1, "value": 1}', '{"$autostore": 3, "other": [1]}',
])  # fmt: skip
def test_text_that_is_no_typed_json(tmp_path: Path, text: str) -> None:
    """Numbers beyond floats, keys twice, versions of the future and any depth are typed errors, soon."""
    begun = time.monotonic()
    with pytest.raises(Exception, match=r"Restore|Upgrade|Expecting|Unterminated|as_type=bytes"):
        read(tmp_path, text)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("type_name", [
    "os:system", "subprocess:Popen", "builtins:eval", "builtins:dict", "datetime:date", "tests.handlers.shapes:NotAModel",
    "no.such.module:Class", "tests.handlers.shapes:NotAModel[builtins:int]", "builtins:list[builtins:int]",
    "tests.handlers.shapes:Box[tests.handlers.shapes:NotAModel]", "tests.handlers.shapes:Box[os:PathLike]",
    "tests.handlers.shapes:Colour", "UnionType[builtins:int,None]", "None", "...", "typing:List[builtins:int]",
    *(f"tests.handlers.shapes:Box[{parameter}]" for parameter in (
        *('"NotAModel()"', 'builtins:list["NotAModel()"]', "1", "true"),
        *("typing:Literal[tests.handlers.shapes:NotAModel]", "typing:Literal[1.5]", "typing:Literal[{}]", "typing:Literal"),
        *('typing:Literal["a"', "typing:Literal[]", "typing:Annotated[builtins:int,builtins:int]", "typing:Callable"),
        *("typing:ForwardRef", "typing:get_type_hints", "collections.abc:Callable[builtins:int]", "typing:Literal[[1]]"),
    )),
])  # fmt: skip
@pytest.mark.parametrize("handler", [HANDLER, CAREFUL])
def test_what_describes_no_value_is_never_made(tmp_path: Path, type_name: str, handler: TypedHandler) -> None:
    """Names lead to models, dataclasses, NamedTuples and enums, each in its own place; nothing else is called."""
    before = shapes.NotAModel.made
    for tree in (
        {"$object": {"type": type_name, "fields": {}}},
        {"$object": {"type": type_name, "data": {}}},
        *([] if type_name.endswith("Colour") else [{"$enum": [type_name, "RED"]}]),
    ):
        with pytest.raises((UntrustedDataError, UnknownTypeError, CorruptDataError)):
            read(tmp_path, tree, handler)
    assert shapes.NotAModel.made == before


def test_no_module_is_imported_where_code_is_not_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor for the parameter of a generic class, nor for a class that is refused afterwards."""
    (tmp_path / "probe.py").write_text("import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\n")
    monkeypatch.syspath_prepend(tmp_path)
    for tree in (
        {"$object": {"type": "probe:C", "fields": {}}},
        {"$enum": ["probe:C", "A"]},
        {"$object": {"type": "tests.handlers.shapes:Box[probe:C]", "fields": {}}},
    ):
        with pytest.raises(UntrustedDataError, match="may not import"):
            read(tmp_path, tree)
    assert not (tmp_path / "probe.ran").exists()


def test_an_unknown_zone_says_what_to_install(tmp_path: Path) -> None:
    """The file is whole; this machine lacks the zone."""
    with pytest.raises(MissingDependencyError, match="tzdata"):
        read(tmp_path, {"$timezone": "[Europe/Atlantis]"})


def test_offsets_alone_say_which_of_two_moments_it_is(tmp_path: Path) -> None:
    """As another tool writes the hour that a clock shows twice."""
    later = read(tmp_path, {"$datetime": "2024-10-27T02:30:00+01:00[Europe/Paris]"})
    assert same(later, dt.datetime(2024, 10, 27, 2, 30, tzinfo=PARIS, fold=1))


@pytest.mark.parametrize(("value", "path"), [
    ({"metrics": [1, 2, {"f1": object()}]}, ".metrics[2].f1"),
    ([(1, {object()})], "[0][1][0]"),
    ({1: {("a", 2): object()}}, "[1][('a', 2)]"),
    ({frozenset([Text("a")]): 1}, ".key(frozenset({'a'}))[0]"),
    ([Point(object())], "[0].x"),  # type: ignore[arg-type]
    ({"a b": object()}, "['a b']"),
    (cycle(), ".rows[1].again[0]"),
])  # fmt: skip
def test_a_refusal_names_the_path(tmp_path: Path, value: Any, path: str) -> None:
    """Of the part that cannot be written, as a person would write it."""
    with pytest.raises(UnsupportedFormatError) as caught:
        HANDLER.write_to_file(value, tmp_path / "f", ".typed.json")
    assert str(caught.value).startswith(path + " ")
    assert not (tmp_path / "f").exists()


def test_shared_parts_are_written_out_within_bounds(tmp_path: Path) -> None:
    """Repeated references become equal copies; those that would fill the disk are refused, soon."""
    part = [(1,)]
    HANDLER.write_to_file([part, part], tmp_path / "f", ".typed.json")
    assert same(HANDLER.read_from_file(tmp_path / "f", ".typed.json"), [[(1,)], [(1,)]])
    tagged: Any = (1,)
    plain: Any = [1]
    for _ in range(60):
        tagged, plain = [tagged, tagged], [plain, plain]
    begun = time.monotonic()
    for value in (tagged, plain, [list(range(1000))] * 2000):
        for store in (AutoStore(tmp_path / "s", StorageConfig(allow_pickle=False)),):
            with pytest.raises(UntrustedDataError, match=r"shared parts|repeats"):
                store["k"] = value
    assert time.monotonic() - begun < 20


def test_depth_is_exact(tmp_path: Path) -> None:
    """What is written is always read, up to 200 levels and not one more, whatever stands innermost."""
    for innermost in ((1,), np.complex64(1), float("nan"), {"a": {1}}, Point(1), Patch(), CEST):
        written = 0
        for levels in range(185, 201):
            value: Any = innermost
            for _ in range(levels):
                value = [value]
            try:
                HANDLER.write_to_file(value, tmp_path / "f", ".typed.json")
            except UnsupportedFormatError:
                continue
            assert levels == 185 + written, "a deeper value was written where a flatter one was refused"
            written += 1
            assert same(HANDLER.read_from_file(tmp_path / "f", ".typed.json"), value)
        assert 8 < written < 16


def test_a_file_without_an_envelope_is_plain_json(tmp_path: Path) -> None:
    """Tags mean nothing in it."""
    for content in ([1, {"$ref": 1}], {"$date": "2024-01-01"}, {"$schema": "x", "$autostor": 1}, "a", None):
        assert read(tmp_path, json.dumps(content)) == content


def test_as_type_needs_no_import(tmp_path: Path) -> None:
    """Classes that the caller names are taken from there; others become their fields; the rest is validated."""
    script = textwrap.dedent(
        """
        import dataclasses, enum, sys
        from autostore import AutoStore
        class Colour(enum.Enum):
            RED = "red"
        @dataclasses.dataclass
        class Row:
            n: int
            pair: tuple[int, int]
            colour: Colour
        AutoStore(sys.argv[1])["rows"] = [Row(1, (2, 3), Colour.RED)]
        """
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60, cwd=Path(__file__).parents[2])

    class Row(pydantic.BaseModel):
        n: int
        pair: tuple[int, int]
        colour: str

    store = AutoStore(tmp_path, StorageConfig(allow_pickle=False))
    assert store.read("rows", as_type=list[Row]) == [Row(n=1, pair=(2, 3), colour="red")]
    assert store.read("rows", as_type=list[dict]) == [{"n": 1, "pair": [2, 3], "colour": "red"}]
    with pytest.raises(UnknownTypeError, match="as_type"):
        store["rows"]
    with pytest.raises(UnsupportedFormatError, match=r"as_type|0"):
        store.read("rows", as_type=list[int])


def test_as_type_reads_what_a_class_was(local_store: AutoStore) -> None:
    """A field or a member that was renamed since keeps nobody from the others: who asks for dicts gets what was written."""
    name = "tests.handlers.shapes"
    old = [
        {"$object": {"type": f"{name}:Point", "fields": {"x": 1.5, "height": 2.5}}},
        {"$object": {"type": f"{name}:Reading", "data": {"sensor": "a", "amount": 1}}},
    ]
    seal = {"$autostore": 1, "value": {"objects": old, "colour": {"$enum": [f"{name}:Colour", "PURPLE"]}}}
    local_store["laid.json"] = None
    local_store.path("laid.json").with_name("k.typed.json").write_text(json.dumps(seal))
    with pytest.raises(CorruptDataError, match="as_type"):
        local_store["k"]
    found = local_store.read("k", as_type=dict[str, Any])
    assert found == {"objects": [old[0]["$object"]["fields"], old[1]["$object"]["data"]], "colour": "PURPLE"}


def test_a_top_level_object_gives_its_fields(tmp_path: Path) -> None:
    """As the envelopes of models do."""
    HANDLER.write_to_file(Point((1, 2)), tmp_path / "f", ".typed.json")  # type: ignore[arg-type]
    assert HANDLER.read_as(tmp_path / "f", ".typed.json", dict) == {"x": (1, 2), "y": 0.0}
    assert same(HANDLER.read_as(tmp_path / "f", ".typed.json", Point), Point((1, 2)))  # type: ignore[arg-type]


def test_large_plain_parts_are_judged_at_the_speed_of_c(tmp_path: Path) -> None:
    """A million elements beside one date cost little more than writing them does."""
    rows = list(range(1_000_000))
    begun = time.perf_counter()
    json.dumps(rows)
    plain = time.perf_counter() - begun
    begun = time.perf_counter()
    HANDLER.write_to_file([rows, dt.date(2024, 1, 1)], tmp_path / "f", ".typed.json")
    assert time.perf_counter() - begun < 10 * plain + 1


@pytest.mark.parametrize("name", ["Point", "Reading", "Colour", "Pair", "NotAModel"])
def test_a_class_that_was_defined_again_is_named(tmp_path, monkeypatch, name):
    """As it is after `%autoreload`, or after a cell of a notebook ran twice: nobody is told to move the class."""
    kind = getattr(shapes, name)
    arguments = {"Point": (1.0,), "Colour": ("red",), "Pair": (1, 2)}.get(name, ())
    value = kind(*arguments) if name != "Reading" else kind(sensor="a", value=1.0)
    again = type(name, (), {"__module__": kind.__module__, "__qualname__": name})
    monkeypatch.setattr(shapes, name, again)
    for made in (value, [value], {"in": value}):
        with pytest.raises(UnsupportedFormatError, match=r"(defined|reloaded).*[Mm]ake the object anew") as caught:
            AutoStore(tmp_path)["k"] = made
        assert "top level" not in str(caught.value)
    assert not list(AutoStore(tmp_path))
