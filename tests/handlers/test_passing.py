"""The user's own exception passes through: it is no refusal, no damage and no absence, and keeps its type."""

import io
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, field_serializer, field_validator

from autostore import AutoStore, CorruptDataError, StorageError, UnsupportedFormatError
from autostore.handler import DataHandler
from autostore.testing import same
from tests.optional import Image, np, pl, sp, torch
from tests.reliability.scale import measured, scaled

ALARMS = scaled(40, 5_000)


class TimeLimit(Exception):
    """What somebody's time limit raises."""


ERRORS = [
    TimeLimit("late"), TimeoutError("late"), RuntimeError("own"), ValueError("own"), TypeError("own"), KeyError("own"),
    FileNotFoundError(2, "own", "other file"), ImportError("own"), RecursionError("own"), KeyboardInterrupt(),
    GeneratorExit(), SystemExit(3),
]  # fmt: skip
ERROR = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
armed: list[BaseException] = []
calling: list[Callable[[], Any]] = []


def strike() -> None:
    if armed:
        raise armed[0]
    if calling:
        calling[0]()


class Reduces:
    def __init__(self) -> None:
        self.a = 1

    def __reduce__(self) -> Any:
        strike()
        return Reduces, ()


class Restores:
    def __init__(self) -> None:
        self.a = 1

    def __setstate__(self, state: Any) -> None:
        strike()


class Serializes(BaseModel):
    a: int = 1

    @field_serializer("a")
    def serialized(self, a: int) -> int:
        strike()
        return a


class Validates(BaseModel):
    a: int = 1

    model_config = ConfigDict(validate_default=True)

    @field_validator("a")
    @classmethod
    def validated(cls, a: int) -> int:
        strike()
        return a


@dataclass
class PostInit:
    a: int = 1

    def __post_init__(self) -> None:
        strike()


class Module(torch.nn.Module):
    def __reduce__(self) -> Any:
        strike()
        return Module, ()


class Plugin(DataHandler):
    extensions: ClassVar[list[str]] = [".plug"]
    priority = 50

    def can_handle_data(self, data: Any) -> bool:
        return type(data) is tuple

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        strike()
        return (file_path.read_text(),)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        file_path.write_text(data[0])
        strike()


def lazy() -> Any:
    def struck(frame: Any) -> Any:
        strike()
        return frame

    return pl.LazyFrame({"a": [1]}).map_batches(struck)


WRITTEN = {
    "reduce": Reduces, "reduce inside": lambda: {1: [Reduces()]}, "serializer": Serializes, "validator": Validates,
    "post init": PostInit, "module": Module, "plugin": lambda: ("x",), "query": lazy,
}  # fmt: skip
READ = {"setstate": Restores, "validator": Validates, "post init": PostInit, "plugin": lambda: ("x",)}
FIT_ERRORS = {"validator": (ValueError,), "post init": (ValueError,), "serializer": (RecursionError,)}
"""What Pydantic makes an error of its own of: data that does not fit, and a circle."""


@pytest.fixture
def store(local_store: AutoStore) -> Any:
    local_store.register_handler(Plugin())
    armed.clear()
    yield local_store
    armed.clear()
    calling.clear()


@ERROR
@pytest.mark.parametrize("kind", WRITTEN)
def test_writing(store: AutoStore, kind: str, error: BaseException) -> None:
    """It leaves a write unchanged, nothing is pickled instead, and what was stored stays."""
    # Mutation that this was seen to catch: after_writing takes any Exception for a refusal.
    if isinstance(error, FIT_ERRORS.get(kind, ())):
        return
    if kind == "query" and not isinstance(error, Exception):
        return  # Polars ends it as a panic of its own
    store["k"] = "old"
    value = WRITTEN[kind]()
    before = sorted(store.list_files())
    armed.append(error)
    for key in ("k", "new"):
        with pytest.raises(type(error)) as caught:
            store[key] = value
        assert caught.value is error
        assert not isinstance(caught.value, StorageError)
    armed.clear()
    assert sorted(store.list_files()) == before
    assert store["k"] == "old"
    if isinstance(error, Exception):
        assert "'k'" in "".join(error.__notes__)
        del error.__notes__


