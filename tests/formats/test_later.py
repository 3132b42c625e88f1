"""Formats that came later hide nothing that an older version stored under a key that looks like one of their files."""

import pytest

from autostore import AutoStore

LATER = (
    ".safetensors", ".skops", ".ubj", ".lgb", ".tokenizer", ".plotly", ".vl", ".tsv", ".arrow", ".feather",
    ".msgpack", ".cbor", ".avro",
)  # fmt: skip


@pytest.mark.parametrize("extension", LATER)
def test_a_key_of_before_is_still_found(tmp_path, extension):
    """As when the extension meant nothing: read, listed, replaced under its full name, and gone when it is deleted."""
    old, key = AutoStore(tmp_path), f"model{extension}"
    for handler in {type(handler) for handler in old._registry._roster.by_extension[extension]}:
        old.unregister_handler(handler)
    assert old.write(key, {"a": 1}).path == f"{key}.json"
    now = AutoStore(tmp_path)
    assert now[key] == {"a": 1}
    assert list(now.keys()) == [key]
    assert key in now
    del now[key]
    assert key not in now
    assert list(tmp_path.glob("model*")) == []
