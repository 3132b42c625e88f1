"""1,000 small dicts on a local disk, and a read among many keys: ours, the limit, and the small databases."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.competitors import fresh, read_json, write_json
from benchmarks.measure import Aim
from benchmarks.race import Scale, Table, race
from benchmarks.steps import Contestant, Step

NAME = "small_objects"
Steps = Iterator[dict[str, Step]]
SINGLE_READS = 50
"""How often "open, read one" opens: that many processes that each want one value."""


def tables(scale: Scale, folder: Path, _servers: Any) -> list[Table]:
    """Ours with the extension in the key against all others; without it against the limit."""
    count = scale.of(1000, 10)
    others = ["shelve", "diskcache", "tinydb", "pickledb", "sqlitedict"]
    rivals = [Contestant(name, name) for name in others] + [Contestant("original", "original", original=True)]
    raw = Contestant("raw json + rename", "raw")
    named = [Contestant("autostore", "ours", {"ending": ".json"}), raw, *rivals]
    bare = [Contestant("autostore", "ours", {"ending": ""}), raw]
    aims = [Aim("write", "raw json + rename", 0.6), Aim("read", "raw json + rename", 0.6)]
    aims += [Aim("read", name, 3.0) for name in ("tinydb", "pickledb", "sqlitedict", "original")]
    bare_aims = [Aim("write", "raw json + rename", 0.6), Aim("read", "raw json + rename", 0.5)]
    bare_aims += [Aim("read again", "raw json + rename", 0.5)]
    common = {"folder": str(folder), "count": count}
    return [
        race(f"{count:,} small dicts, local, extension in the key", __name__, named, scale, aims, **common),
        race(f"{count:,} small dicts, local, bare keys", __name__, bare, scale, bare_aims, **common),
        _many_keys(scale, folder),
    ]


def _many_keys(scale: Scale, folder: Path) -> Table:
    """The same reads among 100 keys (first) and among 100,000: speed 0.77 is 1.3 times as long."""
    many = scale.of(100_000, 200)
    contestants = [
        Contestant("autostore", "among", {"keys": many}),
        Contestant("among 100 keys", "among", {"keys": 100}),
    ]
    title = f"Reads among {many:,} keys in one folder"
    aims = [Aim(step, "among 100 keys", 1 / 1.3) for step in ("read, named", "read, bare")]
    return race(title, __name__, contestants, scale, aims, folder=str(folder), reads=scale.of(1000, 10))


def value(number: int) -> dict[str, Any]:
    """About 100 bytes of JSON."""
    return {"id": number, "name": f"item {number}", "score": number / 7, "tags": ["a", "b"], "on": True}


def _shuffled(count: int) -> list[int]:
    numbers = list(range(count))
    random.Random(1).shuffle(numbers)
    return numbers


def _steps(
    count: int,
    reset: Callable[[], Any],
    reopen: Callable[[], Any],
    write: Callable[[int], Any],
    read: Callable[[int], Any],
) -> dict[str, Step]:
    """The same four steps for everyone: into an empty place, a fresh handle, the same handle, a handle for each."""
    numbers = _shuffled(count)

    def write_all() -> None:
        for number in range(count):
            write(number)

    def read_all() -> None:
        for number in numbers:
            read(number)

    def read_single() -> None:
        for number in numbers[:SINGLE_READS]:
            reopen()
            read(number)

    def check(_: Any) -> None:
        assert read(3) == value(3)

    return {
        "write": Step(write_all, reset, check),
        "read": Step(read_all, reopen, check),
        "read again": Step(read_all, None, check),
        "open, read one": Step(read_single, None, check),
    }


class Rounds:
    """An empty folder for each round; nothing is removed before the end of the run.

    ext4 looks at each inode that was freed in the last half minute before it makes a new
    file: after the removal of a thousand files that costs more than all that is measured.
    """

    def __init__(self, folder: str, number: int) -> None:
        self._own = fresh(folder, number)
        self._turn = 0
        self.next()

    def next(self) -> str:
        """A new folder."""
        self._turn += 1
        self.path = f"{self._own}/{self._turn}"
        Path(self.path).mkdir()
        return self.path


def ours(folder: str, count: int, number: int, ending: str) -> Steps:
    """A store, its handle made anew before the reads: bare keys are then not known yet."""
    from autostore import AutoStore

    rounds = Rounds(folder, number)
    held = [AutoStore(rounds.path)]

    def reset() -> None:
        held[0].close()
        held[0] = AutoStore(rounds.next())

    def reopen() -> None:
        held[0].close()
        held[0] = AutoStore(rounds.path)

    def write(item: int) -> None:
        held[0][f"k{item}{ending}"] = value(item)

    yield _steps(count, reset, reopen, write, lambda item: held[0][f"k{item}{ending}"])
    held[0].close()


def raw(folder: str, count: int, number: int) -> Steps:
    """One file for each key, with nothing but json, open and rename: the limit."""
    rounds = Rounds(folder, number)
    yield _steps(
        count,
        rounds.next,
        lambda: None,
        lambda item: write_json(f"{rounds.path}/k{item}.json", value(item)),
        lambda item: read_json(f"{rounds.path}/k{item}.json"),
    )


def _database(
    folder: str,
    count: int,
    number: int,
    open_it: Callable[[str], Any],
    write: Callable[[Any, str, Any], Any],
    read: Callable[[Any, str], Any] = lambda database, key: database[key],
    close: Callable[[Any], Any] = lambda database: database.close(),
) -> Steps:
    rounds = Rounds(folder, number)
    held = [open_it(f"{rounds.path}/database")]

    def reset() -> None:
        close(held[0])
        held[0] = open_it(f"{rounds.next()}/database")

    def reopen() -> None:
        close(held[0])
        held[0] = open_it(f"{rounds.path}/database")

    steps = _steps(
        count,
        reset,
        reopen,
        lambda item: write(held[0], f"k{item}", value(item)),
        lambda item: read(held[0], f"k{item}"),
    )
    yield steps
    close(held[0])


def _set(database: Any, key: str, item: Any) -> None:
    database[key] = item


def shelve(folder: str, count: int, number: int) -> Steps:
    """The standard library's, one pickle for each key in a dbm file; no write is safe before it is closed."""
    import shelve as library

    yield from _database(folder, count, number, library.open, _set)


