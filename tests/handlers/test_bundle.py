"""Bundles: their members and the names of these, that other tools read them, and what a hostile one cannot do."""

import datetime as dt
import io
import json
import os
import resource
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from autostore import AutoStore, StorageConfig
from autostore.errors import (
    CorruptDataError,
    StorageError,
    StorageIOError,
    UnsupportedFormatError,
    UntrustedDataError,
)
from autostore.handler import DataHandler
from autostore.handlers import builtin_handlers
from autostore.handlers.bundle import BundleHandler
from autostore.testing import HandlerContract, same
from tests.handlers import shapes
from tests.optional import Image, installed, np, pa, pd, pl, pyarrow, sp, torch
from tests.reliability.diet import descriptors

FRAME = pl.DataFrame({"a": [1, 2]})
PANDAS = pd.DataFrame({"a": [1, 2]})
LARGE = np.arange(3_000_000)


def bundle_handler(config: StorageConfig) -> BundleHandler:
    return next(handler for handler in builtin_handlers(config) if isinstance(handler, BundleHandler))


class TestBundleHandler(HandlerContract):
    handler = bundle_handler(StorageConfig())
    samples = (
        {"train": FRAME, "test": PANDAS, "shape": (3, 4)},
        [np.arange(3), sp.csr_array(np.eye(2)), Image.new("RGB", (2, 2))],
        *[[np.arange(3), {"x": torch.ones(2)}]] * installed("torch"),
        (FRAME.lazy(), pa.table({"a": [1]}), bytearray(70_000), b"x" * 70_000),
        shapes.Loose({1: FRAME}),
        shapes.Unstored(anything=[np.arange(3)]),
        {"nothing": (1, 2)},
    )
    refused = (
        {"a": np.array([object()])},
        *[{"m": torch.nn.Linear(1, 1)}] * installed("torch"),
        {"f": FRAME, "o": object()},
        {"f": PANDAS, "g": pd.DataFrame({"a": [object()]})},
        object(),
        FRAME,
    )


class TestWithoutPickles(TestBundleHandler):
    handler = bundle_handler(StorageConfig(pickle_key="secret"))


