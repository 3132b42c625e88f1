"""A model of how history is kept (`autostore/naming/keeping.py`): all interleavings, crashes, stalls and lost answers.

One step of a client is one request to the place. Three places: with locks (each change is made while the
folder is locked), S3 that honours every condition, and S3 without a conditional DELETE and without a condition on a
copy's target, where each change is made under the key's claim. A claim can be lost: its holder stalls for longer
than the lease, and another takes it over; what holds then is that each removal asked just before whether it was.

Law 12: what was acknowledged is the current value, or a version that holds its very bytes, or was pruned; and nothing
is a version that never was current. `python -m tests.naming.model_history` walks through all scenarios.
"""

import dataclasses
import itertools
from collections.abc import Iterator

from tests.naming.walk import Client, Violation, walk

LOST = "the answer was lost"


@dataclasses.dataclass(frozen=True)
class Traits:
    """What a place checks; `claims`: each change is made under the claim, or the lock, of its keys."""

    delete: bool = True
    source: bool = True
    target: bool = True
    claims: bool = False


EVERY, LOCKS = Traits(), Traits(claims=True)
SOME = Traits(delete=False, source=False, target=False, claims=True)


@dataclasses.dataclass(frozen=True)
class Place:
    """files: (path, etag, id); versions: (id, etag); claims: (stem, holder, just confirmed); the rest are ghosts."""

    traits: Traits
    files: frozenset = frozenset()
    versions: frozenset = frozenset()
    claims: frozenset = frozenset()
    acked: frozenset = frozenset()
    was: frozenset = frozenset()
    pruned: frozenset = frozenset()
    missed: str = ""
    stalls: int = 0
    lost: int = 0

    def at(self, path: str) -> tuple[str, str] | None:
        return next(((etag, id) for p, etag, id in self.files if p == path), None)

    def holder(self, stem: str) -> int | None:
        return next((who for s, who, _ in self.claims if s == stem), None)

    def but(self, **changes) -> "Place":
        return dataclasses.replace(self, **changes)

    def without(self, path: str) -> frozenset:
        return frozenset(file for file in self.files if file[0] != path)


def apply(place: Place, step: tuple, who: int, running: frozenset) -> Iterator[tuple[Place, object]]:
    kind, *arguments = step
    results = list(getattr(Steps, kind)(place, who, running, *arguments))
    changes = kind in ("copy", "put", "copy_onto", "delete")
    if changes:
        results = [(after.but(claims=_unconfirmed(after.claims, who)), result) for after, result in results]
    yield from results
    if place.lost and changes:
        yield from ((after.but(lost=place.lost - 1), LOST) for after, _ in results)


def _unconfirmed(claims: frozenset, who: int) -> frozenset:
    """A claim that was confirmed is so for one change: after that its holder may stall."""
    return frozenset((stem, holder, sure and holder != who) for stem, holder, sure in claims)


