"""PyTorch's tensors, state dicts and modules."""

import collections
import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autostore import AutoStore
from autostore.config import StorageConfig
from autostore.errors import UnsupportedFormatError, UntrustedDataError
from autostore.handlers.tensors import TorchHandler
from autostore.testing import HandlerContract, same

torch = pytest.importorskip("torch")

KEY = "a long random secret"
OPEN = TorchHandler(StorageConfig())
SIGNED = TorchHandler(StorageConfig(pickle_key=KEY))
CAREFUL = TorchHandler(StorageConfig(allow_pickle=False))


class Net(torch.nn.Module):  # type: ignore[misc,name-defined]
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)
        self.norm = torch.nn.BatchNorm1d(2)

    def forward(self, x: Any) -> Any:
        return self.norm(self.layer(x))


def local_module() -> Any:
    class Local(torch.nn.Module):  # type: ignore[misc,name-defined]
        pass

    return Local()


class SubTensor(torch.Tensor):  # type: ignore[misc]
    pass


def non_leaf() -> Any:
    return torch.ones(2, requires_grad=True) * 2


def optimizer_state() -> Any:
    """What training loops keep: nested dicts with int keys, tuples, floats and tensors."""
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    net(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    return {"epoch": 3, "model": net.state_dict(), "optimizer": optimizer.state_dict(), "best": (0.5, "x")}


def labelled(value: Any, label: Any) -> Any:
    value.label = label
    return value


BASE = torch.arange(50.0)
DATA = (
    torch.arange(6).reshape(2, 3),
    torch.tensor(1.5),
    torch.tensor([float("nan"), -0.0, float("inf")]),
    torch.empty(0, 3),
    torch.ones(2, requires_grad=True),
    torch.nn.Parameter(torch.ones(2), requires_grad=False),
    torch.arange(100.0)[3:5],
    torch.arange(6.0).reshape(2, 3).t(),
    torch.ones(2).expand(3, 2),
    torch.ones(3, dtype=torch.bfloat16),
    torch.ones(3, dtype=torch.float16)[:1],
    torch.tensor([True, False]),
    torch.tensor([1 + 2j]),
    torch.tensor([1 + 2j]).conj(),
    torch.ones(3).to(torch.float8_e4m3fn),
    torch.eye(3).to_sparse(),
    non_leaf(),
    torch.nn.Parameter(torch.ones(4))[:2].detach(),
    {"a": torch.ones(2), "b": torch.nn.Parameter(torch.ones(1))},
    OrderedDict(z=torch.ones(2), a=torch.zeros(1)),
    Net().state_dict(),
    {1: torch.ones(1), "n": [1, "x", None, (True, 2.5)]},
    [torch.ones(2), {"deep": ({"er": torch.eye(2)}, ())}],
    {"big": 2**2039 - 1, "t": torch.ones(1)},
    optimizer_state(),
    labelled(torch.arange(3.0), "metres"),
    labelled(torch.arange(100.0)[3:5], {"unit": ["m"]}),
    [labelled(BASE[2:4], 1), labelled(torch.nn.Parameter(BASE[3:6]), 2)],
    labelled(OrderedDict(a=torch.ones(1)), 3),
    torch.eye(3).to_sparse_csr() * float("nan"),
    torch.nn.Parameter(torch.eye(2).to_sparse()),
    torch.arange(6, dtype=torch.uint8).view(torch.bits8),
    torch.arange(6, dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
)


class TestWeightsOnly(HandlerContract):
    """Where pickles are not allowed, tensors and state dicts are stored as ever, and no code runs."""

    handler = CAREFUL
    samples = DATA
    refused = (
        *(SubTensor([1.0]), {"a": SubTensor([1.0])}, {}, {1.5: torch.ones(1)}, {"a": 1}, [b"x", torch.ones(1)], 1),
        labelled(torch.ones(1), object),
        labelled(OrderedDict(a=torch.ones(1)), {1.5}),
        torch.eye(2).to_sparse().requires_grad_(),
    )


class TestTorchHandler(HandlerContract):
    handler = OPEN
    samples = (*DATA, Net(), Net().eval(), torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.ReLU()))
    refused = (local_module(),)
    runs_code = True


def test_attributes_of_tensors_come_back(tmp_path: Path) -> None:
    """Of whole ones and of views; where a format has no place for them, or no plain reader, they are refused."""
    views = [labelled(BASE[2:4], "m"), labelled(torch.nn.Parameter(BASE[3:6]), ["s"]), labelled(torch.ones(2), None)]
    with AutoStore(tmp_path, StorageConfig(allow_pickle=False)) as store:
        store["k"] = views
        assert [vars(tensor) for tensor in store["k"]] == [{"label": "m"}, {"label": ["s"]}, {"label": None}]
        for key, value in (("k", labelled(torch.ones(1), object())), ("k.safetensors", {"a": views[0]})):
            with pytest.raises((UnsupportedFormatError, UntrustedDataError)):
                store[key] = value
        assert len(store["k"]) == 3


def test_a_sparse_tensor_that_asks_for_its_gradient_is_refused(tmp_path: Path) -> None:
    """PyTorch's files and its pickles forget it."""
    store = AutoStore(tmp_path)
    for value in (torch.eye(2).to_sparse().requires_grad_(), torch.eye(2).to_sparse_csr().requires_grad_()):
        for key, stored in (("k", value), ("k", {1.5: value}), ("k.pkl", value), ("k.pt", [value])):
            with pytest.raises(UnsupportedFormatError, match="asks for its gradient"):
                store[key] = stored
    assert not list(store.keys())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (torch.eye(2).to_sparse(), torch.eye(2).to_sparse().requires_grad_()),
        (torch.eye(2).to_sparse_csr(), 2 * torch.eye(2).to_sparse_csr()),
        (torch.eye(2).to_sparse().coalesce(), torch.sparse_coo_tensor([[0, 1], [0, 1]], [1.0, 1.0], (2, 2))),
        (torch.zeros(4, dtype=torch.uint8).view(torch.bits16), torch.ones(4, dtype=torch.uint8).view(torch.bits16)),
        (labelled(torch.ones(1), 1), labelled(torch.ones(1), 2)),
        (labelled(torch.ones(1), 1), torch.ones(1)),
    ],
)
def test_same_sees_all_of_a_tensor(first: Any, second: Any) -> None:
    """Entries, whether they were added up, bits of types without operations, and attributes."""
    assert same(first, first.clone() if first.layout != torch.strided else first)
    assert not same(first, second)


