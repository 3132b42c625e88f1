"""Arrays of NumPy and PyTorch by name, in .safetensors files that the library of that name reads, and writes."""

import collections
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autostore import AutoStore, CorruptDataError, StorageConfig, TooLargeError, UnsupportedFormatError
from autostore.handlers.safetensors.handler import SafetensorsHandler
from autostore.testing import HandlerContract, same
from tests.optional import installed, np, optional, safetensors, torch
from tests.reliability.scale import scaled

safetensors_torch = optional("safetensors.torch") if installed("torch") else torch

DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8"]
NET = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)) if installed("torch") else torch
TIED = torch.arange(6.0) if installed("torch") else torch


class TestSafetensors(HandlerContract):
    handler = SafetensorsHandler(StorageConfig())
    samples = (
        {"z": np.arange(4.0), "a": np.ones((2, 2), "f2", order="F"), "": np.zeros((0, 3))},
        {dtype: np.array([0, 1], dtype) for dtype in DTYPES},
        np.array(-0.0),
        {"__metadata__": np.arange(2), "a.b": np.arange(1), "a": {"b": np.arange(2)}},
    )
    refused = (
        {"a": np.array(["text"])},
        {"a": np.arange(3, dtype=">f4")},
        {"a": np.ones(2, "c16")},
        {"a": np.array([{}], dtype=object)},
        {"a": 1},
        {"a": np.arange(2), "b": object()},
    )


@pytest.mark.skipif(not installed("torch"), reason="torch is not installed")
class TestTensors(HandlerContract):
    handler = SafetensorsHandler(StorageConfig())
    samples = (
        {"w": torch.ones(2, 2, dtype=torch.bfloat16), "f8": torch.ones(3).to(torch.float8_e4m3fn), "s": TIED[::2]},
        NET.state_dict(),
        torch.tensor(3),
        {"model": {"w": torch.eye(2), "b": torch.zeros(0)}, "epoch": 3, "history": [(1, TIED), None]},
        [torch.eye(2), np.eye(2), {1: np.arange(2), "1": np.arange(3)}],
    ) if installed("torch") else ()  # fmt: skip
    refused = (
        {"a": torch.ones(2, requires_grad=True)},
        {"a": torch.eye(2).to_sparse()},
        {"a": torch.nn.Parameter(torch.ones(2), requires_grad=False)},
    ) if installed("torch") else ()  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> AutoStore:
    return AutoStore(tmp_path / "store", StorageConfig(allow_pickle=False))


def test_its_own_library_reads_it(store: AutoStore, tmp_path: Path) -> None:
    """Names are the keys of a flat dict, and paths of a nested one; "format" in the metadata says whose they are."""
    store["t.safetensors"] = {"layer.0.weight": torch.eye(2, dtype=torch.bfloat16), "b": torch.arange(3)}
    store["n.safetensors"] = {"params": {"w": [np.arange(2.0)]}}
    found = safetensors_torch.load_file(tmp_path / "store" / "t.safetensors")
    assert same(
        {name: found[name] for name in sorted(found)},
        {"b": torch.arange(3), "layer.0.weight": torch.eye(2, dtype=torch.bfloat16)},
    )
    assert same(safetensors.numpy.load_file(tmp_path / "store" / "n.safetensors"), {"params.w.0": np.arange(2.0)})
    for name, said in (("t", "pt"), ("n", "np")):
        with safetensors.safe_open(tmp_path / "store" / f"{name}.safetensors", "np") as file:
            assert file.metadata()["format"] == said


def test_what_its_own_library_wrote_is_read(store: AutoStore, tmp_path: Path) -> None:
    """A dict, its tensors of the library that the file names, of NumPy where it names none; or of the one asked for."""
    (tmp_path / "store").mkdir()
    tensors = {"q": torch.arange(3), "b": torch.ones(2, dtype=torch.bfloat16)}
    safetensors_torch.save_file(tensors, tmp_path / "store" / "t.safetensors", metadata={"format": "pt", "by": "hand"})
    safetensors.numpy.save_file({"q": np.arange(3)}, tmp_path / "store" / "n.safetensors")
    assert {name: same(tensor, tensors[name]) for name, tensor in store["t"].items()} == {"q": True, "b": True}
    assert same(store["n"], {"q": np.arange(3)})
    assert same(store.read("n", as_type=dict[str, torch.Tensor]), {"q": torch.arange(3)})
    assert store.read("t", as_type=np.ndarray)["b"].dtype.name == "bfloat16"
    assert store.info("t").type == "dict"
    assert "I64 (3,)" in str(store.info("t"))


def test_a_bare_key_gets_what_it_always_got(store: AutoStore) -> None:
    """Only the name chooses .safetensors for PyTorch and NumPy."""
    paths = [store.write("k", value).path for value in ({"a": torch.eye(2)}, {"a": np.eye(2)}, {"a": {"b": np.eye(2)}})]
    assert paths == ["k.pt", "k.npz", "k.bundle.zip"]


