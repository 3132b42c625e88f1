"""What lies on a GPU: it comes back there, in another process too; run where there is one."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from autostore import AutoStore
from autostore.errors import TooLargeError, UnsupportedFormatError
from autostore.testing import same
from tests.optional import installed, np, torch


def cuda():
    """The first GPU, or a skip by what is missing."""
    if not torch.cuda.is_available():
        pytest.skip("no GPU that PyTorch can use")
    return "cuda:0"


def model(device):
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3)).to(device)
    net.eval()
    return net


MADE = {
    "tensor": lambda device: torch.arange(6, device=device).reshape(2, 3).T,
    "large": lambda device: torch.rand(3 << 20, device=device, dtype=torch.float32),
    "half": lambda device: torch.rand(8, device=device).to(torch.bfloat16),
    "parameter": lambda device: torch.nn.Parameter(torch.rand(3, device=device)),
    "sparse": lambda device: torch.eye(3, device=device).to_sparse(),
    "state": lambda device: model(device).state_dict(),
    "shared": lambda device: (lambda whole: [whole, whole[2:]])(torch.rand(5, device=device)),
    "both": lambda device: {"here": torch.ones(2), "there": torch.ones(2, device=device)},
    "beside": lambda device: {"weights": torch.ones(2, device=device), "note": (1, "a")},
}
# Made by this library on a machine with a GPU: PyTorch 2.11 and CuPy 14.2, both with CUDA 13.
WRITTEN_THERE = Path(__file__).parent / "from_a_gpu"

READ = """
import sys, torch
from autostore import AutoStore
found = AutoStore(sys.argv[1])[sys.argv[2]]
values = found.values() if isinstance(found, dict) else found if isinstance(found, list) else [found]
print(*[value.device for value in values if isinstance(value, torch.Tensor)], sep=",")
"""


@pytest.mark.parametrize("name", MADE)
def test_it_comes_back_to_the_gpu(tmp_path, name):
    """The same value on the same device, here and in another process; on the CPU where the GPU is hidden."""
    device = cuda()
    value, store = MADE[name](device), AutoStore(tmp_path)
    store[name] = value
    assert not store.get_metadata(name).path.endswith(".pkl")
    assert same(store[name], value)
    places = [subprocess.run([sys.executable, "-c", READ, str(tmp_path), name], env=environment(gpu), text=True,
                             capture_output=True, check=True).stdout.strip() for gpu in ("0", "")]  # fmt: skip
    assert "cuda:0" in places[0]
    assert set(places[1].split(",")) == {"cpu"}


def environment(gpu):
    return {**os.environ, "CUDA_VISIBLE_DEVICES": gpu}


@pytest.mark.parametrize("extension", [".pt", ".safetensors"])
def test_by_name(tmp_path, extension):
    """A dict of tensors of both devices, by either name."""
    value = {"a": torch.rand(4, device=cuda()), "b": torch.rand(4)}
    store = AutoStore(tmp_path)
    store[f"k{extension}"] = value
    assert same(store[f"k{extension}"], value)


def test_a_module_keeps_its_device(tmp_path):
    """A whole module, whose class is code, is read only where that is allowed, and stands on its device."""
    net = model(cuda())
    store = AutoStore(tmp_path)
    store["net"] = net
    back = store["net"]
    assert type(back) is type(net)
    assert same(back.state_dict(), net.state_dict())
    assert {parameter.device.type for parameter in back.parameters()} == {"cuda"}


def test_arrays_of_jax(tmp_path):
    """JAX's arrays come back to the GPU on which they were."""
    jax = pytest.importorskip("jax")
    if jax.default_backend() != "gpu":
        pytest.skip("no GPU that JAX can use")
    value = {"w": jax.numpy.arange(6.0).reshape(2, 3), "key": jax.random.key(7)}
    store = AutoStore(tmp_path)
    store["k"] = value
    back = store["k"]
    assert same(back, value)
    assert back["w"].devices() == value["w"].devices()