class TestSignedTorch(HandlerContract):
    """Signed files hold the same, and nothing unsigned runs."""

    handler = SIGNED
    samples = (torch.ones(2), {"a": torch.ones(2)}, Net())
    refused = (local_module(),)


def test_a_slice_does_not_save_its_whole_storage(tmp_path: Path) -> None:
    """A small view of a large tensor makes a small file, alone and in a dict; the value itself is untouched."""
    large = torch.zeros(1_000_000)
    values = [large[:2], {"a": large[5:7]}, OrderedDict(a=large[1:3]), torch.nn.Parameter(large[:2])]
    for value in values:
        OPEN.write_to_file(value, tmp_path / "f.pt", ".pt")
        assert (tmp_path / "f.pt").stat().st_size < 10_000
        assert same(OPEN.read_from_file(tmp_path / "f.pt", ".pt"), value)
    assert values[0].untyped_storage().nbytes() == 4_000_000


def test_a_checkpoint_of_slices_is_small(tmp_path: Path) -> None:
    """Slices of a large storage are saved without the rest of it, at any depth, and share what they shared."""
    large = torch.zeros(1_000_000)
    middle = large[500_000:500_100]
    value = {"n": 1, "x": [large[500_050:500_060], {"y": middle}], "z": middle}
    OPEN.write_to_file(value, tmp_path / "f.pt", ".pt")
    assert (tmp_path / "f.pt").stat().st_size < 10_000
    back = CAREFUL.read_from_file(tmp_path / "f.pt", ".pt")
    assert same(back, value)
    back["z"][55] = 7.0
    assert back["x"][0][5] == back["x"][1]["y"][55] == 7.0
    assert large.sum() == 0


