"""A process that has a store and little else: each operation under a limit, and what is right after it.

Started anew each time: Polars hangs in a process that was forked after it was used.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from autostore import AutoStore, StorageConfig, StorageError, StorageFileNotFoundError
from autostore.plugins import same

ARRAY = np.arange(3 << 20, dtype=np.int64)
FRAME = pl.DataFrame({"n": range(1000)})
HELD: dict[str, Any] = {
    "d/json": {"v": 1}, "d/frame": FRAME, "d/text": "text" * 100, "d/bundle": {"t": (1, 2), "a": np.arange(9)},
    "d/array": ARRAY,
}  # fmt: skip
NEW = {"json": {"v": 2}, "frame": FRAME + 1, "text": "other" * 100, "bundle": {"t": (3,)}, "array": ARRAY + 1}

Call = Callable[[AutoStore], Any]
Limit = Callable[[], contextlib.AbstractContextManager[None]]
CALLS: dict[str, Call] = {
    **{f"write {name}": lambda store, name=name: store.write(f"d/{name}", NEW[name]) for name in NEW},
    **{f"read {name}": lambda store, name=name: store.read(f"d/{name}") for name in NEW},
    "write new": lambda store: store.write("e/new", {"v": 2}),
    "write another format": lambda store: store.write("d/json", "text"),
    "read lazily": lambda store: store.read("d/frame", as_type=pl.LazyFrame),
    "read bytes": lambda store: store.read("d/json", as_type=bytes),
    "get": lambda store: store.get("d/json", "default"),
    "in": lambda store: "d/json" in store,
    "modify": lambda store: store.modify("d/json", lambda _: {"v": 2}),
    "pop": lambda store: store.pop("d/json", "default"),
    "copy": lambda store: store.copy("d/frame", "e/copy"),
    "move": lambda store: store.move("d/text", "e/moved"),
    "listing": lambda store: sorted(store.keys()),
    "items": lambda store: dict(store.items()),
    "update": lambda store: store.update({"d/json": {"v": 2}, "d/text": "other" * 100}),
    "close": lambda store: store.close(),
}


@contextmanager
def descriptors(left: int) -> Iterator[None]:
    """All but so many descriptors are in use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    held: list[int] = []
    try:
        with contextlib.suppress(OSError):
            while True:
                held.append(os.dup(0))
        for _ in range(left):
            os.close(held.pop())
        yield
    finally:
        for number in held:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def memory(left: int) -> Iterator[None]:
    """So many bytes of address space are left."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + left, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextmanager
def file_size(most: int) -> Iterator[None]:
    """No file may become longer, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def threads(left: int) -> Iterator[None]:
    """So many threads may still be started."""
    begin, allowed = threading.Thread.start, [left]

    def start(thread: threading.Thread) -> None:
        allowed[0] -= 1
        if allowed[0] < 0:
            raise RuntimeError("can't start new thread")
        begin(thread)

    threading.Thread.start = start  # type: ignore[method-assign]
    try:
        yield
    finally:
        threading.Thread.start = begin  # type: ignore[method-assign]


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """No block of the folder's disk is free."""
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder's disk is mounted read-only."""
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", folder], check=True)


LIMITS = {limit.__name__: limit for limit in (descriptors, memory, file_size, threads)}


def live(uri: str, config: StorageConfig | None, limits: Iterable[tuple[int, Limit]]) -> None:
    """Each operation under each of some limits; `(operation, amount, outcome)` of each is printed at the end."""
    store = AutoStore(uri, config)
    store.update(HELD)
    assert all(is_there(store, key, value) for key, value in HELD.items())
    said = [(name, n, tried(store, name, call, limit)) for n, limit in limits for name, call in CALLS.items()]
    print(json.dumps(said))


def tried(store: AutoStore, name: str, call: Call, limit: Limit) -> str:
    """How it ended: "done", the class of a typed error, or a sentence that says what is wrong."""
    store.update({key: value for key, value in HELD.items() if not is_there(store, key, value)})
    for key in ("e/new", "e/copy", "e/moved"):
        store.pop(key, None)
    open_before = len(os.listdir("/proc/self/fd"))
    outcome, answer = "done", None
    with limit():
        try:
            answer = call(store)
        except StorageError as error:
            outcome = type(error).__name__
            wrong = isinstance(error, StorageFileNotFoundError) or "valid" in str(error)
            if wrong:
                outcome = f"a lie: {error}"
        except BaseException as error:
            outcome = f"raw: {error!r} {error.__traceback__ and innermost(error)}"
    if outcome == "done" and name in ("get", "in") and (answer is False or answer == "default"):
        outcome = f"said {answer!r}"
    del answer
    return outcome if " " in outcome else after(store, name, outcome, open_before)


def innermost(error: BaseException) -> str:
    """Where it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""


def after(store: AutoStore, name: str, outcome: str, open_before: int) -> str:
    """The outcome, if everything is as it was or as it was to become."""
    changed = {"modify": "d/json", "pop": "d/json", "move": "d/text", "write another format": "d/json"}
    for key, value in HELD.items():
        may_change = key == changed.get(name) or name in (f"write {key[2:]}", "update")
        if not is_there(store, key, value) and (outcome != "done" and not may_change):
            return f"{key} is lost after {outcome}"
        if not may_change and not is_there(store, key, value):
            return f"{key} is not what it was after {outcome}"
    if len(os.listdir("/proc/self/fd")) > open_before + 2:
        return f"descriptors left after {outcome}"
    folder = Path(store.uri.partition("://")[2], ".autostore", "tmp")
    if folder.exists() and [file for room in folder.iterdir() for file in room.iterdir()]:
        return f"files left after {outcome}"
    store["e/new"] = 3
    return outcome if store.pop("e/new") == 3 else f"the next call fails after {outcome}"


def is_there(store: AutoStore, key: str, value: Any) -> bool:
    """Whether a key has exactly this value."""
    found = store.get(key)
    return type(found) is type(value) and same(found, value)


if __name__ == "__main__":
    if len(sys.argv) > 1:  # on a disk of its own, which whoever started this has made
        disk, on_disk = Path(sys.argv[1]), {"full": full, "read_only": read_only}[sys.argv[2]]
        live(str(disk / "store"), None, [(0, lambda: on_disk(disk))])
    else:
        uri, config, name, amounts = pickle.load(sys.stdin.buffer)
        live(uri, config, [(amount, partial(LIMITS[name], amount)) for amount in amounts])
