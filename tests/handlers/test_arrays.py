"""NumPy arrays, alone and in archives."""

import io
import struct
import sys
import threading
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autostore import AutoStore, StorageConfig
from autostore.errors import CorruptDataError, PickledWarning, UnsupportedFormatError
from autostore.handlers import arrays
from autostore.handlers.arrays import NpyHandler, NpzHandler
from autostore.testing import HandlerContract, same
from tests.optional import np

FIXTURES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
NPY, NPZ = NpyHandler(), NpzHandler()
RECORD = np.dtype([("a", "<i4"), ("b", ">f8", (2,)), ("c", [("d", "U3")])])


def objects_inside() -> Any:
    return np.zeros(2, dtype=[("a", "i4"), ("b", [("c", object)])])


class TestNpyHandler(HandlerContract):
    handler = NPY
    samples = (
        np.arange(6).reshape(2, 3),
        np.array(3.5),
        np.array([np.nan, -0.0, 0.0, np.inf]),
        np.empty((0, 4), dtype="f4"),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(10)[::-2],
        np.arange(3, dtype=">i2"),
        np.array(["a", "ünï"]),
        np.array([b"a", b"bc"]),
        np.array(["2020-01-01", "NaT"], dtype="M8[ns]"),
        np.array([1, 2], dtype="m8[s]"),
        np.array([1 + 2j, complex(np.nan, -0.0)]),
        np.array([True, False]),
        np.zeros(3, dtype=RECORD),
        np.zeros(2, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True)),
        np.array([1.5], dtype=np.longdouble),
        np.float16([1.5]),
        np.zeros(2, dtype="V5"),
        np.zeros(2, dtype=[(f"column number {n}", "f8") for n in range(1000)]),
        np.broadcast_to(np.arange(3), (2, 3)),
    )
    refused = (
        np.array([object()]),
        np.array([None, "a"], dtype=object),
        objects_inside(),
        np.ma.array([1, 2], mask=[True, False]),
        np.rec.array([(1, 2.0)], names="a,b"),
        np.matrix([[1]]),
        np.float64(1.0),
        np.zeros(1, dtype=np.dtype("f8", metadata={"a": 1})),
        np.array(["a"], dtype=np.dtypes.StringDType()),
        np.zeros(2, dtype=np.dtype((np.record, [("a", "i4")]))),
        np.zeros(2, dtype=[("row", np.dtype((np.record, [("a", "i4")])))]),
        [1, 2],
    )


class TestMappedNpy(HandlerContract):
    """Every promise holds for arrays that are mapped, too."""

    handler = NPY
    samples = (
        np.arange(arrays.MAP_FROM // 8 + 1),
        np.asfortranarray(np.arange(arrays.MAP_FROM // 4).reshape(4, -1)),
    )


class TestNpzHandler(HandlerContract):
    handler = NPZ
    samples = (
        {"a": np.arange(3), "b": np.array(1.5)},
        {"file": np.arange(1), "allow_pickle": np.arange(2), "args": np.arange(3), "kwds": np.arange(4)},
        {"": np.arange(1), "a/b": np.arange(2), "../up": np.arange(3), "/abs": np.arange(4), "dir/": np.arange(5)},
        {
            "x.npy": np.arange(1),
            "x": np.arange(2),
            "é ☃": np.arange(3),
            "arr_0": np.arange(4),
            "back\\slash": np.arange(5),
        },
        {"z": np.zeros(3, dtype=RECORD), "a": np.empty((0, 2))},
    )
    refused = (
        {},
        {"a": np.array([None])},
        {"a": objects_inside()},
        {"a": [1]},
        {"a": np.float64(1)},
        {1: np.arange(2)},
        {"nul\0": np.arange(2)},
        {"\ud800": np.arange(2)},
        {"n" * 70_000: np.arange(2)},
        {"a": np.ma.array([1])},
        np.arange(3),
    )


MASKED = np.ma.array([1.0, 2.0], mask=[True, False])
ALIGNED = np.dtype([("a", "u1"), ("b", "f8")], align=True)
TEXT = np.dtypes.StringDType


@pytest.mark.parametrize(
    "value",
    [
        np.ma.array([1, 2]),
        np.ma.array([1, 2], mask=[False, False]),
        np.ma.array(MASKED, fill_value=-0.0, hard_mask=True),
        np.ma.array(MASKED, dtype="f2"),
        np.zeros(2, dtype=ALIGNED).view(np.recarray),
        np.rec.array([(1, "a")], names="n,s")[0],
        np.array(["a", "é"], dtype=TEXT(coerce=False)),
        np.array(["a", None], dtype=TEXT(coerce=False, na_object=None)),
    ],
    ids=repr,
)
def test_what_stands_beside_the_numbers_comes_back(tmp_path: Path, value: Any) -> None:
    """A mask that nobody set, fill values, rows with attributes, whether texts are made of what is none; no pickle."""
    with warnings.catch_warnings(), AutoStore(tmp_path, StorageConfig(allow_pickle=False)) as store:
        warnings.simplefilter("error")
        store["k"] = value
        back = store["k"]
    assert type(back) is type(value)
    assert (back.dtype, back.dtype.type) == (value.dtype, value.dtype.type)
    assert back.tolist() == value.tolist()
    if isinstance(value, np.ma.MaskedArray):
        assert (back.mask is np.ma.nomask) == (value.mask is np.ma.nomask)
        assert (repr(back.fill_value), back.hardmask) == (repr(value.fill_value), value.hardmask)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.ma.array([1, 2]), np.ma.array([1, 2], mask=[False, False])),
        (np.ma.array(MASKED, fill_value=1), np.ma.array(MASKED, fill_value=2)),
        (np.ma.array(MASKED, hard_mask=True), MASKED),
        (np.zeros(2, dtype=RECORD), np.zeros(2, dtype=np.dtype((np.record, RECORD)))),
        (np.dtype("f8", metadata={"unit": "m"}), np.dtype("f8")),
    ],
)
def test_same_sees_what_stands_beside_the_numbers(first: Any, second: Any) -> None:
    """Masks that nobody set, fill values, hard masks, the class of rows, metadata."""
    assert same(first, first)
    assert not same(first, second)