def members(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


def test_members_have_telling_names_and_plain_formats(tmp_path: Path) -> None:
    """As `unzip` shows them; other libraries read each, without us."""
    store = AutoStore(tmp_path)
    value = {
        "train": FRAME, "model": {"weights": {"w": torch.ones(2)}, "layers": [np.arange(3), np.eye(2)]},
        "A/b": PANDAS, "a b": PANDAS.copy(), "": np.zeros(1), ("x", 1): np.ones(1), "value": b"v" * 70_000,
        "é": FRAME.lazy(),
    }  # fmt: skip
    file = tmp_path / store.write("k", value).path
    found = members(file)
    assert list(found) == [
        "value.json", "train.parquet", "model.weights.pt", "model.layers.0.npy", "model.layers.1.npy", "A_b.parquet",
        "a_b-2.parquet", "value.npy", "x_1.npy", "value.bin", "é.parquet",
    ]  # fmt: skip
    assert pyarrow.parquet.read_table(io.BytesIO(found["train.parquet"])).to_pydict() == {"a": [1, 2]}
    assert torch.load(io.BytesIO(found["model.weights.pt"]), weights_only=True)["w"].tolist() == [1, 1]
    assert np.load(io.BytesIO(found["model.layers.1.npy"])).tolist() == [[1, 0], [0, 1]]
    tree = json.loads(found["value.json"])
    assert tree["value"]["$dict"][0] == ["train", {"$file": "train.parquet"}]
    assert same(store["k"], value)


def test_the_archive_is_always_the_same_and_aligned(tmp_path: Path) -> None:
    """Stored as it is, dated 1980, private, each member's data at a multiple of 64 bytes."""
    store = AutoStore(tmp_path)
    value = {"some": [np.arange(3), np.eye(3)], "long" * 50: FRAME}
    first = (tmp_path / store.write("a", value).path).read_bytes()
    assert (tmp_path / store.write("b", value).path).read_bytes() == first
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        for info in archive.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert (info.compress_type, info.external_attr >> 16, info.extra) == (zipfile.ZIP_STORED, 0o600, b"")
            name, extra = struct.unpack("<HH", first[info.header_offset + 26 : info.header_offset + 30])
            assert (info.header_offset + 30 + name + extra) % 64 == 0
            assert len(info.filename) <= 108


def test_one_object_is_one_member_and_one_object_again(tmp_path: Path) -> None:
    """However often it stands there, in a model too; equal objects that are two stay two."""
    store = AutoStore(tmp_path)
    shared, blob = np.arange(3), bytearray(70_000)
    value = {"a": shared, "b": [shared, shapes.Loose(shared)], "twin": np.arange(3), "blobs": [blob, blob]}
    file = tmp_path / store.write("k", value).path
    assert list(members(file)) == ["value.json", "a.npy", "twin.npy", "blobs.0.bin"]
    back = store["k"]
    assert back["a"] is back["b"][0] is back["b"][1].anything
    assert back["twin"] is not back["a"]
    assert same(back, value)


def test_tied_weights_stay_tied(tmp_path: Path) -> None:
    """A dict of tensors is one member, as torch saves it."""
    weight = torch.ones(2)
    store = AutoStore(tmp_path)
    store["k"] = {"net": {"in": weight, "out": weight}, "when": dt.date(2024, 1, 1)}
    back = store["k"]["net"]
    back["in"][0] = 5
    assert back["out"][0] == 5


def test_large_arrays_are_mapped_and_nothing_is_held_twice(tmp_path: Path) -> None:
    """Reading takes pages as they are used; writing and reading copy a member in parts."""
    store = AutoStore(tmp_path)
    value = {"big": LARGE, "n": (1,)}
    file = tmp_path / store.write("k", value).path
    back = store["k"]["big"]
    assert str(file) in Path("/proc/self/maps").read_text()
    assert same(back, LARGE)
    back[0] = 7
    assert store["k"]["big"][0] == 0
    file.unlink()
    assert same(back[1:], LARGE[1:])
    blob = os.urandom(1 << 20) * 150
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    store["blob"] = [blob]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * (1 if sys.platform == "darwin" else 1024) < 100 << 20
    assert store["blob"] == [blob]


class Tape:
    """A third party's type, which says nothing of itself."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tape) and self.text == other.text

    __hash__ = None  # type: ignore[assignment]


class TapeHandler(DataHandler):
    """A plugin of the lowest priority that it may have."""

    @property
    def extensions(self) -> list[str]:
        return [".tape"]

    def can_handle_data(self, data: Any) -> bool:
        return type(data) is Tape

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        return Tape(file_path.read_text())

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        if data.text == "bad":
            raise UnsupportedFormatError("This tape is bad. Splice it.")
        file_path.write_text(data.text)


def test_a_plugin_writes_its_members(tmp_path: Path) -> None:
    """Also one that was registered after the store was made; a store without it says what is missing."""
    store = AutoStore(tmp_path, StorageConfig(allow_pickle=False))
    with pytest.raises(UntrustedDataError, match=r"\[0\] is of the class .*Tape"):
        store["k"] = [Tape("x")]
    store.register_handler(TapeHandler())
    file = tmp_path / store.write("k", [Tape("x"), 1]).path
    assert members(file)["0.tape"] == b"x"
    assert store["k"] == [Tape("x"), 1]
    with pytest.raises(UntrustedDataError, match=r"\.t cannot be a member.*Splice"):
        store["k"] = {"t": Tape("bad")}
    with pytest.raises(CorruptDataError, match=r"0\.tape.*register"):
        AutoStore(tmp_path)["k"]


def test_code_is_in_no_member(tmp_path: Path) -> None:
    """A module is refused, a store with a key signs no member, and a hostile member is not unpickled in any store."""
    trusting = AutoStore(tmp_path, StorageConfig(pickle_key="secret"))
    file = tmp_path / trusting.write("k", {"w": torch.ones(2), "t": dt.date(2024, 1, 1)}).path
    assert b"autostore-sig" not in file.read_bytes()
    mark = tmp_path / "ran"

    class Trap:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(mark),)

    target = io.BytesIO()
    torch.save([Trap()], target)
    rewrite(file, {**members(file), "w.pt": target.getvalue()})
    for store in (AutoStore(tmp_path), trusting):
        with pytest.raises((UntrustedDataError, CorruptDataError)):
            store["k"]
    assert not mark.exists()


def rewrite(file: Path, content: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)


def test_another_tool_may_pack_it_again(tmp_path: Path) -> None:
    """Deflated members are read too, large arrays among them, and files that nothing refers to are let be."""
    store = AutoStore(tmp_path)
    value = {"big": LARGE, "frame": FRAME}
    file = tmp_path / store.write("k", value).path
    rewrite(file, {**members(file), "../evil.npy": b"x", "__MACOSX/a": b"", "README.txt": b"hi"}, zipfile.ZIP_DEFLATED)
    assert same(store["k"], value)


@pytest.mark.parametrize("name", ["../a.npy", "/etc/a.npy", "a/b.npy", "a\\b.npy", ".npy", "", "missing.npy", "a.json",
                                  "a.pkl", "a.bundle.zip", "a.txt", "a", "a.npz", "x" * 300 + ".npy"])  # fmt: skip
def test_names_never_become_paths(tmp_path: Path, name: str) -> None:
    """A reference leads to a flat member of a known format, or is refused."""
    array = io.BytesIO()
    np.save(array, np.arange(3))
    tree = json.dumps({"$autostore": 1, "value": [{"$file": name}]}).encode()
    content = {"value.json": tree, **({name: array.getvalue()} if name and "missing" not in name else {})}
    rewrite(tmp_path / "k.bundle.zip", content)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(CorruptDataError):
        AutoStore(tmp_path)["k"]
    assert sorted(file for file in tmp_path.rglob("*") if ".autostore" not in file.parts) == before


def test_damage_in_a_member_is_found(tmp_path: Path) -> None:
    """By its checksum, where the member itself would not show it; so are encrypted members and doubled names."""
    store = AutoStore(tmp_path)
    file = tmp_path / store.write("k", [b"x" * 70_000]).path
    whole = file.read_bytes()
    at = whole.index(b"xxxx") + 1000
    file.write_bytes(whole[:at] + b"y" + whole[at + 1 :])
    with pytest.raises(CorruptDataError, match="CRC"):
        store["k"]
    encrypted = bytearray(whole)
    entry = whole.index(b"PK\x01\x02", whole.index(b"PK\x01\x02") + 4)
    encrypted[entry + 8] |= 1
    file.write_bytes(bytes(encrypted))
    with pytest.raises(CorruptDataError, match="encrypted"):
        store["k"]
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("value.json", b'{"$autostore": 1, "value": 1}')
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("value.json", b'{"$autostore": 1, "value": 1}')
    with pytest.raises(CorruptDataError, match="twice"):
        store["k"]


def test_a_value_that_claims_to_expand_is_refused(tmp_path: Path) -> None:
    """Before it is read into memory."""
    rewrite(tmp_path / "k.bundle.zip", {"value.json": b" " * (200 << 20)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(CorruptDataError, match="expand"):
        AutoStore(tmp_path)["k"]


def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path) -> None:
    """Neither by a write that is refused at its last member, nor by a read that fails."""
    temp = tmp_path / "temp"
    store = AutoStore(tmp_path / "s", StorageConfig(temp_dir=temp, allow_pickle=False))
    store["k"] = [FRAME, np.arange(3)]
    with pytest.raises(UntrustedDataError):
        store["bad"] = [FRAME, np.array([object()])]
    file = tmp_path / "s" / "k.bundle.zip"
    rewrite(file, {**members(file), "1.npy": b"nonsense"})
    with pytest.raises(CorruptDataError):
        store["k"]
    store.close()
    assert not temp.exists() or list(temp.rglob("*")) == []


@pytest.mark.parametrize("left", range(5))
def test_a_machine_without_descriptors_is_no_damage(tmp_path: Path, left: int) -> None:
    """What the system refuses while a member is unpacked is an error of the machine, not of the file."""
    store = AutoStore(tmp_path)
    value = {"t": (1, 2), "a": np.arange(9)}
    store["k"] = value
    assert same(store["k"], value)
    with descriptors(left):
        try:
            back = store["k"]
        except StorageError as error:
            assert type(error) is StorageIOError, error
        else:
            assert same(back, value)
    assert same(store["k"], value)