@ERROR
@pytest.mark.parametrize("kind", READ)
def test_reading(store: AutoStore, kind: str, error: BaseException) -> None:
    """It leaves a read unchanged: no word of damage, and no default."""
    # Mutation that this was seen to catch: after_reading takes any Exception for damage.
    if isinstance(error, FIT_ERRORS.get(kind, ())):
        return
    if kind == "setstate" and isinstance(error, ImportError):
        return  # a class that is not there is named
    store["k"] = READ[kind]()
    armed.append(error)
    for act in (lambda: store["k"], lambda: store.get("k", "default"), lambda: store.pop("k", "default"),
                lambda: store.modify("k", lambda value: value), lambda: dict(store.items())):  # fmt: skip
        with pytest.raises(type(error)) as caught:
            act()
        assert caught.value is error
    armed.clear()
    assert "k" in store
    if isinstance(error, Exception):
        assert "'k'" in "".join(error.__notes__)
        del error.__notes__


CALLED: dict[str, tuple[type[Exception], Callable[[], Any]]] = {
    "a program": (subprocess.CalledProcessError, lambda: subprocess.run([sys.executable, "-c", "1/0"], check=True)),
    "a program that is late": (
        subprocess.TimeoutExpired, lambda: subprocess.run([sys.executable, "-c", "while True: ..."], timeout=0.01)),
    "a server": (urllib.error.URLError, lambda: urllib.request.urlopen("http://127.0.0.1:9", timeout=1)),
    "a file": (FileNotFoundError, lambda: Path("no such file").read_text()),
    "an archive": (zipfile.BadZipFile, lambda: zipfile.ZipFile(io.BytesIO(b"none"))),
    "a table": (pl.exceptions.NoDataError, lambda: pl.read_csv(b"")),
}  # fmt: skip
"""What the user's code may call, and how that fails: in a library's frame, with a library's error."""


@pytest.mark.parametrize("name", CALLED)
@pytest.mark.parametrize("kind", [kind for kind in WRITTEN if kind != "plugin"])
def test_what_the_users_code_called_while_writing(store: AutoStore, kind: str, name: str) -> None:
    """It is as much the user's own as what that code raises itself: no refusal, and nothing is pickled instead."""
    # Mutation that this was seen to catch: _passed_users is never true.
    error, call = CALLED[name]
    store["k"] = "old"
    value = WRITTEN[kind]()
    before = sorted(store.list_files())
    calling.append(call)
    with pytest.raises(error) as caught:
        store["k"] = value
    calling.clear()
    assert type(caught.value) is error
    assert "'k'" in "".join(caught.value.__notes__)
    assert sorted(store.list_files()) == before
    assert store["k"] == "old"


@pytest.mark.parametrize("name", CALLED)
@pytest.mark.parametrize("kind", [kind for kind in READ if kind != "plugin"])
def test_what_the_users_code_called_while_reading(store: AutoStore, kind: str, name: str) -> None:
    """The file is whole, and is not called damaged."""
    # Mutation that this was seen to catch: _passed_users is never true.
    error, call = CALLED[name]
    store["k"] = READ[kind]()
    calling.append(call)
    for act in (lambda: store["k"], lambda: store.get("k", "default"), lambda: dict(store.items())):
        with pytest.raises(error) as caught:
            act()
        assert type(caught.value) is error
    assert "k" in store


def test_what_a_plugin_says_is_heard(store: AutoStore, folder: Path) -> None:
    """A plugin refuses by UnsupportedFormatError and calls damage by CorruptDataError; both name the key."""
    from autostore import UnsupportedFormatError

    armed.append(UnsupportedFormatError("not this one"))
    store["k"] = ("x",)
    assert [path.rpartition(".")[2] for path in store.list_files()] == ["json"]
    armed.clear()
    store["p.plug"] = ("x",)
    armed.append(CorruptDataError("cut in half"))
    with pytest.raises(CorruptDataError, match=r"'p\.plug'.*cut in half"):
        store["p.plug"]