def test_a_dtype_with_metadata_keeps_it(tmp_path: Path) -> None:
    """It is a pickle, or refused; NumPy's files drop what they cannot name."""
    dtype = np.dtype("f8", metadata={"unit": "m"})
    store = AutoStore(tmp_path)
    with pytest.warns(PickledWarning):
        store["k"] = dtype
    assert dict(store["k"].metadata) == {"unit": "m"}
    for name in ("t.typed.json", "t.bundle.zip"):
        with pytest.raises(UnsupportedFormatError):
            store[name] = [dtype]


def test_numpy_reads_the_files(tmp_path: Path) -> None:
    """Nothing of ours is in them."""
    NPY.write_to_file(np.arange(3), tmp_path / "f.npy", ".npy")
    assert same(np.load(tmp_path / "f.npy"), np.arange(3))
    NPZ.write_to_file({"file": np.arange(3), "é/x": np.arange(2)}, tmp_path / "f.npz", ".npz")
    with np.load(tmp_path / "f.npz") as archive:
        assert archive.files == ["file", "é/x"]
        assert same(archive["file"], np.arange(3))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives_of_numpy_are_read(tmp_path: Path, save: Any) -> None:
    """Compressed ones too."""
    value = {"zeros": np.zeros(100_000), "b": np.arange(3)}
    save(tmp_path / "f.npz", **value)
    assert same(NPZ.read_from_file(tmp_path / "f.npz", ".npz"), value)