def test_a_library_that_is_missing_gives_numpy(tmp_path: Path) -> None:
    """Where PyTorch cannot be imported, its tensors are NumPy's, and a warning says so."""
    AutoStore(tmp_path)["w.safetensors"] = {"a": torch.arange(3), "deep": [torch.eye(2)]}
    code = f"""
import sys, warnings
sys.modules["torch"] = None
from autostore import AutoStore
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    value = AutoStore({str(tmp_path)!r})["w"]
print(type(value["a"]).__module__, value["deep"][0].tolist(), "torch" in str(told[0].message))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "numpy [[1.0, 0.0], [0.0, 1.0]] True"


def test_large_ones_are_mapped(store: AutoStore, tmp_path: Path) -> None:
    """From 16 MiB on nothing is copied, writing to a value changes no file, and replacing the file no value."""
    big = {"a": np.arange(3_000_000.0), "b": np.ones(3, "i1")}
    store["big.safetensors"] = big
    limited = AutoStore(tmp_path / "store", StorageConfig(max_read_bytes=1_000_000))
    back = limited["big"]
    back["a"][0] = 7
    store["big.safetensors"] = {"a": np.zeros(3_000_000)}
    assert back["a"][:2].tolist() == [7.0, 1.0]
    with pytest.raises(TooLargeError):
        AutoStore(tmp_path / "store", StorageConfig(max_read_bytes=1_000_000, mmap=False))["big"]


def header(said: Any, numbers: bytes = b"") -> bytes:
    text = said if isinstance(said, bytes) else json.dumps(said).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def one(**changed: Any) -> dict[str, Any]:
    return {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changed}}


HOSTILE = {
    "a length beyond the file": struct.pack("<Q", 1 << 60) + b"{}",
    "a shape beyond the numbers": header(one(shape=[1 << 40])),
    "a shape that overflows": header(one(shape=[1 << 32, 1 << 32, 0, 3], data_offsets=[0, 8]), bytes(8)),
    "negative offsets": header(one(data_offsets=[-8, 0]), bytes(8)),
    "overlap": header(one() | {"b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}, bytes(12)),
    "a gap": header(one(data_offsets=[4, 12]), bytes(12)),
    "a tail": header(one(), bytes(9)),
    "a name twice": header(b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},' * 2 + b'"x":1}'),
    "deep JSON": header(b"[" * 50_000),
    "an unknown dtype": header(one(dtype="F3"), bytes(8)),
    "a float as shape": header(one(shape=[2.0]), bytes(8)),
    "metadata that are no texts": header(one() | {"__metadata__": {"a": 1}}, bytes(8)),
    "a tree of what is not there": header({"__metadata__": {
        "autostore": '{"v":1,"library":"numpy"}', "autostore.value": '{"$autostore": 1, "value": {"$file": "b"}}'}}),
    "a later version": header({"__metadata__": {"autostore": '{"v":2,"library":"numpy"}'}}),
    "an unknown library": header({"__metadata__": {"autostore": '{"v":1,"library":"os"}'}}),
    "facts that are none": header(
        one() | {"__metadata__": {"autostore": '{"v":1,"library":"torch","facts":{"a":3}}'}}, bytes(8)
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files(store: AutoStore, tmp_path: Path, what: str) -> None:
    """What does not account for every byte of the file is refused, before memory is taken."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "k.safetensors").write_bytes(HOSTILE[what])
    with pytest.raises(CorruptDataError):
        store["k"]


def test_a_header_is_within_the_ceiling(tmp_path: Path) -> None:
    """JSON unfolds in memory, so its length counts many times."""
    (tmp_path / "k.safetensors").write_bytes(header(b'{"__metadata__":{"a":"' + b" " * 100_000 + b'"}}'))
    with pytest.raises(TooLargeError):
        AutoStore(tmp_path, StorageConfig(max_read_bytes=1_000_000))["k"]


arrays = st.builds(
    lambda dtype, shape, seed: np.random.default_rng(seed).integers(0, 2, shape).astype(dtype),
    st.sampled_from(DTYPES), st.lists(st.integers(0, 3), max_size=3).map(tuple), st.integers(0, 99),
)  # fmt: skip
tensors = arrays.map(torch.from_numpy) if installed("torch") else arrays
trees = st.recursive(
    arrays | tensors | st.integers() | st.none() | st.text(max_size=3),
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.dictionaries(st.text(max_size=4) | st.integers(), parts, max_size=3)
        | st.lists(parts, max_size=2).map(tuple)
        | st.dictionaries(st.text(max_size=4), parts, max_size=2).map(collections.OrderedDict)
    ),
)


def test_any_tree_comes_back_or_is_refused(tmp_path: Path) -> None:
    """Whatever is nested how: exact, or a typed refusal, which is only for what has no array or no name."""
    store, seen = AutoStore(tmp_path, StorageConfig(allow_pickle=False)), collections.Counter[bool]()

    @settings(max_examples=scaled(60, 100_000), deadline=None, suppress_health_check=list(HealthCheck))
    @given(value=trees)
    def run(value: Any) -> None:
        try:
            store["k.safetensors"] = value
        except UnsupportedFormatError as error:
            seen[False] += 1
            assert "no array" in str(error) or not isinstance(value, list | dict | tuple), str(error)
            return
        seen[True] += 1
        assert same(store["k.safetensors"], value)
        safetensors.deserialize((tmp_path / "k.safetensors").read_bytes())

    run()
    assert seen[True] > sum(seen.values()) / 5, seen


def test_metadata_of_a_dtype_is_refused(local_store):
    """As by .npy; no file holds it."""
    with pytest.raises(UnsupportedFormatError, match="metadata"):
        local_store["k.safetensors"] = np.zeros(1, np.dtype("i4", metadata={"unit": "m"}))
