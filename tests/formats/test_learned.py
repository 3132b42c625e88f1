"""ONNX models and tokenizers, in the files that their own libraries write and read."""

from pathlib import Path
from typing import Any

import pytest

from autostore import AutoStore, CorruptDataError, StorageConfig, TooLargeError, UnsupportedFormatError
from autostore.handlers.learned.tokenizers import TokenizerHandler
from autostore.testing import HandlerContract, same
from tests.optional import np, onnx, optional

Tokenizer = optional("tokenizers").Tokenizer
models = optional("tokenizers").models
pre_tokenizers = optional("tokenizers").pre_tokenizers
trainers = optional("tokenizers").trainers


def model(*weights: Any) -> onnx.ModelProto:
    """X times a matrix."""
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None, 2]) for name in "xy"]
    tensors = [onnx.numpy_helper.from_array(np.eye(2, dtype="f4"), "w"), *weights]
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    made = onnx.helper.make_model(onnx.helper.make_graph([node], "times", ends[:1], ends[1:], tensors))
    made.metadata_props.add(key="author", value="é")
    return made


def trained(kind: Any = models.BPE, **words: Any) -> Tokenizer:
    tokenizer = Tokenizer(kind(**words))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(["to be or not to be", "that is"], trainers.BpeTrainer(vocab_size=40))
    return tokenizer


class TestTokenizers(HandlerContract):
    handler = TokenizerHandler()
    samples = (Tokenizer(models.BPE()), trained(), Tokenizer(models.WordLevel({"é": 0, "<": 1}, unk_token="<")))

    def shows_damage(self, value: Any) -> bool:
        return True


@pytest.fixture
def store(tmp_path: Path) -> AutoStore:
    return AutoStore(tmp_path / "store", StorageConfig(allow_pickle=False))


def test_onnx(store: AutoStore, tmp_path: Path) -> None:
    """A model comes back as one, byte by byte; bytes as bytes; and its own library reads what was written."""
    store["m.onnx"] = model()
    back = store["m.onnx"]
    assert same(back, model())
    assert back.SerializeToString() == model().SerializeToString()
    found = onnx.load(tmp_path / "store" / "m.onnx")
    onnx.checker.check_model(found)
    assert found.graph == model().graph
    assert [(one.key, one.value) for one in found.metadata_props] == [("author", "é"), ("autostore", '{"v": 1}')]
    raw = model().SerializeToString()
    store["b.onnx"] = raw
    assert store["b.onnx"] == raw
    assert same(store.read("b.onnx", as_type=onnx.ModelProto), model())
    assert store.info("m.onnx").type == "onnx.ModelProto"
    assert store.info("b.onnx").type == "bytes"
    with pytest.raises(UnsupportedFormatError, match="Store the model itself"):
        store["c.onnx"] = store.read("m.onnx", as_type=bytes)


def test_onnx_opens_no_other_file(store: AutoStore, tmp_path: Path) -> None:
    """A model that speaks of other files is read as it is, and written by nobody."""
    (tmp_path / "secret").write_bytes(b"\1\2\3\4")
    outside = onnx.TensorProto(name="b", data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value="../secret")
    store["m.onnx"] = model()
    raw = store.read("m.onnx", as_type=bytes)
    (tmp_path / "store" / "x.onnx").write_bytes(model(outside).SerializeToString() + raw[-23:])
    back = store["x.onnx"]
    assert back.graph.initializer[1].external_data[0].value == "../secret"
    assert back.graph.initializer[1].raw_data == b""
    with pytest.raises(UnsupportedFormatError, match="other files"):
        store["y.onnx"] = back


def test_onnx_that_is_none(store: AutoStore, tmp_path: Path) -> None:
    """Damage is an error, and a model is within the ceiling."""
    store["m.onnx"] = model()
    raw = store.read("m.onnx", as_type=bytes)
    (tmp_path / "store" / "m.onnx").write_bytes(raw[: len(raw) // 2] + raw[-23:])
    with pytest.raises(CorruptDataError):
        store["m.onnx"]
    store["m.onnx"] = model(onnx.numpy_helper.from_array(np.zeros(100_000), "z"))
    with pytest.raises(TooLargeError):
        AutoStore(tmp_path / "store", StorageConfig(max_read_bytes=1_000_000))["m.onnx"]


def test_tokenizers(store: AutoStore, tmp_path: Path) -> None:
    """A bare key gets the JSON that the library reads; a container holds it as a member."""
    assert store.write("t", trained()).path == "t.tokenizer"
    assert store["t"].encode("to be").ids == trained().encode("to be").ids
    assert Tokenizer.from_file(str(tmp_path / "store" / "t.tokenizer")).to_str() == trained().to_str()
    store["both"] = {"tokenizer": trained(), "weights": np.eye(2)}
    assert same(store["both"], {"tokenizer": trained(), "weights": np.eye(2)})
    assert store.preview(trained())["model"] == "BPE"


def test_a_tokenizer_of_own_code_is_refused(store: AutoStore) -> None:
    """A part that is written in Python is in no JSON."""
    tokenizer = trained()
    tokenizer.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(object())
    with pytest.raises(UnsupportedFormatError):
        store["t.tokenizer"] = tokenizer