def test_ties_are_kept(tmp_path: Path) -> None:
    """Weights that are one in memory are one again: the same tensor, a view of it, the same container."""
    weight = torch.ones(3, 4)
    shared = {"w": weight}
    OPEN.write_to_file({"a": weight, "b": weight, "t": weight.t(), "c": [shared, shared]}, tmp_path / "f.pt", ".pt")
    back = CAREFUL.read_from_file(tmp_path / "f.pt", ".pt")
    assert back["a"] is back["b"]
    assert back["c"][0] is back["c"][1]
    back["a"][0, 1] = 5.0
    assert back["t"][1, 0] == back["c"][0]["w"][0, 1] == 5.0


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 40), st.integers(1, 3)), min_size=1, max_size=5),
    st.sampled_from([torch.float32, torch.float64, torch.int8, torch.complex64]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_views_come_back(tmp_path: Path, spans: list[tuple[int, int, int]], dtype: Any) -> None:
    """Whatever tensors look into one storage, each comes back equal, and the storage is no larger than their span."""
    base = torch.arange(200).to(dtype)
    views = [base[start : start + length * step : step] for start, length, step in spans]
    OPEN.write_to_file([views, views[0]], tmp_path / "f.pt", ".pt")
    back, first = CAREFUL.read_from_file(tmp_path / "f.pt", ".pt")
    assert same(back, views)
    assert first is back[0]
    span = max(s + n * k for s, n, k in spans) - min(s for s, _, _ in spans)
    assert back[0].untyped_storage().nbytes() <= max(span, 1) * base.element_size() + 16 * 2


def test_what_weights_only_readers_refuse_is_no_checkpoint() -> None:
    """Such a value is left to other formats before anything is written."""
    for value in (2**2039, b"x", {1, 2}, range(3), collections.defaultdict(list), torch.Size([1])):
        assert not OPEN.can_handle_data({"t": torch.ones(1), "v": [value]}), value
    assert not OPEN.can_handle_data([[1, "x"], {"a": None}])


def test_a_large_checkpoint_is_mapped(tmp_path: Path) -> None:
    """From 16 MiB on pages come when used; what was read stays when its file is replaced, and is its reader's own."""
    value = {"w": torch.arange(5_000_000, dtype=torch.float32), "n": 1}
    file = tmp_path / "f.pt"
    OPEN.write_to_file(value, file, ".pt")
    back = OPEN.read_from_file(file, ".pt")
    assert str(file) in Path("/proc/self/maps").read_text()
    (tmp_path / "other").write_bytes(b"x" * file.stat().st_size)
    (tmp_path / "other").replace(file)
    assert same(back, value)
    back["w"][0] = 9
    file.unlink()
    assert back["w"][:2].tolist() == [9.0, 1.0]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_what_a_gpu_wrote_comes_back_to_it(tmp_path: Path) -> None:
    """Tensors of a GPU come back to it, and to the CPU in a process that sees none."""
    value = {"a": [torch.ones(3, device="cuda")], "n": 1}
    OPEN.write_to_file(value, tmp_path / "f.pt", ".pt")
    assert same(OPEN.read_from_file(tmp_path / "f.pt", ".pt"), value)


def test_a_view_keeps_its_gradient_flag(tmp_path: Path) -> None:
    """The clone that is saved requires a gradient where the view did."""
    view = torch.zeros(1000, requires_grad=True)[:2]
    OPEN.write_to_file(view, tmp_path / "f.pt", ".pt")
    assert OPEN.read_from_file(tmp_path / "f.pt", ".pt").requires_grad


def test_the_metadata_of_a_state_dict_is_kept(tmp_path: Path) -> None:
    """The versions of the layers are there, which load_state_dict needs."""
    state = Net().state_dict()
    OPEN.write_to_file(state, tmp_path / "f.pt", ".pt")
    back = CAREFUL.read_from_file(tmp_path / "f.pt", ".pt")
    assert type(back) is OrderedDict
    assert back._metadata == state._metadata
    Net().load_state_dict(back)


def test_torch_reads_the_files(tmp_path: Path) -> None:
    """Signed or not, torch.load alone does."""
    for handler in (OPEN, SIGNED):
        handler.write_to_file({"a": torch.ones(2)}, tmp_path / "f.pt", ".pt")
        assert same(torch.load(tmp_path / "f.pt", weights_only=True), {"a": torch.ones(2)})
        assert zipfile.is_zipfile(tmp_path / "f.pt") or handler is SIGNED


def test_old_files_of_torch_are_read(tmp_path: Path) -> None:
    """Those from before torch 1.6, which are no zip archives; a signature behind them does not matter."""
    stream = io.BytesIO()
    torch.save({"a": torch.ones(2)}, stream, _use_new_zipfile_serialization=False)
    for tail in (b"", b"\n#autostore-sig:1:" + b"0" * 16 + b":" + b"0" * 64 + b"\n"):
        (tmp_path / "f.pt").write_bytes(stream.getvalue() + tail)
        assert same(CAREFUL.read_from_file(tmp_path / "f.pt", ".pt"), {"a": torch.ones(2)})


def test_a_whole_module_needs_pickles(tmp_path: Path) -> None:
    """Refused both ways without them, and the message says to store the state_dict."""
    with pytest.raises(UntrustedDataError, match="state_dict"):
        CAREFUL.write_to_file(Net(), tmp_path / "f.pt", ".pt")
    assert not (tmp_path / "f.pt").exists()
    OPEN.write_to_file(Net(), tmp_path / "f.pt", ".pt")
    with pytest.raises(UntrustedDataError, match="allow_pickle=False"):
        CAREFUL.read_from_file(tmp_path / "f.pt", ".pt")


RAN: list[str] = []


def ran(what: str) -> None:
    RAN.append(what)


class Bomb:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return ran, ("boom",)


def test_unsigned_files_are_refused_where_a_key_is_set(tmp_path: Path) -> None:
    """Before any of them is unpickled, in full or weights-only."""
    RAN.clear()
    for value in (Bomb(), torch.ones(2)):
        torch.save(value, tmp_path / "f.pt")
        with pytest.raises(UntrustedDataError, match="not signed"):
            SIGNED.read_from_file(tmp_path / "f.pt", ".pt")
    SIGNED.write_to_file(Net(), tmp_path / "f.pt", ".pt")
    content = (tmp_path / "f.pt").read_bytes()
    (tmp_path / "f.pt").write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])
    with pytest.raises(UntrustedDataError, match="changed"):
        SIGNED.read_from_file(tmp_path / "f.pt", ".pt")
    (tmp_path / "f.pt").write_bytes(content)
    with pytest.raises(UntrustedDataError):
        SIGNED.read_from_file(tmp_path / "f.pth", ".pth") if (tmp_path / "f.pth").exists() else SIGNED.read_from_file(
            tmp_path / "f.pt", ".pth"
        )
    assert RAN == []