def test_arrays_of_cupy(tmp_path):
    """CuPy's arrays come back to the GPU, alone, in trees, by name, and as NumPy's where those are asked for."""
    cupy = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("no GPU that CuPy can use")
    store = AutoStore(tmp_path)
    values = {
        "alone": cupy.arange(6.0).reshape(2, 3).T,
        "tree": {"a": cupy.arange(3), "deep": [(cupy.zeros((0, 2), "f4"), "note")]},
        "mixed": {"a": cupy.arange(3), "host": np.ones(2)},
        "named.safetensors": {"a": cupy.array(1 + 2j, "c8"), "b": cupy.array([True, False])},
    }
    for key, value in values.items():
        assert store.write(key, value).path.endswith(".bundle.zip" if key == "mixed" else ".safetensors")
        assert same(store[key], value)
        assert store.info(key)
    assert type(store.read("alone", as_type=np.ndarray)) is np.ndarray
    assert type(store.read("alone", as_type=torch.Tensor)) is torch.Tensor
    assert store.preview("alone")
    with pytest.raises(UnsupportedFormatError):
        store["k.safetensors"] = cupy.arange(2, dtype="c16")
    store["hidden"] = values["tree"]
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", HIDDEN, str(tmp_path)], env=environment(""),
                          capture_output=True, text=True)  # fmt: skip
    assert done.stdout.strip() == "numpy.ndarray", done.stderr


HIDDEN = """
import sys
from autostore import AutoStore
found = type(AutoStore(sys.argv[1])["hidden"]["a"])
print(f"{found.__module__}.{found.__qualname__}")
"""


def test_a_full_gpu_is_said(tmp_path):
    """What the GPU has no room for is an error that says so, and does not come back elsewhere in silence."""
    device, store = cuda(), AutoStore(tmp_path)
    for key in ("k.pt", "k.safetensors"):
        store[key] = {"a": torch.ones(64 << 20, device=device)}
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.0005)
    try:
        for key in ("k.pt", "k.safetensors"):
            with pytest.raises(TooLargeError, match="has no room"):
                store[key]
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.parametrize("name", ["cuda.pt", "cuda.safetensors"])
def test_without_a_gpu_tensors_are_on_the_cpu(name):
    """What was written on a machine with a GPU is read on one without, by a PyTorch that knows none, too."""
    if torch.cuda.is_available():
        pytest.skip("here is a GPU")
    value = AutoStore(WRITTEN_THERE)[name]
    assert same(value, {"w": torch.ones(3), "b": torch.ones(2)})


def test_without_cupy_its_arrays_are_numpys():
    """With a warning, and without one where they are asked for."""
    if installed("cupy"):
        pytest.skip("here is CuPy")
    store, expected = AutoStore(WRITTEN_THERE), {"a": np.arange(6.0).reshape(2, 3), "n": (1, "a")}
    with pytest.warns(UserWarning, match="cupy, which is not installed"):
        assert same(store["cupy.safetensors"], expected)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert same(store.read("cupy.safetensors", as_type=np.ndarray), expected)


def test_a_memoized_function_knows_them(tmp_path):
    """Equal tensors of a GPU are one call, others another."""
    device, calls = cuda(), []
    doubled = AutoStore(tmp_path).cache(ignore="calls")(lambda value: (calls.append(1), value * 2)[1])
    for number in (1, 1, 2):
        value = torch.full((2,), float(number), device=device)
        assert same(doubled(value), value * 2)
    assert len(calls) == 2


def test_what_is_shown(tmp_path):
    """A preview and the header say the device or nothing, and copy no more than they show."""
    store = AutoStore(tmp_path)
    store["k"] = torch.rand(1000, 1000, device=cuda())
    info = store.info("k")
    assert (info.shape, str(info.dtype)) == ((1000, 1000), "torch.float32") or info.shape == (1000, 1000)
    assert store.preview("k")