class Steps:
    """What each request does at the place."""

    def list(place, who, running, stem):
        yield place, tuple(sorted((p, e) for p, e, _ in place.files if p.startswith(f"{stem}.")))

    def head(place, who, running, path):
        yield place, place.at(path)

    def copy(place, who, running, path, id, etag):
        found = place.at(path)
        if found is None or (place.traits.source and found[0] != etag):
            yield place, False
        else:
            kept = frozenset(v for v in place.versions if v[0] != id) | {(id, found[0])}
            yield place.but(versions=kept), True

    def put(place, who, running, path, etag, id, condition):
        found = place.at(path)
        if condition != "any" and (found and found[0]) != condition:
            yield place, False
        else:
            files = place.without(path) | {(path, etag, id)}
            yield place.but(files=files, was=place.was | {(id, etag)}), True

    def copy_onto(place, who, running, source, seen, target, id, condition):
        found = place.at(source)
        if found is None or (place.traits.source and found[0] != seen):
            yield place, False
        else:
            condition = condition if place.traits.target else "any"
            yield from Steps.put(place, who, running, target, seen, id, condition)

    def delete(place, who, running, path, etag):
        found = place.at(path)
        if etag is not None and place.traits.delete and (found and found[0]) != etag:
            yield place, False
        else:
            yield place.but(files=place.without(path)), True

    def list_versions(place, who, running):
        yield place, tuple(sorted(place.versions))

    def get_version(place, who, running, id):
        yield place, dict(place.versions).get(id)

    def remove_version(place, who, running, id):
        current = any(found == id for _, _, found in place.files)
        gone = frozenset(v for v in place.versions if v[0] != id)
        yield place.but(versions=gone, pruned=place.pruned | (set() if current else {id})), True

    def claim(place, who, running, stem):
        holder = place.holder(stem)
        others = frozenset(c for c in place.claims if c[0] != stem)
        if holder is None or holder not in running:
            yield place.but(claims=others | {(stem, who, False)}), True
        elif place.stalls and (stem, holder, False) in place.claims:
            yield place.but(claims=others | {(stem, who, False)}, stalls=place.stalls - 1), True

    def held(place, who, running, stem):
        if place.holder(stem) != who:
            yield place, False
        else:
            others = frozenset(c for c in place.claims if c[0] != stem)
            yield place.but(claims=others | {(stem, who, True)}), True

    def release(place, who, running, stem):
        yield place.but(claims=frozenset(c for c in place.claims if c[:2] != (stem, who))), True

    def ack(place, who, running, id):
        yield place.but(acked=place.acked | {id}), True

    def ghosts(place, who, running):
        yield place, (place.acked, place.pruned)

    def missed(place, who, running, what):
        yield place.but(missed=what), True


def law_12(place: Place) -> str | None:
    versions = dict(place.versions)
    # Two writes of the same bytes may leave one record: no value is lost.
    bytes_of, there = dict(place.was), {etag for _, etag, _ in place.files} | set(versions.values())
    current = {id for _, _, id in place.files}
    lost = {id for id in place.acked - current - set(versions) - place.pruned if bytes_of[id] not in there}
    if lost:
        return f"lost {sorted(lost)}"
    foreign = [version for version in place.versions if version not in place.was]
    return f"never current, or with other bytes: {foreign}" if foreign else place.missed or None


