"""A model of `autostore/publishing.py` without locks: all interleavings, a crash at every step.

Processes (writers of one key in different formats, deleters, readers, and swappers, which
read and then write conditionally, as `modify` does) take atomic steps, each
one request to the place. The place is the hardest one: its listing carries no marks, and it
cannot delete conditionally, so a conditional delete is a look and then a blind delete.

State of the place: format -> (writer, mark time). Run `python -m tests.naming.model_publishing`
to walk through all scenarios; `test_model_publishing.py` does the same, and breaks the
protocol on purpose to see the walk notice.
"""

import dataclasses
import itertools
from collections.abc import Iterator

Files = tuple[tuple[str, tuple[str, int]], ...]


@dataclasses.dataclass(frozen=True)
class Process:
    """One client's place in its program; `seen` is what it learned."""

    name: str
    kind: str  # write, swap, delete or read
    format: str = ""
    skew: int = 0  # how far its clock is off
    step: str = "start"
    seen: tuple = ()  # formats listed, then (format, writer, time) of those with a look at their marks
    todo: tuple = ()
    result: str = ""


@dataclasses.dataclass(frozen=True)
class World:
    files: Files
    processes: tuple[Process, ...]
    clock: int
    crashes: int
    before: frozenset  # (a, b): a ended before b started


class Violation(AssertionError):
    """The protocol broke a law."""


CLAIM = "claim"


def listed(files: dict) -> tuple[str, ...]:
    return tuple(sorted(f for f in files if f != CLAIM))


def newest(files: Files) -> str:
    values = [entry for entry in files if entry[0] != CLAIM]
    return max(values, key=lambda entry: entry[1][1])[1][0] if values else ""


def _to(process: Process, step: str) -> Process:
    return dataclasses.replace(process, step=step, todo=())


