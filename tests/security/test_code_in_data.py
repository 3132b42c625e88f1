"""Code in data runs only where it is allowed: pickles, signatures, tensors, arrays, YAML, and types that files name."""

import json
import subprocess
import sys
import zipfile

import pytest

from autostore import AutoStore, CorruptDataError, StorageConfig, UnsupportedFormatError, UntrustedDataError
from autostore.testing import same
from tests.optional import np, torch
from tests.security.tools import Trap, booby_trapped, lay

SECRET = "a long random secret of the tests"


def test_pickles_are_refused_both_ways(folder, tmp_path):
    """With `allow_pickle=False` a pickle is neither read nor written, and nothing of it runs."""
    # Mutation that this was seen to catch: PickleHandler._check does nothing.
    lay(folder, "k.pkl", booby_trapped(tmp_path / "trace"))
    store = AutoStore(folder, StorageConfig(allow_pickle=False))
    for read in (lambda: store["k"], lambda: store["k.pkl"], lambda: dict(store.items()), lambda: store.pop("k")):
        with pytest.raises(UntrustedDataError, match="allow_pickle"):
            read()
    for value in (object(), [object()], {"a": (1, lambda: 1)}):
        with pytest.raises((UntrustedDataError, UnsupportedFormatError)):
            store["other"] = value
    with pytest.raises(UntrustedDataError):
        store["named.pkl"] = 1
    assert not (tmp_path / "trace").exists()
    assert list(store.list_files()) == ["k.pkl"]
    assert store.read("k", as_type=bytes) == booby_trapped(tmp_path / "trace")


def test_a_trap_works_where_pickles_are_allowed(folder, tmp_path):
    """The trap of these tests does run where pickles are allowed, so that its silence elsewhere means something."""
    lay(folder, "k.pkl", booby_trapped(tmp_path / "trace"))
    AutoStore(folder)["k"].close()
    assert (tmp_path / "trace").exists()