def test_code_runs_only_where_it_is_allowed(tmp_path: Path) -> None:
    """The same file runs with allow_pickle, and not without."""
    RAN.clear()
    torch.save(Bomb(), tmp_path / "f.pt")
    with pytest.raises(UntrustedDataError):
        CAREFUL.read_from_file(tmp_path / "f.pt", ".pt")
    assert RAN == []
    OPEN.read_from_file(tmp_path / "f.pt", ".pt")
    assert RAN == ["boom"]


def test_a_file_from_a_machine_with_a_gpu_reads_here(tmp_path: Path) -> None:
    """Where the device is missing, tensors come to the CPU."""
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    torch.save({"a": torch.ones(2)}, tmp_path / "cpu.pt")
    with zipfile.ZipFile(tmp_path / "cpu.pt") as source, zipfile.ZipFile(tmp_path / "f.pt", "w") as target:
        for info in source.infolist():
            content = source.read(info)
            if info.filename.endswith("data.pkl"):
                assert b"X\x03\x00\x00\x00cpu" in content
                content = content.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
            target.writestr(info, content)
    with pytest.raises(RuntimeError):
        torch.load(tmp_path / "f.pt")
    assert same(CAREFUL.read_from_file(tmp_path / "f.pt", ".pt"), {"a": torch.ones(2)})


def test_only_tensors_infer_the_format() -> None:
    """Plain values without a tensor, or a tensor beside something else, are no checkpoint."""
    for value in ({"a": torch.ones(1)}, {"a": torch.ones(1), "epoch": 3}, (torch.ones(1),)):
        assert OPEN.can_handle_data(value)
    for other in ({}, {"a": {"b": [1]}}, collections.defaultdict(list), [torch.ones(1), object()], pickle):
        assert not OPEN.can_handle_data(other)


def test_a_local_class_is_refused_with_the_reason(tmp_path: Path) -> None:
    """The message names the way out."""
    with pytest.raises(UnsupportedFormatError, match=r"top level.*state_dict"):
        OPEN.write_to_file(local_module(), tmp_path / "f.pt", ".pt")


DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int8, torch.uint8, torch.int64, torch.bool]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    dtype=st.sampled_from(DTYPES),
    shape=st.lists(st.integers(0, 4), max_size=3),
    cut=st.slices(4),
    grad=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_every_tensor_comes_back_exactly(
    tmp_path: Path, dtype: Any, shape: list[int], cut: slice, grad: bool, seed: int
) -> None:
    """Shape, dtype, values and gradient flag, of views too."""
    torch.manual_seed(seed)
    tensor = (torch.randn([4, *shape]) * 3).to(dtype)
    if cut.step is None or cut.step > 0:
        tensor = tensor[cut]
    tensor.requires_grad_(grad and dtype.is_floating_point)
    OPEN.write_to_file(tensor, tmp_path / "f.pt", ".pt")
    assert same(CAREFUL.read_from_file(tmp_path / "f.pt", ".pt"), tensor)
