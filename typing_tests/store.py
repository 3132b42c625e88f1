"""`AutoStore`: how it is made, and what its methods take and give."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type

import polars as pl

from autostore import AutoStore, FileMetadata, LocalFileConfig, S3StorageConfig, StorageConfig
from autostore.s3 import S3Backend

store = AutoStore("./data")
AutoStore(Path("data"), LocalFileConfig(durable=True))
AutoStore("s3://bucket/prefix/", config=S3StorageConfig(anonymous=True))
AutoStore("memory://", None)
AutoStore.register_backend("s3", S3Backend)

AutoStore()
AutoStore(None)  # type: ignore[arg-type]
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


# What is read `as_type` has that type; without it nobody knows, so that it is Any.
class Settings:
    depth: int = 3


assert_type(store.read("a"), Any)
assert_type(store.read("a", as_type=None), Any)
assert_type(store.read("a", as_type=Settings), Settings)
assert_type(store.read("a", as_type=Settings).depth, int)
assert_type(store.read("a", as_type=bytes), bytes)
assert_type(store.read("a", as_type=bytes, version="1-a"), bytes)
assert_type(store.versions("a")[0].note, str)
assert_type(store.prune(keep=1).bytes, int)
assert_type(store.over("./base").base, AutoStore | None)
assert_type([change.kind for change in store.diff()], list[str])
store.read("a", at="yesterday")  # type: ignore[call-overload]
assert_type(store.read("a", as_type=list[int]), list[int])
assert_type(store.read("a", as_type=pl.LazyFrame).collect(), pl.DataFrame)
assert_type(store.read("a", as_type=Settings if store else None), Settings | Any)
store.read("a", Settings)  # type: ignore[call-overload]
store.read("a", as_type="Settings")  # type: ignore[call-overload]
store.read("a", as_type=Settings()).depth  # type: ignore[call-overload]
store.read("a", as_type=Settings).width  # type: ignore[attr-defined]
wrong: str = store.read("a", as_type=int)  # type: ignore[assignment]

assert_type(store.get("a"), Any | None)
assert_type(store.get("a", None), Any | None)
assert_type(store.get("a", 0), Any)
assert_type(store.get("a", as_type=int), int | None)
assert_type(store.get("a", None, as_type=int), int | None)
assert_type(store.get("a", 0, as_type=int), int)
assert_type(store.get("a", "none", as_type=int), int | str)
store.get("a", []).append(1)
store.get("a", [], as_type=list[int]).append(1)
store.get("a").depth  # type: ignore[union-attr]
store.get("a", as_type=Settings).depth  # type: ignore[union-attr]
store.get("a", 0, int)  # type: ignore[call-overload]
store.get(1)  # type: ignore[call-overload]

assert_type(store.setdefault("a"), Any)
assert_type(store.setdefault("a", 0), Any)
assert_type(store.setdefault("a", 0, as_type=int), int)
assert_type(store.setdefault("a", Settings(), as_type=dict[str, int]), Settings | dict[str, int])
store.setdefault("a", []).append(1)
store.setdefault("a", [], as_type=list[int]).append("b")  # type: ignore[arg-type]
store.setdefault("a", as_type=int)  # type: ignore[call-overload]

assert_type(store.pop("a"), Any)
assert_type(store.pop("a", None), Any)
assert_type(store.pop("a", as_type=int), int)
assert_type(store.pop("a", None, as_type=int), int | None)
assert_type(store.pop("a", 0, as_type=int), int)
store.pop("a", as_type=Settings).width  # type: ignore[attr-defined]
store.pop("a", None, as_type=Settings).depth  # type: ignore[union-attr]
store.pop("a", 0, int)  # type: ignore[call-overload]


def deeper(settings: Settings) -> Settings:
    settings.depth += 1
    return settings


assert_type(store.modify("a", deeper), FileMetadata)
assert_type(store.modify("a", deeper, as_type=Settings), FileMetadata)
store.modify("a", lambda number: number + 1)
store.modify("a", lambda settings: settings.depth, as_type=Settings)
store.modify("a", lambda settings: settings.width, as_type=Settings)  # type: ignore[attr-defined]
store.modify("a", deeper, as_type=int)  # type: ignore[arg-type]
store.modify("a", 3)  # type: ignore[call-overload]
store.modify("a")  # type: ignore[call-overload]

assert_type(store.scan("a"), pl.LazyFrame)
assert_type(store.scan("a/", columns=["x"], schema="all", hive_schema={"day": pl.Date}), pl.LazyFrame)
assert_type(store.scan({"a": {"day": "1"}}), pl.LazyFrame)
assert_type(store.read("a/", as_type=pl.DataFrame, columns=["x"]), pl.DataFrame)
assert_type(store.read("a", as_type=pl.LazyFrame), pl.LazyFrame)
store.scan("a", columns="x", schema="some")  # type: ignore[arg-type]
store.scan(["a", "b"])  # type: ignore[arg-type]
assert_type(store.write("a", (pl.DataFrame() for _ in range(3)), options={"row_group_size": 1000}), FileMetadata)
store.write("a", 1, options="zstd")  # type: ignore[arg-type]
assert_type(store.url("a", expires=3600), str)
assert_type(store.storage_options("polars"), dict[str, Any])


@store.cache
def counted(word: str, times: int = 1) -> list[str]:
    return [word] * times


@store.cache(ignore="log", expires=3600)
async def awaited(x: int, log: object = None) -> str:
    return f"{x}{log}"


async def memoized() -> None:
    assert_type(counted("a"), list[str])
    assert_type(counted.call("a", times=2), list[str])
    assert_type(counted.forget("a"), bool)
    assert_type(await awaited(1), str)
    counted(1)  # type: ignore[arg-type]