class Protocol:
    """The clients' programs; subclasses weaken one step."""

    def __init__(self, traits: Traits) -> None:
        self.traits = traits

    def sure(self, *step):
        """A request whose lost answer is asked for again; whether it took effect."""
        result = yield step
        if result != LOST:
            return result
        again = yield step
        if again is True:
            return True
        kind, path = step[0], step[3] if step[0] == "copy_onto" else step[1]
        if kind == "copy":
            return again
        found = yield ("head", path)
        return found is None if kind == "delete" else found is not None and found[1] == step[-2]

    def keep(self, path, found):
        if not (yield from self.still_held(path)):
            return False
        return (yield from self.sure("copy", path, found[1], found[0]))

    def remove(self, path, found):
        """Keep and remove exactly this version; whether that was done."""
        if not (yield from self.keep(path, found)):
            return False
        if not self.traits.delete:
            now = yield ("head", path)
            if now is None or now[0] != found[0]:
                return False
        if not (yield from self.still_held(path)):
            return False
        return (yield from self.sure("delete", path, found[0] if self.traits.delete else None))

    def still_held(self, path):
        """Asked before each request that the place does not check itself; a stall after it is shorter than a lease."""
        if not self.traits.claims:
            return True
        return (yield ("held", path.partition(".")[0]))

    def claimed(self, stems, work):
        if not self.traits.claims:
            return (yield from work())
        for stem in sorted(stems):
            yield ("claim", stem)
        done = yield from work()
        for stem in stems:
            yield ("release", stem)
        return done

    def replace(self, path, etag, id, found):
        """Publish over exactly what was seen, after it was kept."""
        if found is not None and not (yield from self.keep(path, found)):
            return False
        if not (yield from self.still_held(path)):
            return False
        return (yield from self.sure("put", path, etag, id, found and found[0]))

    def write(self, name: str, path: str, etag: str = "") -> Client:
        stem = path.partition(".")[0]

        def write():
            for attempt in itertools.count(1):
                if attempt > 3:
                    return
                id = f"{name}{attempt}"
                if (yield from self.claimed([stem], lambda new=id: once(new))):
                    yield ("ack", id)
                    return

        def once(id):
            listed = yield ("list", stem)
            others = [p for p, _ in listed if p != path]
            if others and not self.traits.claims:
                yield ("claim", stem)
            seen = {}
            for p, _ in listed:
                seen[p] = yield ("head", p)
            done = yield from self.replace(path, etag or f"e{name}", id, seen.get(path))
            for other in others:
                if done and seen[other]:
                    yield from self.remove(other, seen[other])
            if others and not self.traits.claims:
                yield ("release", stem)
            return done

        return write

    def swap(self, name: str, path: str) -> Client:
        """`modify`: what was read is replaced, or nothing."""

        def once(id):
            found = yield ("head", path)
            return found and (yield from self.replace(path, f"e{name}", id, found))

        def swap():
            for attempt in range(3):
                id = f"{name}{attempt}"
                if (yield from self.claimed([path.partition(".")[0]], lambda new=id: once(new))):
                    yield ("ack", id)
                    return

        return swap

    def delete(self, name: str, stem: str) -> Client:
        def once():
            listed = yield ("list", stem)
            if len(listed) > 1 and not self.traits.claims:
                yield ("claim", stem)
            for path, _ in listed:
                found = yield ("head", path)
                if found and not (yield from self.remove(path, found)):
                    break
            if len(listed) > 1 and not self.traits.claims:
                yield ("release", stem)

        return lambda: self.claimed([stem], once)

    def move(self, name: str, source: str, target: str) -> Client:
        """A write of the target, then a removal of exactly what was copied."""

        def once(id):
            found, there = (yield ("head", source)), (yield ("head", target))
            if found is None or (there and not (yield from self.keep(target, there))):
                return False
            if not (yield from self.still_held(target)) or not (
                yield from self.sure("copy_onto", source, found[0], target, id, there and there[0])
            ):
                return False
            yield ("ack", id)
            yield from self.remove(source, found)
            return True

        def move():
            for attempt in range(2):
                stems = [source.partition(".")[0], target.partition(".")[0]]
                if (yield from self.claimed(stems, lambda attempt=attempt: once(f"{name}{attempt}"))):
                    return

        return move

    def restore(self, name: str, version: str, path: str) -> Client:
        def restore():
            etag = yield ("get_version", version)
            if etag is not None:
                yield from self.write(name, path, etag)()

        return restore

    def prune(self, name: str, stem: str, keep: int) -> Client:
        def prune():
            kept = yield ("list_versions",)
            current = yield from self.current(stem)
            old = sorted((id for id, _ in kept if id not in current), reverse=True)
            for id in old[max(keep - bool(current), 0) :]:
                yield ("remove_version", id)

        return prune

    def versions(self, name: str, stem: str) -> Client:
        """Whoever lists finds all that was acknowledged before."""

        def versions():
            acked, _ = yield ("ghosts",)
            current = yield from self.current(stem)
            kept = yield ("list_versions",)
            _, pruned = yield ("ghosts",)
            missed = acked - current - {id for id, _ in kept} - pruned
            if missed:
                yield ("missed", f"versions() misses {sorted(missed)}")

        return versions

    def current(self, stem):
        """The ids of the key's files; looked at again where one vanished."""
        for _ in range(4):
            found = []
            for path, _ in (yield ("list", stem)):
                found.append((yield ("head", path)))
            if None not in found:
                break
        return {file[1] for file in found if file}


