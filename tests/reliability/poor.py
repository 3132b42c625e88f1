"""A process that may have little: what it does under a limit, and the most descriptors and threads that it had.

python -m tests.reliability.poor NAME FOLDER COUNT DESCRIPTORS
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autostore import AutoStore
from autostore.disk.sync import make_folders

MOST = 1000
"""Bytes of a key that is nearly as long as keys may be."""


class Watch:
    """The most descriptors and threads that were seen."""

    def __init__(self) -> None:
        self.descriptors = self.threads = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(0.002):
            self.look()

    def look(self) -> None:
        """Look now."""
        last = max(map(int, os.listdir("/proc/self/fd")))  # beyond the limit nothing could be listed
        self.descriptors = max(self.descriptors, last)
        self.threads = max(self.threads, threading.active_count() - 1)

    def stop(self) -> dict[str, int]:
        """The figures."""
        self._done.set()
        self._thread.join()
        return {"descriptors": self.descriptors, "threads": self.threads}


def frames(store: AutoStore, count: int) -> Callable[[], Any]:
    """Tables as lazy and as eager frames, all held at once; then their keys are written again."""
    import polars as pl

    names = [f"t/{number}" for number in range(count)]
    store.update({name: pl.DataFrame({"n": [number]}) for number, name in enumerate(names)})

    def work() -> None:
        lazy = [store.read(name, as_type=pl.LazyFrame) for name in names]
        eager = [store[name] for name in names]
        store.update(dict.fromkeys(names, pl.DataFrame({"n": [-1]})))
        assert [frame["n"][0] for frame in eager] == list(range(count))
        assert [frame.collect()["n"][0] for frame in lazy] == list(range(count))

    return work


def arrays(store: AutoStore, count: int) -> Callable[[], Any]:
    """Mapped arrays, all held at once, their file replaced meanwhile; what is written to one changes no other."""
    import numpy as np

    store["a"] = np.zeros(2 << 20)
    sparse = Path(store.uri.partition("://")[2]) / "a.npy"
    os.truncate(sparse, sparse.stat().st_size)

    def work() -> None:
        held = [store["a"] for _ in range(count)]
        held[0][5] = 1
        store["a"] = np.ones(3)
        assert [float(array[5]) for array in held] == [1.0, *[0.0] * (count - 1)]

    return work


def items(store: AutoStore, count: int) -> Callable[[], Any]:
    """Everything a dict does, over many keys."""
    values = {f"k/{number}": {"n": number} for number in range(count)}

    def work() -> None:
        store.update(values)
        assert dict(store.items()) == values
        assert len(store) == count
        assert sum(value["n"] for value in store.values()) == count * (count - 1) // 2
        for key in values:
            del store[key]
        assert not list(store.keys())

    return work


def _fan_in(store: AutoStore, count: int, annotation: Any, value: Callable[[int], Any]) -> Callable[[], Any]:
    import dagster as dg

    from autostore_dagster import AutoStoreIOManager
    from autostore_dagster.keys import asset_key

    names = [f"p{number:05}" for number in range(count)]
    store.update({asset_key(["up"], {"partition": name}): value(number) for number, name in enumerate(names)})
    manager = AutoStoreIOManager(uri=store.uri)
    context = dg.build_input_context(
        asset_key=dg.AssetKey("up"),
        asset_partitions_def=dg.StaticPartitionsDefinition(names),
        asset_partition_key_range=dg.PartitionKeyRange(names[0], names[-1]),
        dagster_type=dg.PythonObjectDagsterType(annotation),
        upstream_output=dg.build_output_context(asset_key=dg.AssetKey("up")),
    )
    return lambda: manager.load_input(context)


def fan_in_frame(store: AutoStore, count: int) -> Callable[[], Any]:
    """A Dagster fan-in as one frame."""
    import polars as pl

    load = _fan_in(store, count, pl.DataFrame, lambda number: pl.DataFrame({"n": [number]}))

    def work() -> None:
        frame = load()
        assert frame["n"].to_list() == list(range(count))
        assert frame["partition"].n_unique() == count

    return work


def fan_in_dict(store: AutoStore, count: int) -> Callable[[], Any]:
    """A Dagster fan-in as a dict."""
    load = _fan_in(store, count, dict, lambda number: number)

    def work() -> None:
        assert list(load().values()) == list(range(count))

    return work


def deep(store: AutoStore, count: int) -> Callable[[], Any]:
    """A key below as many folders as a key can name, beside more that somebody else made."""
    key, other = "/".join(["d"] * (MOST // 2)) + "/k", "/".join(["e"] * (MOST // 2)) + "/k"
    foreign = "/".join([str(Path(store.uri.partition("://")[2])), *["f"] * count])
    make_folders(foreign, durable=False)
    Path(foreign, "k.json").write_text("1")

    def work() -> None:
        try:
            use(store, key, other)
        finally:
            Path(foreign, "k.json").unlink()
            for depth in range(count):  # what removes folders by calling itself for each could not
                os.rmdir(foreign[: len(foreign) - 2 * depth])

    return work


def use(store: AutoStore, key: str, other: str) -> None:
    """Every call on a key that is deep."""
    store[key] = 1
    assert store[key] == 1
    assert list(store.keys()) == [key]
    assert list(store.keys("d/d")) == [key]
    store.copy(key, other)
    assert list(store.values()) == [1, 1]
    del store[other]
    store.move(key, other)
    assert store.pop(other) == 1
    assert not list(store.list_files())
    assert not (Path(store.uri.partition("://")[2]) / "d").exists()


def no_threads(store: AutoStore, count: int) -> Callable[[], Any]:
    """The system gives no thread: after the first, and then none at all."""
    begin, left = threading.Thread.start, [1]
    values = {f"k/{number}": number for number in range(count)}

    def start(thread: threading.Thread) -> None:
        left[0] -= 1
        if left[0] < 0:
            time.sleep(0.05)  # meanwhile another thread of the pool begins what this one was wanted for
            raise RuntimeError("can't start new thread")
        begin(thread)

    def work() -> None:
        for allowed in (1, 0):
            left[0] = allowed
            threading.Thread.start = start  # type: ignore[method-assign]
            try:
                store.update(values)
                assert dict(store.items()) == values
                store["large"] = bytes(12 << 20)
                assert store["large"] == bytes(12 << 20)
                assert store.pop("large") is not None
            finally:
                threading.Thread.start = begin  # type: ignore[method-assign]
            store.close()

    return work


def main(name: str, uri: str, count: int, descriptors: int, config: Any = None) -> dict[str, Any]:
    """Do one of these; what it took."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with AutoStore(uri, config) as store:
        work = globals()[name](store, count)
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
        watch, begun = Watch(), time.monotonic()
        try:
            work()
        finally:
            seen = watch.stop()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return {"count": count, "seconds": round(time.monotonic() - begun, 2), **seen}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
