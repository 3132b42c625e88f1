"""`AutoStore`: how it is made, and what its methods take and give."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type

from autostore import AutoStore, FileMetadata, LocalFileConfig, S3StorageConfig, StorageConfig
from autostore.s3 import S3Backend

store = AutoStore("./data")
AutoStore(Path("data"), LocalFileConfig(durable=True))
AutoStore("s3://bucket/prefix/", config=S3StorageConfig(anonymous=True))
AutoStore("memory://", None)
AutoStore.register_backend("s3", S3Backend)

AutoStore()  # type: ignore[call-arg]
AutoStore(3)  # type: ignore[arg-type]
AutoStore(b"./data")  # type: ignore[arg-type]
AutoStore("./data", {"read_only": True})  # type: ignore[arg-type]
AutoStore("./data", read_only=True)  # type: ignore[call-arg]
AutoStore.register_backend("s3", StorageConfig)  # type: ignore[arg-type]

with AutoStore("./data") as opened:
    assert_type(opened, AutoStore)
with contextlib.closing(AutoStore("./data")) as closing:
    assert_type(closing, AutoStore)

store["a/b"] = object()
del store["a/b"]
store[3] = 1  # type: ignore[index]
store[3]  # type: ignore[index]

assert_type(store["a/b"], Any)
assert_type("a/b" in store, bool)
assert_type(len(store), int)
assert_type(list(store), list[str])
assert_type(store.keys("a/"), Iterator[str])
assert_type(store.items(), Iterator[tuple[str, Any]])
store.update({"a": 1}, b=2)
store.update([("a", 1)])
store.update([1, 2])  # type: ignore[list-item]

assert_type(store.write("a", 1, format="json", if_absent=True), FileMetadata)
assert_type(store.copy("a", "b"), FileMetadata)
assert_type(store.get_metadata("a").etag, str)
store.write("a", 1, "json")  # type: ignore[call-arg]
store.write("a", 1, if_absent="yes")  # type: ignore[arg-type]
store.write("a", 1, ettag="x")  # type: ignore[call-arg]
