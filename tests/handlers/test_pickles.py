"""Pickles, and the signatures that prove who wrote them."""

import copyreg
import datetime as dt
import hashlib
import hmac
import pickle
import re
import subprocess
import sys
import threading
import types
import zipfile
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autostore import AutoStore
from autostore.config import StorageConfig
from autostore.errors import CorruptDataError, UnknownTypeError, UnsupportedFormatError, UntrustedDataError
from autostore.handlers.pickles import PickleHandler
from autostore.testing import HandlerContract, same
from tests.handlers import shapes
from tests.optional import joblib, np, pa, pl, torch

KEY = "a long random secret"
SIGNED = PickleHandler(StorageConfig(pickle_key=KEY))
PLAIN = PickleHandler(StorageConfig())
REFUSING = PickleHandler(StorageConfig(allow_pickle=False))
TRAILER = re.compile(rb"\n#autostore-sig:1:([0-9a-f]+):([0-9a-f]{64})\n\Z")
RAN: list[str] = []


def ran(what: str) -> None:
    RAN.append(what)


class Bomb:
    """Tells when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return ran, ("boom",)


SAMPLES = (
    (1, "a"),
    {1: (2, 3)},
    {"a", 1},
    OrderedDict(b=1, a=2),
    defaultdict(list, a=[1]),
    Counter("aab"),
    bytearray(b"x"),
    float("nan"),
    1 + 2j,
    range(3),
    [shapes.Reading(sensor="a", value=1.0)],
    shapes.Colour.RED,
    int,
    "\ud800",
)
REFUSED = (lambda: 1, (i for i in ()), threading.Lock(), sys.stdout, types.ModuleType("m"), [lambda: 1])


class TestPickleHandler(HandlerContract):
    handler = PLAIN
    samples = SAMPLES
    refused = REFUSED
    runs_code = True


class TestSignedPickleHandler(HandlerContract):
    """With a key, nothing in a file runs unless it was signed."""

    handler = SIGNED
    samples = SAMPLES
    refused = REFUSED


def test_the_file_is_protocol_5(tmp_path: Path) -> None:
    """Every Python that this library runs on reads it, with pickle alone, signed or not."""
    for handler in (PLAIN, SIGNED):
        handler.write_to_file({"a": (1,)}, tmp_path / "f", ".pkl")
        content = (tmp_path / "f").read_bytes()
        assert content[:2] == b"\x80\x05"
        assert pickle.loads(content) == {"a": (1,)}


def test_the_signature_is_as_documented(tmp_path: Path) -> None:
    """HMAC-SHA256 over version, extension and bytes, in a trailer that any tool can check."""
    SIGNED.write_to_file([1], tmp_path / "f", ".pkl")
    content = (tmp_path / "f").read_bytes()
    trailer = TRAILER.search(content)
    assert trailer is not None
    payload = content[: trailer.start()]
    assert payload == pickle.dumps([1], protocol=5)
    expected = hmac.new(KEY.encode(), b"autostore-sig:1:.pkl\n" + payload, hashlib.sha256).hexdigest()
    assert trailer[2].decode() == expected
    assert KEY.encode() not in content


def signed_bomb(tmp_path: Path) -> bytes:
    RAN.clear()
    SIGNED.write_to_file(Bomb(), tmp_path / "f", ".pkl")
    return (tmp_path / "f").read_bytes()


def test_a_signed_file_reads_with_its_key_and_without_any(tmp_path: Path) -> None:
    """A store that has no key ignores the signature."""
    signed_bomb(tmp_path)
    SIGNED.read_from_file(tmp_path / "f", ".pkl")
    PLAIN.read_from_file(tmp_path / "f", ".pkl")
    PickleHandler(StorageConfig(pickle_key=KEY.encode())).read_from_file(tmp_path / "f", ".pkl")
    assert RAN == ["boom"] * 3


def test_a_wrong_key_is_told_from_a_changed_file(tmp_path: Path) -> None:
    """Both are refused before anything runs, and the message says which it is."""
    content = signed_bomb(tmp_path)
    other = PickleHandler(StorageConfig(pickle_key="other"))
    with pytest.raises(UntrustedDataError, match="another pickle_key"):
        other.read_from_file(tmp_path / "f", ".pkl")
    (tmp_path / "f").write_bytes(content.replace(b"boom", b"bang"))
    with pytest.raises(UntrustedDataError, match="was changed"):
        SIGNED.read_from_file(tmp_path / "f", ".pkl")
    assert RAN == []


def test_no_changed_byte_passes(tmp_path: Path) -> None:
    """A flip anywhere, a cut, an addition, and another extension are all refused."""
    content = signed_bomb(tmp_path)
    changes = [content[:i] + bytes([content[i] ^ 1]) + content[i + 1 :] for i in range(len(content))]
    changes += [
        content[:-1],
        content + b"\n",
        b"\n" + content,
        content[: content.index(b"\n#autostore")],
        b"",
        content * 2,
    ]
    for changed in changes:
        (tmp_path / "f").write_bytes(changed)
        with pytest.raises(UntrustedDataError):
            SIGNED.read_from_file(tmp_path / "f", ".pkl")
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(UntrustedDataError):
        SIGNED.read_from_file(tmp_path / "f", ".pt")
    assert RAN == []


def test_a_signature_of_a_later_version_says_upgrade(tmp_path: Path) -> None:
    """It is neither trusted nor called damaged."""
    content = signed_bomb(tmp_path).replace(b"-sig:1:", b"-sig:2:")
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(UntrustedDataError, match="Upgrade"):
        SIGNED.read_from_file(tmp_path / "f", ".pkl")


def test_no_pickles_where_they_are_not_allowed(tmp_path: Path) -> None:
    """Neither written nor read; the message names the setting."""
    signed_bomb(tmp_path)
    with pytest.raises(UntrustedDataError, match="allow_pickle=False"):
        REFUSING.read_from_file(tmp_path / "f", ".pkl")
    with pytest.raises(UntrustedDataError, match="allow_pickle=False"):
        REFUSING.write_to_file((1,), tmp_path / "g", ".pkl")
    assert not (tmp_path / "g").exists()
    assert RAN == []


def test_a_class_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A moved class and a missing module each give an error that says what to install or import."""
    SIGNED.write_to_file(shapes.Point(1.0), tmp_path / "f", ".pkl")
    for handler in (SIGNED, PLAIN):
        with monkeypatch.context() as patch:
            patch.delattr(shapes, "Point")
            with pytest.raises(UnknownTypeError, match="Point"):
                handler.read_from_file(tmp_path / "f", ".pkl")
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "tests.handlers.shapes", None)
            with pytest.raises(UnknownTypeError, match=r"tests\.handlers\.shapes"):
                handler.read_from_file(tmp_path / "f", ".pkl")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    value=st.recursive(
        st.none()
        | st.integers()
        | st.floats()
        | st.binary()
        | st.text(st.characters(exclude_categories=()))
        | st.datetimes(),
        lambda inner: st.tuples(inner, inner) | st.dictionaries(st.integers(), inner) | st.lists(inner),
        max_leaves=15,
    )
)
def test_values_come_back_exactly(tmp_path: Path, value: Any) -> None:
    """Also signed, and also where the value looks like a signature."""
    for payload in (value, [value, b"\n#autostore-sig:1:" + b"0" * 16 + b":" + b"0" * 64 + b"\n"]):
        SIGNED.write_to_file(payload, tmp_path / "f", ".pkl")
        assert same(SIGNED.read_from_file(tmp_path / "f", ".pkl"), payload)
        assert same(PLAIN.read_from_file(tmp_path / "f", ".pkl"), payload)