def test_a_mapped_array_is_private_and_plain(tmp_path: Path) -> None:
    """Writing into it changes neither the file nor another reader's array, and its type is ndarray."""
    file = tmp_path / "f.npy"
    value = np.arange(arrays.MAP_FROM // 8)
    NPY.write_to_file(value, file, ".npy")
    before = file.read_bytes()
    first, second = NPY.read_from_file(file, ".npy"), NPY.read_from_file(file, ".npy")
    assert type(first) is np.ndarray
    assert str(file) in Path("/proc/self/maps").read_text(), "this size must be mapped"
    first[0] = 77
    assert first[0] == 77
    assert second[0] == 0
    assert file.read_bytes() == before


def test_the_order_in_memory_is_kept(tmp_path: Path) -> None:
    """Fortran order stays, also when mapped."""
    for columns in (3, arrays.MAP_FROM // 8):
        value = np.asfortranarray(np.ones((2, columns)))
        NPY.write_to_file(value, tmp_path / "f.npy", ".npy")
        assert NPY.read_from_file(tmp_path / "f.npy", ".npy").flags.f_contiguous


def test_pickled_arrays_are_never_loaded(tmp_path: Path) -> None:
    """A file that NumPy wrote with objects in it is refused, alone and in an archive."""
    np.save(tmp_path / "f.npy", np.array([None]), allow_pickle=True)
    np.savez(tmp_path / "f.npz", a=np.array([None]))
    with pytest.raises(CorruptDataError, match="pickled"):
        NPY.read_from_file(tmp_path / "f.npy", ".npy")
    with pytest.raises(CorruptDataError, match="pickled"):
        NPZ.read_from_file(tmp_path / "f.npz", ".npz")


def header(descr: str, shape: str) -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    "content",
    [
        header("'<f8'", "(10**12,)"),
        header("'<f8'", "(1000000000000,)") + bytes(100),
        header("'<f8'", "(99999999999999999999999,)"),
        header("'<f8'", "(-1,)") + bytes(8),
        header("'|O'", "(1,)") + bytes(8),
        header("'<f8'", "(" * 5000),
        b"\x93NUMPY\x09\x00" + bytes(100),
        header("'<f8'", "(2,)") + bytes(15),
    ],
)
def test_a_lying_header_is_an_error(tmp_path: Path, content: bytes) -> None:
    """A header that claims more than the file holds costs no memory, alone or as a member."""
    (tmp_path / "f.npy").write_bytes(content)
    with pytest.raises(Exception, match=r"."):
        NPY.read_from_file(tmp_path / "f.npy", ".npy")
    with zipfile.ZipFile(tmp_path / "f.npz", "w") as archive:
        archive.writestr("a.npy", content)
    with pytest.raises(Exception, match=r"."):
        NPZ.read_from_file(tmp_path / "f.npz", ".npz")


def array_bytes(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an archive may claim to hold is bounded by its size."""
    monkeypatch.setattr(arrays, "FREE_EXPANSION", 1_000_000)
    with zipfile.ZipFile(tmp_path / "f.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", array_bytes(np.zeros(10**6)))
    with pytest.raises(CorruptDataError, match="claims to hold"):
        NPZ.read_from_file(tmp_path / "f.npz", ".npz")
    monkeypatch.setattr(arrays, "FREE_EXPANSION", 10**9)
    assert same(NPZ.read_from_file(tmp_path / "f.npz", ".npz"), {"a": np.zeros(10**6)})


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_other_compressions_are_refused(tmp_path: Path, method: int) -> None:
    """Their ratio has no useful bound, and NumPy never writes them."""
    with zipfile.ZipFile(tmp_path / "f.npz", "w", method) as archive:
        archive.writestr("a.npy", array_bytes(np.zeros(10)))
    with pytest.raises(CorruptDataError, match="compression"):
        NPZ.read_from_file(tmp_path / "f.npz", ".npz")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """Neither of the two is silently dropped."""
    with zipfile.ZipFile(tmp_path / "f.npz", "w") as archive:
        archive.writestr("a.npy", array_bytes(np.zeros(1)))
        archive.writestr("a.npy", array_bytes(np.zeros(2)))
    with pytest.raises(CorruptDataError, match="twice"):
        NPZ.read_from_file(tmp_path / "f.npz", ".npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_flipped_bit_is_noticed(tmp_path: Path, save: Any) -> None:
    """The checksum of each member is compared, to its last byte."""
    save(tmp_path / "f.npz", a=np.arange(50))
    content = bytearray((tmp_path / "f.npz").read_bytes())
    at = content.index(b"PK\x01\x02") - 20
    content[at] ^= 1
    (tmp_path / "f.npz").write_bytes(content)
    with pytest.raises(Exception, match=r"."):
        NPZ.read_from_file(tmp_path / "f.npz", ".npz")


def test_the_message_of_an_object_array_says_what_to_do(tmp_path: Path) -> None:
    """It names objects, the dtype and a way out."""
    with pytest.raises(UnsupportedFormatError, match=r"objects.*dtype"):
        NPY.write_to_file(np.array([None]), tmp_path / "f.npy", ".npy")


@FIXTURES
@given(array=hnp.arrays(dtype=hnp.scalar_dtypes() | hnp.array_dtypes(), shape=hnp.array_shapes(min_dims=0, min_side=0)))
def test_every_array_comes_back_exactly(tmp_path: Path, array: Any) -> None:
    """As `same` says, and byte for byte as numpy.load reads the file."""
    NPY.write_to_file(array, tmp_path / "f.npy", ".npy")
    back = NPY.read_from_file(tmp_path / "f.npy", ".npy")
    assert same(back, array)
    assert np.load(tmp_path / "f.npy", allow_pickle=False).tobytes() == array.tobytes()
    assert back.flags.writeable


@FIXTURES
@given(names=st.lists(st.text(st.characters(exclude_categories=())), min_size=1, unique=True))
def test_every_name_is_kept_or_refused(tmp_path: Path, names: list[str]) -> None:
    """Names of members come back as they were, in their order."""
    value = {name: np.array(number) for number, name in enumerate(names)}
    try:
        NPZ.write_to_file(value, tmp_path / "f.npz", ".npz")
    except UnsupportedFormatError:
        assert any("\0" in name or not name.isprintable() for name in names)
        return
    assert same(NPZ.read_from_file(tmp_path / "f.npz", ".npz"), value)


def test_threads_read_one_file(tmp_path: Path) -> None:
    """Mapping is safe to do at the same time."""
    value = np.arange(arrays.MAP_FROM // 8)
    NPY.write_to_file(value, tmp_path / "f.npy", ".npy")
    results: list[bool] = []
    threads = [
        threading.Thread(target=lambda: results.append(same(NPY.read_from_file(tmp_path / "f.npy", ".npy"), value)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4


def test_a_dict_that_changes_while_it_is_written(tmp_path: Path) -> None:
    """Another thread takes an array out and puts it in again: what is written has each name once, or is refused."""
    value = {str(number): np.zeros(2000) for number in range(20)}
    done, before = threading.Event(), sys.getswitchinterval()

    def change() -> None:
        while not done.is_set():
            name = next(iter(value))
            value[name] = value.pop(name)  # the last one now, so that whoever is under way meets it again

    thread = threading.Thread(target=change)
    sys.setswitchinterval(1e-6)
    try:
        thread.start()
        for number in range(30):
            file = tmp_path / f"{number}.npz"
            NPZ.write_to_file(value, file, ".npz")
            assert len(NPZ.read_from_file(file, ".npz")) in (19, 20)
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(before)
