"""Nothing grows over cycles of opening and closing, errors, forks, and calls that were cut short."""

import gc
import multiprocessing.util
import os
import sys
import threading
import tracemalloc
import weakref

import pytest

from autostore import AutoStore, InvalidConfigError, StorageError, StorageFileNotFoundError
from tests.reliability.interrupts import At
from tests.reliability.scale import measured, scaled


def footprint(folder):
    """What a process could collect without noticing."""
    gc.collect()
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "finalizers": len(weakref.finalize._registry),
        "finalizers of multiprocessing": len(multiprocessing.util._finalizer_registry),
        "files": sum(len(names) + len(files) for _, names, files in os.walk(folder)),
    }


def allocated():
    """Bytes, without the table of all interned texts: pathlib interns names, and the table moves when it is crowded."""
    gc.collect()
    traces = tracemalloc.take_snapshot().traces
    return sum(t.size for t in traces if t.size < 1 << 16 or "pathlib" not in t.traceback[0].filename)


def opened_and_closed(store, number):
    """A store of its own, each time."""
    with AutoStore(store.uri) as own:
        own["k"] = number


def left_open(store, number):
    """A store that nobody closes, and nobody keeps."""
    AutoStore(store.uri)["k"] = number


def in_memory(store, number):
    """A private place."""
    with AutoStore("memory://") as own:
        own["k"] = number


def failing(store, number):
    """Errors of every kind that a caller can make."""
    for call in (
        lambda: store[f"absent{number}"],
        lambda: store.write("x.json", {1, 2}),
        lambda: store.write("x", 1, if_etag="other"),
        lambda: store.write("../x", 1),
        lambda: store.modify("k", lambda _: 1 / 0),
    ):
        with pytest.raises((StorageError, ZeroDivisionError)):
            call()
    with pytest.raises((StorageFileNotFoundError, InvalidConfigError)):
        store.copy(f"absent{number}", "y")


def cut_short(store, number):
    """A listing that is dropped in its middle, and a write that is interrupted somewhere."""
    next(store.items(), None)
    next(store.list_files("*"), None)
    At(number % 700 + 1).run(lambda: store.write("k", {"v": number}))


def forked(store, number):
    """A child that uses and closes the store."""
    pid = os.fork()
    if pid == 0:
        try:
            store["k"] = number
            store.close()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def many_folders(store, number):
    """Writes in a row to ever new folders, emptied again."""
    for name in ("a", "b", "c"):
        store[f"{number}/{name}"] = 1
    for name in ("a", "b", "c"):
        del store[f"{number}/{name}"]


CYCLES = {
    opened_and_closed: (500, 100_000),
    left_open: (300, 100_000),
    in_memory: (500, 100_000),
    failing: (500, 100_000),
    cut_short: (500, 100_000),
    forked: (60, 3_000),
    many_folders: (300, 30_000),
}


@pytest.mark.parametrize("cycle", CYCLES, ids=lambda cycle: cycle.__name__)
@pytest.mark.timeout(scaled(120, 4 * 3600))
def test_cycles(tmp_path, monkeypatch, cycle):
    """Descriptors, threads, finalizers, files and memory are after the last cycle what they were after the first."""
    # Mutation that this was seen to catch: Scratch registers a finalizer for each room.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)  # pytest would keep what is raised where objects end
    count = scaled(*CYCLES[cycle])
    with AutoStore(tmp_path / "store") as store, measured(f"cycles: {cycle.__name__}") as facts:
        store["k"] = {"v": 0}
        for number in range(count // 10):
            cycle(store, number)
        before = footprint(tmp_path)
        tracemalloc.start()
        memory = allocated()
        for number in range(count // 10, count):
            cycle(store, number)
        after = footprint(tmp_path)
        grown = allocated() - memory
        tracemalloc.stop()
        facts.update(cycles=count, bytes=grown, **after)
    assert after == before
    assert grown < 64 * 1024 + 4 * count
