"""JAX: arrays, keys of its generators and trees of them, which come back as themselves in .safetensors files."""

import collections
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.optional import np

jax = pytest.importorskip("jax", reason="JAX is not installed (pip install 'dagster-autostore[jax]')")
jnp = jax.numpy

from autostore import AutoStore, StorageConfig, UnsupportedFormatError, UntrustedDataError  # noqa: E402
from autostore.handlers.safetensors.handler import DeviceHandler  # noqa: E402
from autostore.testing import HandlerContract, same  # noqa: E402


class Adam(NamedTuple):
    """As optimizers keep their state."""

    count: Any
    mu: dict[str, Any]


class TestJax(HandlerContract):
    handler = DeviceHandler(StorageConfig())
    samples = (
        jnp.arange(5.0),
        jnp.asarray(1.0),
        jnp.broadcast_to(jnp.asarray(2), (3,)),
        jnp.array([jnp.nan, -0.0, jnp.inf], jnp.bfloat16),
        jnp.ones(3, jnp.float8_e4m3fn),
        jnp.array([1 + 2j]),
        jnp.zeros((0, 2), bool),
        jax.random.key(3),
        jax.random.split(jax.random.key(1, impl="rbg"), 2),
        {"params": {"w": jnp.ones((2, 3)), "b": [jnp.int8(1), (None, jnp.zeros(2))]}, "step": 3, "name": "é"},
        collections.OrderedDict(b=jnp.arange(2), a=jnp.arange(1)),
    )
    refused = (jnp.ones(2, jnp.int4), {"a": 1}, {})


@pytest.fixture
def store(tmp_path: Path) -> AutoStore:
    return AutoStore(tmp_path / "store", StorageConfig(allow_pickle=False))


def test_a_bare_key_is_plain(store: AutoStore) -> None:
    """No pickle: arrays and trees of them are one file, what holds them among others a bundle."""
    values = {
        "a.safetensors": jnp.arange(3),
        "b.safetensors": {"params": [jnp.arange(3), {"x": jnp.ones(2)}], "step": 1},
        "c.bundle.zip": {
            "weights": {"w": jnp.arange(3)},
            "frame": np.arange(3),
            "state": Adam(jnp.asarray(1), {"w": jnp.ones(2)}),
        },
    }
    for path, value in values.items():
        assert store.write(path[0], value).path == path
        assert same(store[path[0]], value), path


def test_same_tells_what_programs_tell(store: AutoStore) -> None:
    """Dtype, shape, weak types, signs of zero and keys of generators."""
    pairs = [
        (jnp.arange(2), jnp.arange(2.0)), (jnp.zeros(2), -jnp.zeros(2)), (jnp.asarray(1.0), jnp.asarray(np.float32(1))),
        (jnp.zeros((2, 1)), jnp.zeros((1, 2))), (jax.random.key(1), jax.random.key(2)),
        (jax.random.key(1), jax.random.key_data(jax.random.key(1))),
        (jnp.ones(1, jnp.bfloat16), jnp.zeros(1, jnp.bfloat16)),
    ]  # fmt: skip
    assert not any(same(first, second) for first, second in pairs)
    assert all(same(first, first + 0) for first in (jnp.arange(2), jnp.array([jnp.nan])))


def test_numpy_reads_it(store: AutoStore) -> None:
    """With `as_type=numpy.ndarray`, and where JAX is not installed."""
    store["k"] = {"w": jnp.arange(3.0), "n": [jnp.ones(2, jnp.bfloat16)]}
    back = store.read("k", as_type=np.ndarray)
    assert type(back["w"]) is np.ndarray
    assert same(store.read("k", as_type=dict[str, jax.Array]), store["k"])
    code = f"""
import sys, warnings
sys.modules["jax"] = None
warnings.simplefilter("ignore")
from autostore import AutoStore
print(AutoStore({store.uri!r})["k"]["w"].tolist())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[0.0, 1.0, 2.0]"


def test_wide_numbers_are_not_narrowed(store: AutoStore) -> None:
    """JAX makes 32 bits of 64 unless it is told otherwise: then reading is refused, and NumPy's way named."""
    with jax.enable_x64(True):
        store["wide"] = jnp.arange(3, dtype="float64")
        assert store["wide"].dtype == "float64"
    with pytest.raises(UnsupportedFormatError, match="jax_enable_x64"):
        store["wide"]
    assert store.read("wide", as_type=np.ndarray).dtype == "float64"


def test_an_array_that_is_traced_or_gone_is_refused(store: AutoStore) -> None:
    """What has no numbers is not stored, and what is stored already stays."""
    store["k"] = jnp.arange(3)
    gone = jnp.arange(4)
    gone.delete()
    with pytest.raises(UntrustedDataError, match="looked at here"):  # a pickle, as the last resort, is not allowed here
        store["k"] = gone

    @jax.jit
    def traced(x: Any) -> Any:
        store["k"] = x
        return x

    with pytest.raises(UntrustedDataError, match="looked at here"):
        traced(jnp.arange(5))
    assert same(store["k"], jnp.arange(3))