@pytest.mark.parametrize("extension", [".pkl", ".pt"])
def test_signatures(folder, tmp_path, extension):
    """With `pickle_key` what is unsigned, tampered with, or signed with another secret is refused before it runs."""
    # Mutation that this was seen to catch: verified() ignores a wrong digest.
    store = AutoStore(folder, StorageConfig(pickle_key=SECRET))
    value = {"a": torch.arange(3)} if extension == ".pt" else {1, 2, 3}
    name = "k" + extension
    store[name] = value
    assert same(store[name], value)
    good, trap = (folder / name).read_bytes(), booby_trapped(tmp_path / "trace")
    body, mark, trailer = good.rpartition(b"\n#autostore-sig:")
    other = AutoStore(tmp_path / "other", StorageConfig(pickle_key=SECRET + "!"))
    other[name] = value
    elsewhere = ".pt" if extension == ".pkl" else ".pkl"
    store["x" + elsewhere] = {"a": torch.arange(3)} if elsewhere == ".pt" else {1}
    bad = [
        trap, trap + mark + trailer, body, body + mark + trailer[:-2] + b"\n", good + b"\n", good[:-1],
        body + mark + b"2" + trailer[1:], good + mark + trailer, b"", mark + trailer,
        (tmp_path / "other" / name).read_bytes(), (folder / ("x" + elsewhere)).read_bytes(),
        *[good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in range(0, len(good), 1 + len(good) // 97)],
    ]  # fmt: skip
    for content in bad:
        (folder / name).write_bytes(content)
        with pytest.raises(UntrustedDataError):
            store[name]
    assert not (tmp_path / "trace").exists()
    (folder / name).write_bytes(good)
    assert same(store[name], value)
    assert same(AutoStore(folder)[name], value)


def test_tensors_are_read_weights_only(folder, tmp_path):
    """With `allow_pickle=False` a .pt file gives tensors, and refuses whatever else it holds."""
    # Mutation that this was seen to catch: TorchHandler._load falls back to the full reader always.
    store = AutoStore(folder, StorageConfig(allow_pickle=False))
    store["weights"] = {"w": torch.ones(3)}
    assert same(store["weights"], {"w": torch.ones(3)})
    folder.mkdir(exist_ok=True)
    for name, content in {"trap": Trap(tmp_path / "trace"), "list": [Trap(tmp_path / "trace"), torch.ones(1)]}.items():
        torch.save(content, folder / f"{name}.pt")
        torch.save(content, folder / f"{name}-old.pt", _use_new_zipfile_serialization=False)
    lay(folder, "bare.pt", booby_trapped(tmp_path / "trace"))
    for key in ("trap", "list", "trap-old", "list-old", "bare"):
        with pytest.raises((UntrustedDataError, CorruptDataError)):
            store[key]
    with pytest.raises((UntrustedDataError, UnsupportedFormatError)):
        store["module"] = torch.nn.Linear(1, 1)
    assert not (tmp_path / "trace").exists()


def test_a_checkpoint_calls_for_no_memory(folder):
    """The one function of any size that PyTorch's weights-only reader calls, in both kinds of files."""
    # Mutation that this was seen to catch: _check_calls does nothing.
    size = 64 << 20
    call = b"\x80\x02cbuiltins\nbytearray\n\x8a\x04" + size.to_bytes(4, "little") + b"\x85R."
    store = AutoStore(folder, StorageConfig(allow_pickle=False, max_read_bytes=1 << 20))
    folder.mkdir()
    for name in ("data.pkl", "DATA.pkl"):
        with zipfile.ZipFile(folder / f"{name}.pt", "w") as archive:
            archive.writestr(f"archive/{name}", call)
            archive.writestr("archive/version", "3\n")
            archive.writestr("archive/byteorder", "little")
    torch.save({}, folder / "plain.pt", _use_new_zipfile_serialization=False)
    lay(folder, "old.pt", (folder / "plain.pt").read_bytes().replace(b"\x80\x02}q\x00.", call))
    assert store["plain.pt"] == {}
    for name in ("data.pkl.pt", "DATA.pkl.pt", "old.pt"):
        with pytest.raises(UntrustedDataError, match="bytearray"):
            store[name]
    store["words"] = {"bytearray": "cbuiltins", "w": torch.ones(1)}
    assert same(store["words"], {"bytearray": "cbuiltins", "w": torch.ones(1)})


def test_arrays_are_never_unpickled(folder, tmp_path):
    """Object arrays in .npy, .npz and .sparse files are refused in every store, also where pickles are allowed."""
    # Mutation that this was seen to catch: allow_pickle=True in arrays.py, without its check of the header.
    trap = np.array([Trap(tmp_path / "trace")], dtype=object)
    folder.mkdir()
    np.save(folder / "a.npy", trap, allow_pickle=True)
    np.savez(folder / "b.npz", x=trap)
    with zipfile.ZipFile(folder / "c.sparse", "w") as archive, archive.open("format.npy", "w") as member:
        np.lib.format.write_array(member, trap, allow_pickle=True)
    for key in ("a", "b", "c"):
        with pytest.raises((CorruptDataError, UntrustedDataError)):
            AutoStore(folder)[key]
    assert not (tmp_path / "trace").exists()


def test_yaml_is_safe_loaded(folder, tmp_path):
    """Tags that make objects are refused in every store."""
    # Mutation that this was seen to catch: yaml.UnsafeLoader in place of the safe one.
    trace = tmp_path / "trace"
    for number, text in enumerate([
        f"!!python/object/apply:os.system ['touch {trace}']",
        f"!!python/object/new:subprocess.Popen [['touch', '{trace}']]",
        "!!python/name:os.system",
        "!!python/module:evil",
        f"a: [1, !!python/object/apply:builtins.open ['{trace}', 'w']]",
    ]):  # fmt: skip
        lay(folder, f"{number}.yaml", text.encode())
        with pytest.raises(UnsupportedFormatError, match="no plain value"):
            AutoStore(folder)[str(number)]
    assert not trace.exists()


NAMES_A_MODULE = """
import sys
from autostore import AutoStore, StorageConfig, StorageError
trusting, key = sys.argv[2] == "trusting", sys.argv[3] or None
store = AutoStore(sys.argv[1], StorageConfig(allow_pickle=trusting, pickle_key=key))
for name in ("model.pydantic.json", "data.dataclass.json"):
    try:
        store[name]
    except StorageError as error:
        print(type(error).__name__)
print("evil" in sys.modules)
"""


@pytest.mark.parametrize(
    ("trust", "key", "imported"), [("trusting", "", True), ("distrusting", "", False), ("trusting", "secret", False)]
)
def test_modules_that_a_file_names(folder, tmp_path, trust, key, imported):
    """A module that a file names is imported only where pickles are allowed and no `pickle_key` is set."""
    # Mutation that this was seen to catch: find_class ignores may_import.
    (tmp_path / "evil.py").write_text("Class = type('Class', (), {})\n")
    named = json.dumps({"$autostore": 1, "type": "evil:Class", "data": {}}).encode()
    for name in ("model.pydantic.json", "data.dataclass.json"):
        lay(folder, name, named)
    done = subprocess.run(
        [sys.executable, "-c", NAMES_A_MODULE, str(folder), trust, key],
        capture_output=True, text=True, timeout=60, check=True, env={"PYTHONPATH": f"{tmp_path}:{':'.join(sys.path)}"},
    )  # fmt: skip
    assert done.stdout.split() == ["UntrustedDataError", "UntrustedDataError", str(imported)]


@pytest.mark.parametrize("type_name", [
    "os:system", "subprocess:Popen", "builtins:eval", "builtins:open", "pathlib:Path", "tempfile:NamedTemporaryFile",
    "socket:socket", "autostore.autostore:AutoStore", "json:JSONDecoder", "os:path.join", "sys:modules",
    "datetime:date", "ipaddress:IPv4Address",
])  # fmt: skip
@pytest.mark.parametrize("kind", ["pydantic", "dataclass"])
def test_what_is_no_model_is_never_called(folder, type_name, kind):
    """A name that leads to anything but a model or dataclass is refused, and nothing is instantiated."""
    # Mutation that this was seen to catch: _decode does not ask _is_family.
    for data in (
        {"args": ["touch", "x"], "file": str(folder / "trace")},
        str(folder / "trace"),
        "2020-01-01",
        "1.1.1.1",
    ):
        named = {"$autostore": 1, "type": type_name, "data": data}
        lay(folder, f"k.{kind}.json", json.dumps(named).encode())
        with pytest.raises((UntrustedDataError, CorruptDataError)):
            AutoStore(folder)["k"]
    assert [file.name for file in folder.iterdir() if not file.name.startswith(".")] == [f"k.{kind}.json"]


def test_no_type_is_imported_by_asking(folder):
    """Tables name one of four kinds and sparse matrices one of scipy's own classes; other names are refused."""
    # Mutation that this was seen to catch: SparseHandler converts to any attribute of scipy.sparse.
    import polars as pl
    import scipy.sparse

    store = AutoStore(folder)
    store["m"] = scipy.sparse.eye_array(3, format="csr")
    with zipfile.ZipFile(folder / "m.sparse") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["autostore.json"] = json.dumps({"v": 1, "type": "scipy.sparse.load_npz"}).encode()
    with zipfile.ZipFile(folder / "m.sparse", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    mark = json.dumps({"v": 1, "type": "os.system"})
    pl.DataFrame({"a": [1]}).write_parquet(folder / "t.parquet", metadata={"autostore": mark})
    for key in ("m", "t"):
        with pytest.raises(CorruptDataError, match="unknown"):
            store[key]