def start(traits: Traits, files: dict, **more) -> Place:
    """A place where these files lie, `path -> (etag, id)`, and one old version of each stem."""
    there = frozenset((path, *file) for path, file in files.items())
    first = {("a0", "e-first")}
    written = {(id, etag) for _, etag, id in there} | first
    return Place(
        traits, there, frozenset(first), acked=frozenset(id for id, _ in written), was=frozenset(written), **more
    )


ONE = {"k.json": ("e1", "b1")}
TWO = {"k.json": ("e1", "b1"), "k.npy": ("e2", "b2")}


def scenarios(p: Protocol) -> Iterator[tuple[str, dict, list[Client], int]]:
    w, d = p.write, p.delete
    for label, files in [("one file", ONE), ("two files", TWO)]:
        yield f"{label}: two writers", files, [w("m", "k.json"), w("n", "k.json")], 1
        yield f"{label}: two formats", files, [w("m", "k.npy"), w("n", "k.txt")], 1
        yield f"{label}: writer and deleter", files, [w("m", "k.json"), d("d", "k")], 1
        yield f"{label}: format and deleter", files, [w("m", "k.npy"), d("d", "k")], 1
        yield f"{label}: writer and swapper", files, [w("m", "k.npy"), p.swap("s", "k.json")], 1
        yield f"{label}: swapper and deleter", files, [p.swap("s", "k.json"), d("d", "k")], 1
        yield f"{label}: writer and lister", files, [w("m", "k.npy"), p.versions("l", "k")], 1
        yield f"{label}: deleter and lister", files, [d("d", "k"), p.versions("l", "k")], 1
        yield f"{label}: writer and pruner", files, [w("m", "k.json"), p.prune("p", "k", 0)], 1
        yield f"{label}: same bytes", files, [w("m", "k.json", "e1"), w("n", "k.json")], 1
    yield "three writers", ONE, [w("m", "k.json"), w("n", "k.json"), w("o", "k.json")], 0
    yield "writers and deleter", ONE, [w("m", "k.json"), w("n", "k.json"), d("d", "k")], 0
    yield "writers and pruner", ONE, [w("m", "k.json"), w("n", "k.json"), p.prune("p", "k", 0)], 0
    yield "restorer and pruner", ONE, [w("m", "k.json"), p.restore("r", "a0", "k.json"), p.prune("p", "k", 1)], 0
    yield "two pruners", ONE, [w("m", "k.json"), p.prune("p", "k", 1), p.prune("q", "k", 0)], 0
    yield "mover and writer of the target", MOVED, [p.move("v", "k.json", "t.json"), w("m", "t.json")], 1
    yield "mover and writer of the source", MOVED, [p.move("v", "k.json", "t.json"), w("m", "k.json")], 1
    yield "movers there and back", MOVED, [p.move("v", "k.json", "t.json"), p.move("u", "t.json", "k.json")], 1
    yield "mover and deleter", MOVED, [p.move("v", "k.json", "t.json"), d("d", "t")], 1


MOVED = {"k.json": ("e1", "b1"), "t.json": ("e3", "b3")}


def run(protocol: Protocol, only: str = "", **more) -> int:
    """Walk through the scenarios whose label holds `only`; raises `Violation`."""
    total = 0
    for label, files, clients, crashes in scenarios(protocol):
        if only in label:
            try:
                total += walk(start(protocol.traits, files, **more), apply, law_12, clients, crashes)
            except Violation as error:
                raise Violation(f"[{label}] {error}") from None
    return total


if __name__ == "__main__":
    for name, traits in [("every condition", EVERY), ("some conditions", SOME), ("locks", LOCKS)]:
        for more in [{}, {"lost": 1}] + ([{"stalls": 1}] if traits is SOME else []):
            print(f"{run(Protocol(traits), **more):>9,} states  {name} {more}", flush=True)
