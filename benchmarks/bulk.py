"""Bytes, arrays and tables, from 64 KiB to half a gigabyte, against who holds them and against their own libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.competitors import fresh
from benchmarks.measure import Aim
from benchmarks.race import Scale, Table, race
from benchmarks.steps import Contestant, Step

NAME = "bulk"
Steps = Iterator[dict[str, Step]]
KIB, MIB = 1 << 10, 1 << 20


def tables(scale: Scale, folder: Path, _servers: Any) -> list[Table]:
    """Bytes and arrays against the databases, then the largest against the library's own reader and writer."""
    rivals = [Contestant("diskcache", "diskcache"), Contestant("shelve", "shelve")]
    rivals.append(Contestant("original", "original", original=True))
    found = []
    for size in (64 * KIB, MIB, 16 * MIB, 64 * MIB):
        real = scale.of(size, KIB)
        times = max(1, min(100, 32 * MIB // size))
        steps = [f"{what} {kind}" for what in ("write", "read") for kind in ("bytes", "array")]
        aims = [Aim(step, rival.name, 1.0) for rival in rivals for step in steps]
        title = f"{times} x {_size(real)}: bytes and arrays, local"
        ours = Contestant("autostore", "ours")
        found.append(race(title, __name__, [ours, *rivals], scale, aims, folder=str(folder), size=real, times=times))
    return [*found, _large(scale, folder, "table", 256), _large(scale, folder, "array", 512)]


def _large(scale: Scale, folder: Path, kind: str, megabytes: int) -> Table:
    size = scale.of(megabytes * MIB, KIB)
    contestants = [Contestant("autostore", f"our_{kind}"), Contestant("the library itself", f"own_{kind}")]
    aims = [Aim(step, "the library itself", 1 / 1.1) for step in ("write", "read")]
    if kind == "array":
        contestants.append(Contestant("np.load, mapped", "mapped_array"))
    title = f"One {'DataFrame' if kind == 'table' else 'array'} of {_size(size)}, local"
    table = race(title, __name__, contestants, scale, aims, folder=str(folder), size=size)
    table.memory = True
    return table


def _size(size: int) -> str:
    return f"{size // MIB} MiB" if size >= MIB else f"{size // KIB} KiB"


def _values(size: int) -> tuple[bytes, Any]:
    import numpy as np

    array = np.random.default_rng(1).random(size // 8)
    return array.tobytes(), array


def _many(
    size: int,
    times: int,
    write: Callable[[str, Any], Any],
    read: Callable[[str], Any],
    endings: tuple[str, str] = ("", ""),
) -> dict[str, Step]:
    data, array = _values(size)

    def written(ending: str, value: Any) -> Step:
        def run() -> None:
            for number in range(times):
                write(f"v{number}{ending}", value)

        return Step(run)

    def sums(ending: str) -> Step:
        # A mapped array costs nothing until it is used, so everybody sums up.
        def run() -> float:
            return sum(float(read(f"v{number}{ending}").sum()) for number in range(times))

        return Step(run)

    def reads(ending: str) -> Step:
        def run() -> Any:
            for number in range(times):
                last = read(f"v{number}{ending}")
            return last

        def check(last: Any) -> None:
            assert last == data

        return Step(run, None, check)

    return {
        "write bytes": written(endings[0] or "b", data),
        "read bytes": reads(endings[0] or "b"),
        "write array": written(endings[1] or "a", array),
        "read array": sums(endings[1] or "a"),
    }


def ours(folder: str, number: int, size: int, times: int) -> Steps:
    """A store, the extension in the key."""
    from autostore import AutoStore

    with AutoStore(fresh(folder, number)) as store:
        yield _many(size, times, store.__setitem__, store.__getitem__, (".bin", ".npy"))


def diskcache(folder: str, number: int, size: int, times: int) -> Steps:
    """DiskCache, with room for everything."""
    import diskcache as library

    with library.Cache(str(fresh(folder, number)), size_limit=1 << 40) as cache:
        yield _many(size, times, cache.__setitem__, cache.__getitem__)


def shelve(folder: str, number: int, size: int, times: int) -> Steps:
    """The standard library's; synchronised after each write, as the others are safe then."""
    import shelve as library

    with library.open(f"{fresh(folder, number)}/database") as database:
        yield _many(size, times, database.__setitem__, database.__getitem__)


def original(folder: str, number: int, size: int, times: int) -> Steps:
    """The original autostore: it pickles bytes."""
    from autostore.autostore import AutoStore

    store = AutoStore(str(fresh(folder, number)))
    yield _many(size, times, store.__setitem__, store.__getitem__, (".pkl", ".npy"))


def _frame(size: int) -> Any:
    import numpy as np
    import polars as pl

    random = np.random.default_rng(1)
    rows = size // 32
    groups = pl.Series("group", random.integers(0, 1000, rows, dtype=np.int32))
    columns = {
        "x": random.random(rows),
        "y": random.normal(size=rows),
        "id": np.arange(rows),
        "group": groups,
    }
    return pl.DataFrame(columns).with_columns(flag=pl.col("group") % 3 == 0)


def our_table(folder: str, number: int, size: int) -> Steps:
    """A Polars DataFrame in a store."""
    from autostore import AutoStore

    frame = _frame(size)
    with AutoStore(fresh(folder, number)) as store:

        def write() -> None:
            store["t.parquet"] = frame

        def check(read: Any) -> None:
            assert read.equals(frame)

        yield {"write": Step(write), "read": Step(lambda: store["t.parquet"], None, check)}


def own_table(folder: str, number: int, size: int) -> Steps:
    """Polars alone, to a temporary file and a rename."""
    import os

    import polars as pl

    frame, file = _frame(size), f"{fresh(folder, number)}/t.parquet"

    def write() -> None:
        frame.write_parquet(f"{file}.tmp")
        os.replace(f"{file}.tmp", file)

    yield {"write": Step(write), "read": Step(lambda: pl.read_parquet(file))}


def our_array(folder: str, number: int, size: int) -> Steps:
    """An array in a store, mapped when it is read."""
    import numpy as np

    from autostore import AutoStore

    array = np.random.default_rng(1).random(size // 8)
    with AutoStore(fresh(folder, number)) as store:

        def write() -> None:
            store["a.npy"] = array

        def check(read: Any) -> None:
            assert read.dtype == array.dtype
            assert np.array_equal(read, array)

        reads = Step(lambda: store["a.npy"], None, check)
        yield {"write": Step(write), "read": reads, "read and sum": Step(lambda: store["a.npy"].sum())}


def _own_array(folder: str, number: int, size: int, mode: str | None) -> Steps:
    import os

    import numpy as np

    array, file = np.random.default_rng(1).random(size // 8), f"{fresh(folder, number)}/a.npy"

    def write() -> None:
        with open(f"{file}.tmp", "wb") as target:
            np.save(target, array)
        os.replace(f"{file}.tmp", file)

    def load() -> Any:
        return np.load(file, mmap_mode=mode)

    yield {"write": Step(write), "read": Step(load), "read and sum": Step(lambda: load().sum())}


def own_array(folder: str, number: int, size: int) -> Steps:
    """NumPy alone, to a temporary file and a rename; read whole."""
    yield from _own_array(folder, number, size, None)


def mapped_array(folder: str, number: int, size: int) -> Steps:
    """NumPy alone, mapped."""
    yield from _own_array(folder, number, size, "r")