def test_a_full_disk_is_not_a_refusal(tmp_path: Path) -> None:
    """An error of the operating system stays one, so that the caller learns the truth."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(OSError, match="No space") as caught:
        PLAIN.write_to_file(bytes(10**6), full, ".pkl")
    assert not isinstance(caught.value, UnsupportedFormatError)


SORTED_KEYS = pa.map_(pa.string(), pa.int64(), keys_sorted=True)


class Later:
    """Pickles as a class of the standard library with arguments that it does not take: as later versions of it do."""

    def __reduce__(self) -> tuple[Any, tuple[str, ...]]:
        return zipfile.ZipInfo, ("name", "of", "a", "later", "version")


@pytest.mark.parametrize("key", [None, KEY])
def test_what_a_later_library_wrote_is_not_called_damaged(tmp_path: Path, key: str | None) -> None:
    """A whole pickle of which the classes that are installed make nothing; a cut one is damaged."""
    store = AutoStore(tmp_path, StorageConfig(pickle_key=key))
    store["later.pkl"] = Later()
    with pytest.raises(UnknownTypeError, match=r"is whole, but zipfile.ZipInfo as it is here .* version is that wrote"):
        store["later.pkl"]
    data = (tmp_path / "later.pkl").read_bytes()
    (tmp_path / "later.pkl").write_bytes(data[:40])
    with pytest.raises(UntrustedDataError if key else CorruptDataError):
        store["later.pkl"]


@pytest.mark.parametrize(
    "lost",
    [
        pa.table({"a": [1, 2]}).select([]),
        pa.record_batch({"a": [1, 2]}).select([]),
        pa.table({"m": pa.array([[("a", 1)]], SORTED_KEYS)}),
        pa.schema({"l": pa.list_(SORTED_KEYS)}),
        pl.Series([[]], dtype=pl.Array(pl.Int8, 0)),
        pl.DataFrame({"a": pl.Series([{"x": [[]]}], dtype=pl.Struct({"x": pl.List(pl.Array(pl.Int8, 0))}))}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_pickle_would_lose_is_refused_wherever_it_stands(tmp_path: Path, lost: Any) -> None:
    """In a list or a class of one's own, although the library itself pickles it; nothing is stored."""
    store = AutoStore(tmp_path)
    for value in ([lost], {1: (lost, lost)}, shapes.Loose(lost)):
        with pytest.raises(UnsupportedFormatError, match="under a key of its own"):
            store.write("k", value, format="pkl")
        with pytest.raises(UnsupportedFormatError, match="under a key of its own"):
            PLAIN.write_to_file(value, tmp_path / "f", ".pkl")
    assert "k" not in store


