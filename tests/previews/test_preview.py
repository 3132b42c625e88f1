"""What `AutoStore.preview` shows: the handler's word, or what the value's bases show; and never too much."""

import dataclasses
import enum
import json
import math
import re
import subprocess
import sys
from collections import OrderedDict
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autostore import AutoStore, DataHandler, InvalidConfigError, UnsupportedFormatError
from autostore.plugins import Columns, Markdown, Picture, Rows
from tests.optional import np, pd, pl, torch

TOTAL = 200_000


class Track:
    """A third party's type."""


@dataclasses.dataclass
class Login:
    """A third party's dataclass."""

    user: str = "me"
    password: str = "hunter2"


class TrackHandler(DataHandler):
    """Shows what it is told to."""

    shown: Any = None
    held: ClassVar[type] = Track

    @property
    def extensions(self):
        return [".trk"]

    def can_handle_data(self, data):
        return isinstance(data, self.held)

    def read_from_file(self, file_path, file_extension):
        return self.held()

    def write_to_file(self, data, file_path, file_extension):
        file_path.touch()

    def preview(self, data):
        return self.shown


@pytest.fixture
def store(tmp_path):
    """A store on a fresh folder, which no preview touches."""
    yield AutoStore(tmp_path / "store")
    assert list(tmp_path.rglob("*")) == []


def shown_by_plugin(store, preview):
    """What the store shows where a plugin gives this preview."""
    handler = TrackHandler()
    handler.shown = preview
    store.register_handler(handler)
    return store.preview(Track())


def test_a_handler_shows_its_values(store):
    """Facts of every kind come as the handler gives them."""
    preview = {
        "seconds": 3.5,
        "tags": 2,
        "codec": "flac",
        "lyrics": Markdown("# La"),
        "cover": Picture(b"RIFF"),
        "chapters": Rows([{"title": "One", "at": 0}]),
        "column_schema": Columns([("a", "b")]),
    }
    assert shown_by_plugin(store, preview) == preview


def test_a_value_shows_what_its_bases_show(store):
    """Where no handler says more: a pickled subclass, and a plugin's type without a preview of its own."""

    class Table(pd.DataFrame):
        pass

    class Silent(TrackHandler):
        held = Login
        preview = DataHandler.preview

    assert store.preview(Table({"x": [1, 2]}))["row_count"] == 2
    assert store.preview(np.float64(1.5)) == {"value": 1.5}
    assert store.preview(np.ma.array([1, 2]))["shape"] == "(2,)"
    assert store.preview(OrderedDict(a=1))["value/a"] == 1
    assert store.preview(Track()) == store.preview(Login) == store.preview(None) == store.preview({1, 2}) == {}
    store.register_handler(Silent())
    assert store.preview(Login())["fields"].rows[0] == {"field": "user", "value": "me"}


def test_a_handler_may_show_nothing(store):
    """A plugin that says `{}` hides what the value's bases would show."""

    class Hides(TrackHandler):
        held = Login
        shown: ClassVar[Any] = {}
        priority = 15

    assert "hunter2" in str(store.preview(Login()))
    store.register_handler(Hides())
    assert store.preview(Login()) == {}


def test_the_format_chooses_the_handler(store):
    """`format` asks the handler of that format, also one that is chosen by name only; others are refused."""

    class ByName(TrackHandler):
        explicit_only = True
        shown: ClassVar[Any] = {"by": "name"}

    store.register_handler(ByName())
    assert store.preview(Track()) == {}
    assert store.preview(Track(), format="trk") == store.preview(Track(), format=".trk") == {"by": "name"}
    assert store.preview({"a": 1}, format="yaml") == store.preview({"a": 1})
    for unfit in ("csv", "nonsense", ""):
        with pytest.raises(UnsupportedFormatError, match=rf"\.{unfit}.*Track"):
            store.preview(Track(), format=unfit)


def test_several_arrays_or_tensors_show_as_a_dict(store):
    """Their number, and the first of them."""
    for value in ({"a": np.zeros(2), "b": np.ones(2)}, {"a": torch.zeros(2), "b": torch.ones(2)}):
        preview = store.preview(value)
        assert preview["entries"] == 2
        assert [row["field"] for row in preview["fields"].rows] == ["a", "b"]