class Protocol:
    """The steps of the clients; subclasses break one of them."""

    def step(self, world: World, process: Process) -> Iterator[tuple[Files, Process]]:
        yield getattr(self, f"{process.kind}_{process.step}")(dict(world.files), process, world)

    # -- a writer: list; where the format changes: claim, list and look at marks; publish;
    # -- with the claim: per other file look again and delete; release -------------------------

    def write_start(self, files, p, world):
        changes = any(f != p.format for f in listed(files))
        return files, dataclasses.replace(p, step="claim" if changes else "put")

    def write_claim(self, files, p, world):
        holder = files.get(CLAIM, ("", 0))[0]
        if any(other.name == holder and other.step != "crashed" for other in world.processes):
            return files, p  # waits; the claim of a crashed client expires
        return {**files, CLAIM: (p.name, 0)}, _to(p, "list")

    def write_list(self, files, p, world):
        others = [f for f in listed(files) if f != p.format]
        return files, dataclasses.replace(p, step="marks", todo=listed(files)) if others else _to(p, "put")

    def write_marks(self, files, p, world):
        first, rest = p.todo[0], p.todo[1:]
        seen = (*p.seen, (first, *files[first])) if first in files else p.seen
        return files, dataclasses.replace(p, seen=seen, todo=rest, step="marks" if rest else "put")

    def write_put(self, files, p, world):
        time = max([world.clock + p.skew, *(t + 1 for _, _, t in p.seen)])
        files[p.format] = (p.name, time)
        if not self.may_delete(files, p):
            return files, _to(p, "done")
        return files, self._next(p, tuple(entry for entry in p.seen if entry[0] != p.format))

    def may_delete(self, files, p):
        return files.get(CLAIM) == (p.name, 0)

    def write_look(self, files, p, world):
        format, *version = p.todo[0]
        same = files.get(format) == tuple(version)
        return files, dataclasses.replace(p, step="delete") if same else self._next(p, p.todo[1:])

    def write_delete(self, files, p, world):
        files.pop(p.todo[0][0], None)
        return files, self._next(p, p.todo[1:])

    def write_release(self, files, p, world):
        files.pop(CLAIM)
        return files, _to(p, "done")

    def _next(self, p, todo):
        return dataclasses.replace(p, todo=todo, step="look" if todo else "release")

    # -- a deleter: list; where several files answer: claim, list, look at marks, remove the
    # -- older ones as a writer does; then the value -------------------------------------------

    def delete_start(self, files, p, world):
        if len(listed(files)) > 1:
            return files, _to(p, "claim")
        return files, dataclasses.replace(p, todo=listed(files), step="value")

    delete_claim = write_claim

    def delete_list(self, files, p, world):
        return files, dataclasses.replace(p, todo=listed(files), step="marks" if listed(files) else "release")

    def delete_marks(self, files, p, world):
        p = self.write_marks(files, p, world)[1]
        if p.step == "put":
            ordered = sorted(p.seen, key=lambda entry: entry[2])
            p = dataclasses.replace(p, todo=tuple(ordered), step="older" if len(ordered) > 1 else "value")
        return files, p

    def delete_older(self, files, p, world):
        format, *version = p.todo[0]
        if files.get(format) == tuple(version):
            return files, dataclasses.replace(p, step="remove")
        return files, self._after_older(p)

    def delete_remove(self, files, p, world):
        files.pop(p.todo[0][0], None)
        return files, self._after_older(p)

    def _after_older(self, p):
        return dataclasses.replace(p, todo=p.todo[1:], step="older" if len(p.todo) > 2 else "value")

    def delete_value(self, files, p, world):
        for entry in p.todo:
            files.pop(entry if isinstance(entry, str) else entry[0], None)
        return files, dataclasses.replace(p, step="release" if self.may_delete(files, p) else "done", todo=())

    delete_release = write_release

    # -- a reader: list, look at marks where there are several, get; again where it is gone ------

    def read_start(self, files, p, world):
        found = listed(files)
        if not found:
            return files, dataclasses.replace(p, step="done", result="absent")
        return files, dataclasses.replace(p, seen=(), todo=found, step="get" if len(found) == 1 else "marks")

    def read_marks(self, files, p, world):
        p = self.write_marks(files, p, world)[1]
        if p.step == "put" and not p.seen:
            return files, dataclasses.replace(p, step="start", todo=())
        if p.step == "put":
            chosen = max(p.seen, key=lambda entry: entry[2])[0]
            p = dataclasses.replace(p, step="get", todo=(chosen,))
        return files, p

    def read_get(self, files, p, world):
        if p.todo[0] not in files:
            return files, dataclasses.replace(p, step="start", seen=(), todo=())
        return files, dataclasses.replace(p, step="done", result=files[p.todo[0]][0])

    # -- a swapper: as a reader; then it puts, with the mark's time that it saw, if nobody put since --

    def swap_start(self, files, p, world):
        step = "get" if len(listed(files)) == 1 else "marks"
        return files, dataclasses.replace(p, seen=(), todo=listed(files), step=step)

    swap_again = swap_start

    def swap_marks(self, files, p, world):
        p = self.write_marks(files, p, world)[1]
        if p.step == "put" and not p.seen:
            return files, _to(p, "again")
        if p.step == "put":
            p = dataclasses.replace(p, step="get", todo=(max(p.seen, key=lambda entry: entry[2])[0],))
        return files, p

    def swap_get(self, files, p, world):
        format = p.todo[0]
        if format not in files:
            return files, _to(p, "again")
        return files, dataclasses.replace(p, step="put", todo=(), seen=((format, *files[format]),))

    def swap_put(self, files, p, world):
        format, *version = p.seen[0]
        if files.get(format) != tuple(version):
            return files, _to(p, "again")
        files[format] = (p.name, self.swap_time(world, p, version[1]))
        return files, dataclasses.replace(p, step="done", result=version[0])

    def swap_time(self, world, p, seen):
        return seen


def explore(protocol: Protocol, files: dict, processes: list[Process], crashes: int) -> int:
    """Walk through every reachable state; raises `Violation`, returns the number of states."""
    first = World(tuple(sorted(files.items())), tuple(processes), 10, crashes, frozenset())
    todo, known = [first], {first}
    while todo:
        world = todo.pop()
        for following in successors(protocol, world):
            check(following)
            if following not in known:
                known.add(following)
                todo.append(following)
    return len(known)


def successors(protocol: Protocol, world: World) -> Iterator[World]:
    for index, process in enumerate(world.processes):
        if process.step in ("done", "crashed"):
            continue
        before = world.before
        if process.step == "start" and not process.seen:
            before |= {(other.name, process.name) for other in world.processes if other.step == "done"}
        for files, moved in protocol.step(world, process):
            yield _replaced(world, index, moved, files, before, world.crashes)
        if world.crashes and process.kind != "read" and process.step != "start":
            crashed = dataclasses.replace(process, step="crashed")
            yield _replaced(world, index, crashed, dict(world.files), before, world.crashes - 1)