class Told(Exception):
    """Makes its message of two arguments, of which pickle knows nothing, as most classes of errors do."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")


class Again(Exception):
    """Makes its message of one argument, so that a pickle has the message made of the message."""

    def __init__(self, place: str) -> None:
        super().__init__(f"not at {place}")


class Labelled(np.ndarray):
    """An array with a label, as NumPy's documentation shows one, which `ndarray.__reduce__` knows not."""


def labelled(array: Any) -> Any:
    array.label = "metres"
    return array


@pytest.mark.parametrize(
    "lost",
    [
        Told("a", "gone"),
        Again("home"),
        labelled(np.arange(3).view(Labelled)),
        labelled(np.ma.array([1, 2])),
        labelled(np.rec.array([(1, 2.0)], names="a,b")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_read_as_it_was_is_not_pickled(tmp_path: Path, lost: Any) -> None:
    """Errors that make their message of several arguments, and what was set on an array; alone and in a list."""
    store = AutoStore(tmp_path)
    for value in (lost, [lost]):
        with pytest.raises(UnsupportedFormatError, match=r"A pickle (of|would)"):
            store["k"] = value
    assert "k" not in store
    group = ExceptionGroup("two", [ValueError(1), OSError(2, "no", "f")])
    for kept in (KeyError("a", 1), group, np.arange(2).view(Labelled)):
        store.write("k", [kept], format="pkl")
        assert same(store["k"], [kept])


@pytest.mark.parametrize("lost", [Told("a", "gone"), Again("home")], ids=lambda value: type(value).__name__)
def test_what_dask_does_to_exceptions_is_not_stored(tmp_path: Path, lost: Any) -> None:
    """Importing `dask.distributed` makes every exception pickle with its traceback, by tblib; ours need no tblib."""
    tblib = pytest.importorskip("tblib.pickling_support")
    before = dict(copyreg.dispatch_table)
    try:
        tblib.install()
        store = AutoStore(tmp_path)
        with pytest.raises(UnsupportedFormatError, match=r"A pickle (of|would)"):
            store["k"] = lost
        try:
            raise KeyError("a", 1)
        except KeyError as error:
            store["k"] = [error]
    finally:
        copyreg.dispatch_table.clear()
        copyreg.dispatch_table.update(before)
    assert b"tblib" not in (tmp_path / "k.pkl").read_bytes()
    assert same(store["k"], [KeyError("a", 1)])


def masked(data: Any, *, hard: bool = False, **said: Any) -> Any:
    array = np.ma.array(data, **said)
    return array.harden_mask() if hard else array


@pytest.mark.parametrize(
    "value",
    [
        np.str_("a\0"),
        np.bytes_(b"a\0\0"),
        np.array(["2026", "NaT"], dtype=">M8[s]").reshape(2, 1),
        np.array(5, dtype=">m8[ns]"),
        masked([1, 2]),
        masked([1.5, 2], hard=True, mask=[0, 1], fill_value=7),
        masked(["2026"], dtype=">M8[D]", mask=[1]),
        {np.str_("\0"): masked([[1], [2]], hard=True)},
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_numpy_forgets_comes_back(tmp_path: Path, value: Any) -> None:
    """Also in what falls back on a pickle; the file needs none of our code."""
    # Mutation that this was seen to catch: reducer_of gives None.
    store = AutoStore(tmp_path)
    for made in (value, [value, Bomb]):
        store["k.pkl"] = made
        assert same(store["k"], made)
        assert same(pickle.loads((tmp_path / "k.pkl").read_bytes()), made)
        assert b"autostore" not in (tmp_path / "k.pkl").read_bytes()


def test_small_floats_of_pytorch_are_not_pickled(tmp_path: Path) -> None:
    """PyTorch pickles them, and does not read them."""
    store, small = AutoStore(tmp_path), torch.ones(2).to(torch.float8_e4m3fn)
    with pytest.raises(UnsupportedFormatError, match="cannot be read"):
        store["k.pkl"] = [small]
    store["k"] = [small]
    assert same(store["k"], [small])


class Odd:
    """A class whose module is no text, as that of a function that Cython compiled may be."""

    __module__ = 5  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        return odd, ()


def odd() -> Odd:
    return Odd()


def test_a_class_need_not_say_its_module(tmp_path: Path) -> None:
    """Such an object is pickled, alone, in a list and beside a frame; formats that do not hold it say so."""
    store = AutoStore(tmp_path)
    store["k"] = [Odd(), {"frame": pl.DataFrame({"a": [1]}), "odd": Odd()}]
    assert [type(store["k"][0]), type(store["k"][1]["odd"])] == [Odd, Odd]
    for name in ("t.typed.json", "t.bundle.zip", "t.json", "t.yaml", "t.pt", "t.parquet"):
        with pytest.raises(UnsupportedFormatError):
            store[name] = [Odd()]
    assert store.cache(lambda value: type(value) is Odd)(Odd())


def test_generic_models_are_read_where_nobody_made_their_class(tmp_path: Path) -> None:
    """Pydantic puts `Box[...]` into its module when it is made, which another process has not done."""
    # Mutation that this was seen to catch: _parametrised gives None.
    box = shapes.Box[list[dt.date | None]]
    made = [box(content=[None]), shapes.Box[shapes.Box[str]](content=shapes.Box[str](content="x")), box, shapes.Box]
    AutoStore(tmp_path)["k.pkl"] = made
    read = "import sys; from autostore import AutoStore; print(AutoStore(sys.argv[1])['k'])"
    done = subprocess.run([sys.executable, "-c", read, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(made), done.stderr
    assert same(AutoStore(tmp_path)["k"], made)


def test_what_is_only_like_it_is_kept(tmp_path: Path) -> None:
    """Tables with columns, and maps whose keys are not known to be sorted."""
    kept = [pa.table({"m": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64()))}), pa.table({}), pl.Series([[1]])]
    AutoStore(tmp_path).write("k", kept, format="pkl")
    assert same(AutoStore(tmp_path)["k"], kept)


def test_what_joblib_wrote_is_said_to_be_its(tmp_path: Path) -> None:
    """Its files have arrays between the parts of a pickle, so `.pkl` does not read them, and they are not damaged."""
    store = AutoStore(tmp_path)
    value = {"weights": np.arange(3)}
    joblib.dump(value, tmp_path / "model.pkl")
    with pytest.raises(UnsupportedFormatError, match=r"'model' .*joblib wrote this.*load\(store\.path\(key\)\)"):
        store["model"]
    assert same(joblib.load(store.path("model")), value)
    joblib.dump({"plain": [1]}, tmp_path / "plain.pkl")
    assert store["plain"] == {"plain": [1]}
    signed = AutoStore(tmp_path, StorageConfig(pickle_key=KEY))
    with pytest.raises(UntrustedDataError):
        signed["model"]