def test_a_checkpoint_shows_as_what_it_is_made_of(store):
    """A nesting of tensors and plain values: entries, and the numbers among them as plots."""
    shown = store.preview({"epoch": 3, "model": {"w": torch.ones(2)}})
    assert (shown["entries"], shown["value/epoch"]) == (2, 3)
    assert store.preview([torch.ones(2), 1])["entries"] == 2
    assert store.preview(torch.nn.Parameter(torch.ones(2)))["max"] == 1.0
    assert store.preview(torch.nn.Linear(3, 2))["parameters"] == 8


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch calls some of them new, others old
def test_every_tensor_shows_its_shape(store):
    """Whatever its dtype, layout and device, and its range where PyTorch can tell it."""
    ones = torch.ones(2, 2)
    tensors = [
        ones.to(dtype) for dtype in vars(torch).values() if type(dtype) is torch.dtype and _can_hold(ones, dtype)
    ]
    tensors += [
        ones.to_sparse(),
        ones.to_sparse_csr(),
        ones.to("meta"),
        torch.quantize_per_tensor(ones, 1, 0, torch.qint8),
    ]
    assert len(tensors) > 20
    for value in tensors:
        shown = store.preview(value)
        assert shown["shape"] == "(2, 2)"
        assert shown.get("max", 1.0) == 1.0
    for dtype in (torch.float8_e5m2, torch.bfloat16, torch.uint8, torch.int64, torch.bool):
        assert store.preview(ones.to(dtype))["max"] == 1.0


def _can_hold(value, dtype):
    try:
        value.to(dtype)
    except (RuntimeError, NotImplementedError):
        return False
    return True


def test_lazy_tables_show_their_result(store):
    """A LazyFrame that was never stored shows rows, columns and head of what it computes."""
    preview = store.preview(pl.LazyFrame({"x": [1, 2, 3]}).filter(pl.col("x") > 1))
    assert preview["row_count"] == 2
    assert preview["column_schema"] == Columns([("x", "Int64")])
    assert preview["head"] == Rows([{"x": 2}, {"x": 3}])


def test_enum_members_show_their_value(store):
    """A member that is a number or a text shows so, and carries no class of its own into a log."""

    class Level(enum.IntEnum):
        HIGH = 3

    class Color(str, enum.Enum):  # noqa: UP042 - whose str() is not its text
        RED = "red"

    assert repr(store.preview(Level.HIGH)) == "{'value': 3}"
    assert type(store.preview(Color.RED)["head"].text) is str
    preview = store.preview([{"level": Level.HIGH, "color": Color.RED}])
    assert [(type(cell), cell) for cell in preview["head"].rows[0].values()] == [(int, 3), (str, "red")]


def test_numbers_become_plain(store):
    """NumPy's numbers become Python's, and what JSON or a plot cannot hold becomes text."""
    given = {"n": np.int64(3), "x": np.float32(0.5), "nan": math.nan, "big": 10**30, "flag": True}
    shown = shown_by_plugin(store, given)
    assert shown == {"n": 3, "x": 0.5, "nan": "nan", "big": str(10**30), "flag": "True"}
    assert [type(value) for value in shown.values()] == [int, float, str, str, str]


@pytest.mark.parametrize("fact", [None, b"x", [1], {"a": 1}, object()], ids=lambda fact: type(fact).__name__)
def test_what_is_no_fact_is_named(store, fact):
    """The error says which handler gave what."""
    with pytest.raises(InvalidConfigError, match=r"TrackHandler gives an? .* for 'odd'"):
        shown_by_plugin(store, {"fine": 1, "odd": fact})