def _replaced(world, index, process, files, before, crashes):
    processes = (*world.processes[:index], process, *world.processes[index + 1 :])
    return World(tuple(sorted(files.items())), processes, min(world.clock + 1, 30), crashes, before)


def check(world: World) -> None:
    """The laws that hold in every state."""
    by_name = {p.name: p for p in world.processes}
    deleters = [p for p in world.processes if p.kind == "delete"]
    if not newest(world.files) and not any(p.step != "start" for p in deleters):
        raise Violation(f"the key reads nothing: {world}")
    for reader in world.processes:
        if reader.kind == "read" and reader.step == "done":
            _check_value(world, by_name, reader.result, reader.name, "a reader got")
    if all(p.step in ("done", "crashed") for p in world.processes):
        _check_value(world, by_name, newest(world.files) or "absent", None, "at the end there is")


def _check_value(world: World, by_name: dict, value: str, reader: str | None, what: str) -> None:
    """The value was not replaced by a change that began after it was acknowledged and ended before the reader."""
    if value == "absent":
        deleters = [p.name for p in world.processes if p.kind == "delete"]
        values = [d for d in deleters if not _replaced_by(world, d, reader)]
        if not values:
            raise Violation(f"{what} nothing, though it was written: {world}")
    elif _replaced_by(world, value, reader) and not _crashed_writer(by_name, value):
        raise Violation(f"{what} the replaced {value}: {world}")
    elif value in by_name and by_name[value].kind == "swap":
        _check_swap(world, by_name[value], reader, what)


def _check_swap(world: World, swapper: Process, reader: str | None, what: str) -> None:
    """Nobody's acknowledged change came between what was read and what was put for it."""
    for process in world.processes:
        ended = process.step == "done" and (reader is None or (process.name, reader) in world.before)
        own = process.name in (swapper.name, swapper.result)
        later = swapper.result == "old" or (swapper.result, process.name) in world.before
        if process.kind in ("write", "swap") and ended and later and not own:
            raise Violation(f"{what} {swapper.name}, which never saw {process.name}: {world}")


def _replaced_by(world: World, value: str, reader: str | None) -> bool:
    if value == "older":  # replaced before the walk began
        return True
    for process in world.processes:
        later = value == "old" or (value, process.name) in world.before
        ended = process.step == "done" and (reader is None or (process.name, reader) in world.before)
        if process.kind != "read" and process.name != value and later and ended:
            return True
    return False


def _crashed_writer(by_name: dict, value: str) -> bool:
    return value in by_name and by_name[value].step == "crashed"


def scenarios() -> Iterator[tuple[str, dict, list[Process], int]]:
    one, two = {"json": ("old", 1)}, {"json": ("older", 1), "npy": ("old", 2)}
    for (label, files), skews in itertools.product(
        [("one file", one), ("a crash left two", two)], [(0, 0, 0), (0, -8, 0), (-8, 0, 9)]
    ):

        def writers(*formats, skews=skews):
            return [Process(f"w{i}", "write", f, skews[i]) for i, f in enumerate(formats)]

        for pair in [("npy", "txt"), ("npy", "json"), ("json", "npy"), ("npy", "npy")]:
            yield f"{label}, writers {pair} {skews}", files, writers(*pair), 1
            yield f"{label}, writers {pair} and reader {skews}", files, [*writers(*pair), Process("r", "read")], 1
        swapper = Process("s", "swap", skew=skews[2])
        for format in ["npy", "json"]:
            yield f"{label}, writer {format} and swapper {skews}", files, [*writers(format), swapper], 1
        yield f"{label}, two writers, three formats, swapper {skews}", files, [*writers("npy", "txt"), swapper], 1
        yield f"{label}, writer, swapper, reader {skews}", files, [*writers("npy"), swapper, Process("r", "read")], 1
        two_swap = [swapper, dataclasses.replace(swapper, name="t")]
        yield f"{label}, writer and two swappers {skews}", files, [*writers("npy"), *two_swap], 1
        yield f"{label}, three writers {skews}", files, writers("npy", "txt", "json"), 1
        yield f"{label}, writer and deleter {skews}", files, [*writers("npy"), Process("d", "delete")], 1


if __name__ == "__main__":
    for label, files, processes, crashes in scenarios():
        print(f"{explore(Protocol(), files, processes, crashes):>9,} states  {label}")