def diskcache(folder: str, count: int, number: int) -> Steps:
    """DiskCache: SQLite and pickles."""
    import diskcache as library

    yield from _database(folder, count, number, library.Cache, _set)


def sqlitedict(folder: str, count: int, number: int) -> Steps:
    """SQLiteDict, committing each write."""
    import sqlitedict as library

    yield from _database(folder, count, number, lambda file: library.SqliteDict(file, autocommit=True), _set)


def tinydb(folder: str, count: int, number: int) -> Steps:
    """TinyDB as its documentation begins: one JSON file, read whole for each query."""
    import tinydb as library

    def read(database: Any, key: str) -> Any:
        return database.get(library.where("key") == key)["value"]

    def write(database: Any, key: str, item: Any) -> None:
        database.insert({"key": key, "value": item})

    yield from _database(folder, count, number, library.TinyDB, write, read)


def pickledb(folder: str, count: int, number: int) -> Steps:
    """PickleDB: one JSON file held whole in memory, saved after each write as the others do."""
    import pickledb as library

    def open_it(file: str) -> Any:
        database = library.PickleDB(file)
        load = getattr(database, "load", None)
        if load is not None and Path(file).exists():
            load()
        return database

    def write(database: Any, key: str, item: Any) -> None:
        database.set(key, item)
        database.save()

    yield from _database(folder, count, number, open_it, write, lambda database, key: database.get(key), lambda _: None)


def original(folder: str, count: int, number: int) -> Steps:
    """The original autostore, with the extension in the key."""
    from autostore.autostore import AutoStore

    def open_it(file: str) -> Any:
        return AutoStore(file)

    def write(store: Any, key: str, item: Any) -> None:
        store[f"{key}.json"] = item

    yield from _database(
        folder, count, number, open_it, write, lambda store, key: store[f"{key}.json"], lambda store: store.cleanup()
    )


def among(folder: str, number: int, keys: int, reads: int) -> Steps:
    """1,000 reads by a fresh handle in a folder of so many files, from the page cache."""
    from autostore import AutoStore

    own = fresh(folder, number)
    for item in range(keys):
        (own / f"k{item}.json").write_text('{"a": 1}')
    chosen = random.Random(2).choices(range(keys), k=reads)
    marked = min(keys, 100)  # written by us, so that a bare key is what it is for a user
    held = [AutoStore(own)]
    step = keys // marked
    for item in range(0, marked * step, step):
        held[0][f"b{item}"] = {"a": 1}
    bare = [item * step for item in random.Random(3).choices(range(marked), k=reads)]

    def reopen() -> None:
        held[0] = AutoStore(own)

    def named_reads() -> None:
        for item in chosen:
            held[0][f"k{item}.json"]

    def bare_reads() -> None:
        for item in bare:
            held[0][f"b{item}"]

    named_reads()
    yield {"read, named": Step(named_reads, reopen), "read, bare": Step(bare_reads, reopen)}
    held[0].close()