odd = st.sampled_from([0, -1, 2**53, 10**400, 0.5, math.nan, math.inf, None, True, "", "x", "\ud800", b"x"])
sizes = st.sampled_from([0, 1, 200, 5_000, 1_000_000])
KINDS = {
    "text": lambda cell, size: "t" * size,
    "number": lambda cell, size: cell if isinstance(cell, int | float) else size,
    "markdown": lambda cell, size: Markdown("m" * size),
    "picture": lambda cell, size: Picture(b"p" * size),
    "long": lambda cell, size: Rows([{"a": cell, "b" * (size // 10): "c" * 500}] * min(size, 5_000)),
    "wide": lambda cell, size: Rows([{f"{i}": cell for i in range(min(size, 5_000))}, {"other": cell}]),
    "columns": lambda cell, size: Columns([("n" * (size // 10), "d" * size)] * min(size, 5_000)),
}


@settings(deadline=None, max_examples=200)
@given(many=st.lists(st.tuples(st.sampled_from(list(KINDS)), odd, sizes, sizes), max_size=9), times=st.integers(1, 30))
def test_no_preview_is_the_data(many, times):
    """Whatever a handler gives, what is shown is bounded, plain, and drawn from the beginning."""
    preview = {}
    for number, (kind, cell, size, name) in enumerate(many * times):
        preview[f"{number} {'n' * name}"] = KINDS[kind](cell, size)
    shown = shown_by_plugin(AutoStore("memory://previews"), preview)
    plain = {name: dataclasses.asdict(fact) if dataclasses.is_dataclass(fact) else fact for name, fact in shown.items()}
    assert sum(len(name) + _characters(fact) for name, fact in plain.items()) <= TOTAL
    json.dumps(plain, allow_nan=False, default=bytes.hex)
    assert Rows([]) not in shown.values()
    assert [int(name.split()[0]) for name in shown] == sorted(int(name.split()[0]) for name in shown)


def _characters(fact: object) -> int:
    if isinstance(fact, dict):
        return sum(map(_characters, fact.values())) if "data" not in fact else len(fact["data"]) * 4 // 3
    if isinstance(fact, list | tuple):
        return sum(map(_characters, fact))
    return len(str(fact))


def test_no_library_is_imported_for_showing():
    """Previews of plain values load no optional library."""
    code = (
        "import sys\n"
        "from autostore import AutoStore\n"
        "store = AutoStore('memory://x')\n"
        "for value in ({'a': 1}, [{'a': 1}], [1], 'x', b'x', (1,), 1.5, None, object()):\n"
        "    store.preview(value)\n"
        "heavy = set('boto3 polars numpy torch PIL yaml scipy pydantic pandas pyarrow dagster'.split())\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout.strip() == "[]", run.stdout + run.stderr


def test_statistics_are_of_each_column_whatever_its_name(tmp_path):
    """Names that Polars takes for patterns; and a table without numbers has no statistics."""
    store = AutoStore(tmp_path)
    shown = store.preview(pl.DataFrame({"*": [1, 2], "^b.*$": [3, 4], "b": [5.0, None]}))["statistics"].rows
    assert [(row["column"], row["mean"], row["nulls"]) for row in shown] == [
        ("*", 1.5, 0),
        ("^b.*$", 3.5, 0),
        ("b", 5.0, 1),
    ]
    assert "statistics" not in store.preview(pl.DataFrame({"text": ["a"]}))


@pytest.mark.parametrize(
    ("unit", "rows"),
    [
        ("date[us]", [2**31 - 1, 0]),
        ("datetime[us]", [2**62, 0]),
        ("datetime[ms]", [2**62, 0]),
        ("duration[ms]", [2**62, 0]),
    ],
)
def test_days_that_python_has_not_are_no_error(tmp_path, unit, rows):
    """Tables of Polars, Arrow and lazy ones; Polars panics at some of them, which is no `Exception`."""
    name, _, precision = unit.rstrip("]").partition("[")
    dtype = {"date": pl.Date, "datetime": pl.Datetime(precision), "duration": pl.Duration(precision)}[name]
    days = pl.Series("d", rows, dtype=pl.Int32 if name == "date" else pl.Int64).cast(dtype)
    frame = pl.DataFrame({"d": days, "nested": days.implode().extend(days.implode()), "n": [1, 2]})
    store = AutoStore(tmp_path)
    for table in (frame, frame.lazy(), frame.to_arrow()):
        head = store.preview(table)["head"].rows
        assert [row["n"] for row in head] == [1, 2]
        assert head[0]["d"] == "beyond Python's dates"
    assert [row["nulls"] for row in store.preview(frame)["statistics"].rows] == [0, 0]


@pytest.mark.parametrize(
    "item", ["`", "a`b", "``", "`\n\n![x](http://elsewhere/p.png)", "a\r\n\u2028# head", "```\nx\n```"]
)
def test_a_text_in_a_list_stays_code(item):
    """Nothing leads out of the one span of code: what is Markdown there would be fetched where it is shown."""
    # Mutation that this was seen to catch: the text stands between two backticks as it is.
    text = AutoStore("memory://code").preview([item])["head"].text
    fence, line = re.fullmatch("- (`+)(.*)\\1", text, re.DOTALL).groups()
    assert len(line.splitlines()) <= 1
    assert len(fence) not in map(len, re.findall("`+", line))


def test_large_whole_numbers_keep_their_digits(tmp_path):
    """A float has 53 bits; pandas' numbers were cut to five figures."""
    store = AutoStore(tmp_path)
    shown = store.preview(np.array([3, 2**60 + 1]))
    assert (shown["min"], shown["max"]) == (3.0, str(2**60 + 1))
    frame = store.preview(pd.DataFrame({"x": [1, 123_456_789]}))
    told = next(fact for fact in frame.values() if isinstance(fact, Rows) and "max" in fact.rows[0])
    assert told.rows[0]["max"] == 123_456_789