def values() -> dict[str, Any]:
    rows = [{"a": number, "b": [str(number)] * 3} for number in range(3_000)]
    frame = pl.DataFrame({f"c{n}": range(300) for n in range(30)})
    return {
        "json": {"rows": rows}, "jsonl": rows, "yaml.yaml": rows[:150], "pkl": {1: rows}, "parquet": frame,
        "pandas": frame.to_pandas(), "csv.csv": frame, "npy": np.arange(1000), "png": Image.new("P", (300, 300)),
        "npz": {f"m{n}": np.arange(5) for n in range(150)}, "sparse": sp.csr_array(np.eye(30)).tolil(),
        "pt": {f"w{n}": torch.ones(3) for n in range(80)}, "model": Validates(), "bin": bytes(100_000),
    }  # fmt: skip


# A signal may come between a file's opening and its `with`: the file closes when it is dropped, and Python says so.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.timeout(scaled(120, 3600))
@pytest.mark.parametrize("limit", [TimeLimit, TimeoutError])
def test_time_limits(store: AutoStore, folder: Path, limit: type[Exception]) -> None:
    """A signal handler raises at random moments of writes and reads: its exception arrives, or the work was done."""
    # Mutation that this was seen to catch: let_pass does nothing.
    dice, samples = random.Random(0), values()
    seconds = {}
    for key, value in samples.items():
        store[key] = value
        begun = time.perf_counter()
        store[key] = value
        assert same(store[key], value) or key.endswith("csv")
        seconds[key] = time.perf_counter() - begun
    before = sorted(store.list_files())

    def ring(*_: Any) -> None:
        raise limit("time is over")

    old = signal.signal(signal.SIGALRM, ring)
    struck = 0
    try:
        with measured(f"time limits, {limit.__name__}") as facts:
            for _ in range(ALARMS):
                key = dice.choice(list(samples))
                try:
                    signal.setitimer(signal.ITIMER_REAL, dice.uniform(1e-5, seconds[key] * 0.9))
                    store[key] = samples[key]
                    store[key]
                    signal.setitimer(signal.ITIMER_REAL, 0)
                except limit as error:
                    struck += 1
                    assert str(error) == "time is over"
                    assert not isinstance(error, StorageError)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
                assert sorted(store.list_files()) == before, key
            facts.update(alarms=ALARMS, arrived=struck)
    finally:
        signal.signal(signal.SIGALRM, old)
    assert struck > ALARMS // 3
    for key, value in samples.items():
        assert same(store[key], value) or key.endswith("csv")


@dataclass
class Job:
    """A value whose attributes run code, and are none of our business."""

    part: Any

    @property
    def failure(self) -> Any:
        raise TimeLimit("late")


def test_attributes_of_a_refused_value_are_not_asked(store: AutoStore) -> None:
    """A refusal stays one, whatever the value calls its own."""
    with pytest.raises(UnsupportedFormatError):
        store["k.dataclass.json"] = Job(object())
    assert "k.dataclass.json" not in store


def test_a_mistake_of_our_own_is_no_refusal_and_no_damage(tmp_path, monkeypatch):
    # It was taken for "JSON cannot hold this", and the value was pickled without a word.
    store = AutoStore(tmp_path)
    store["there"] = {"a": 1}
    monkeypatch.delattr("autostore.handlers.json.check_json")
    monkeypatch.delattr("autostore.handlers.json.parse_json")
    for key in ("k", "k.json"):
        with pytest.raises(NameError, match="check_json") as found:
            store[key] = {"a": 1}
        assert "JSONHandler wrote" in found.value.__notes__[0]
        assert key not in store
    with pytest.raises(NameError, match="parse_json"):
        store["there"]
    monkeypatch.undo()
    assert store["there"] == {"a": 1}
    monkeypatch.delattr("autostore.handlers.json.JSONHandler.parsed")
    with pytest.raises(AttributeError, match="parsed"):
        store["there"]
