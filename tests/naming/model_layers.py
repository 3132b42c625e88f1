"""A model of a branch over a base (`autostore/naming/layering.py`): one key, all interleavings, crashes and an owner.

Each change of the branch is made under the key's lock or claim; the base belongs to others, who write to it at any
time, and only `promote` writes there. Law 13, and what a branch promises: promote replaces only what the branch saw
when it first wrote over it, nothing that was written to the branch is lost to it, a deleted key stays deleted.
"""

import dataclasses
from collections.abc import Iterator

from tests.naming.walk import Client, Violation, walk

NONE = "none"


@dataclasses.dataclass(frozen=True)
class Place:
    """base: its ETag; top: the branch's value; saw, gone: ETag of the base's value in the file beside it; ghosts."""

    base: str = NONE
    top: str = NONE
    saw: str | None = None
    gone: str | None = None
    claim: int | None = None
    gone_id: str = NONE
    past: tuple = ()
    may: frozenset = frozenset()  # (change, state of the base that it may replace)
    acked: frozenset = frozenset()
    broken: str = ""

    def but(self, **changes) -> "Place":
        return dataclasses.replace(self, **changes)

    def with_base(self, etag: str) -> "Place":
        return self.but(base=etag, past=self.past if etag in self.past else (*self.past, etag))

    def view(self) -> str:
        return self.top if self.top != NONE else NONE if self.gone is not None else self.base


def apply(place: Place, step: tuple, who: int, running: frozenset) -> Iterator[tuple[Place, object]]:
    kind, *arguments = step
    yield from getattr(Steps, kind)(place, who, running, *arguments)


class Steps:
    def look(place, who, running):
        yield place, (place.top, place.saw, place.gone)

    def base(place, who, running):
        yield place, place.base

    def own(place, who, running, etag):
        yield place.with_base(etag), True

    def put_saw(place, who, running, saw):
        yield place.but(saw=saw), True

    def put_gone(place, who, running, saw, change):
        may = place.may | {(change, etag) for etag in place.past}
        yield place.but(gone=saw, gone_id=change, may=may), True

    def put_top(place, who, running, change, made_from):
        """`made_from`: None of a write that did not look, else what `modify` read."""
        broken = ""
        if made_from is None:
            may = {(change, etag) for etag in place.past}
        elif made_from == place.top:
            may = {(change, etag) for made, etag in place.may if made == made_from}
        else:
            may = {(change, made_from)}
            broken = f"{change}, made from the base's {made_from}, replaced {place.top}" if place.top != NONE else ""
        yield place.but(top=change, may=place.may | may, broken=place.broken or broken), True

    def drop(place, who, running, what):
        yield place.but(**{what: NONE if what == "top" else None}), True

    def drop_promoted(place, who, running, change):
        if place.top != change:
            yield place, False
        else:
            lost = change not in place.past
            yield place.but(top=NONE, broken=place.broken or (f"{change} never reached the base" if lost else "")), True

    def put_base(place, who, running, etag, condition, change):
        if condition is not None and place.base != condition:
            yield place, False
        else:
            unseen = (change, place.base) not in place.may
            broken = f"promoting {change} replaced {place.base}, which came after it" if unseen else ""
            yield place.with_base(etag).but(broken=place.broken or broken), True

    def claim(place, who, running):
        if place.claim is None or place.claim not in running:
            yield place.but(claim=who), True

    def release(place, who, running):
        yield place.but(claim=None if place.claim == who else place.claim), True

    def ack(place, who, running, what):
        yield place.but(acked=place.acked | {what}), True


class Layers:
    """The clients' programs; subclasses weaken one step."""

    def claimed(self, work):
        def run():
            yield ("claim",)
            yield from work()
            yield ("release",)

        return run

    def note_what_was_seen(self, top, saw, gone):
        """Before a value is put where the branch has none: what the base has there now."""
        if top == NONE and gone is None:
            base = yield ("base",)
            if base != NONE:
                yield ("put_saw", base)
            elif saw is not None:
                yield ("drop", "saw")

    def write(self, name: str) -> Client:
        def write():
            top, saw, gone = yield ("look",)
            yield from self.note_what_was_seen(top, saw, gone)
            yield ("put_top", name, None)
            yield ("ack", "write")

        return self.claimed(write)

    def modify(self, name: str) -> Client:
        def modify():
            for attempt in range(2):
                top, _, gone = yield ("look",)
                base = NONE if top != NONE or gone is not None else (yield ("base",))
                read = top if top != NONE else base
                if read == NONE:
                    return
                yield ("claim",)
                done = yield from self.swap(f"{name}{attempt}", top, read)
                yield ("release",)
                if done:
                    yield ("ack", "write")
                    return

        return modify

    def swap(self, name, top, read):
        now, _, gone = yield ("look",)
        if now != top:
            return False
        if top == NONE:
            if gone is not None or (yield ("base",)) != read:
                return False
            yield ("put_saw", read)
        yield ("put_top", name, read)
        return True

    def delete(self, name: str) -> Client:
        def delete():
            top, saw, gone = yield ("look",)
            base = yield ("base",)
            if top == NONE and (gone is not None or base == NONE):
                return
            seen = gone if gone is not None else (saw or NONE) if top != NONE else base
            yield from self.removed(name, top, seen, base)
            yield ("ack", "delete")

        return self.claimed(delete)

    def removed(self, name, top, seen, base):
        if base != NONE or seen != NONE:
            yield ("put_gone", seen, name)
        if top != NONE:
            yield ("drop", "top")
            yield ("drop", "saw")

    def discard(self, name: str) -> Client:
        def discard():
            for what in self.discarded():
                yield ("drop", what)

        return self.claimed(discard)

    def discarded(self):
        return "gone", "top", "saw"

    def promote(self, name: str) -> Client:
        def promote():
            top, saw, gone = yield ("look",)
            if top == NONE and gone is None:
                return
            new = top
            change = top if top != NONE else (yield from self.tombstone())
            seen = gone if gone is not None else saw or NONE
            base = yield ("base",)
            if base != new and not (yield ("put_base", new, self.condition(seen, base), change)):
                return
            yield ("drop", "gone")
            if top != NONE:
                yield ("drop_promoted", top)
                yield ("drop", "saw")
            yield ("ack", "promote")

        return self.claimed(promote)

    def tombstone(self):
        return (yield ("gone_id",))

    def condition(self, seen, base):
        return seen

    def owner(self, etag: str) -> Client:
        def own():
            yield ("own", etag)

        return own

    def reader(self) -> Client:
        """Looks at the branch first, then at the base: what it reads was there, or the walk's laws say so."""

        def read():
            top, _, gone = yield ("look",)
            if top == NONE and gone is None:
                yield ("base",)

        return read


def _gone_id(place, who, running):
    yield place, place.gone_id


Steps.gone_id = _gone_id

STARTS = {
    "base only": {},
    "written over": {"top": "v", "saw": "b0"},
    "deleted": {"gone": "b0", "gone_id": "t"},
    "deleted, written again": {"top": "v", "gone": "b0", "gone_id": "t"},
    "new": {"base": NONE, "top": "v"},
}


def start(label: str) -> Place:
    more = {"base": "b0", **STARTS[label]}
    base = more["base"]
    return Place(**more, past=(base,), may=frozenset((change, base) for change in ("v", "t")))


def scenarios(p: Layers) -> Iterator[tuple[str, list[Client], int, frozenset]]:
    """label, clients, crashes, and what may not be read: "nothing", or the "base" once a write was acknowledged."""
    w, m, d, x, o = p.write, p.modify, p.delete, p.discard, p.owner
    both, base = frozenset({"nothing", "base"}), frozenset({"base"})
    yield "writers", [w("w"), w("u")], 1, both
    yield "writer and deleter", [w("w"), d("d")], 1, base
    yield "writer, deleter, owner", [w("w"), d("d"), o("b1")], 1, base
    yield "deleter and discarder", [d("d"), x("x")], 1, frozenset()
    yield "discarder", [x("x")], 1, frozenset({"nothing"})
    yield "writer and discarder", [w("w"), x("x")], 1, frozenset({"nothing"})
    yield "modifiers, owner, promoter", [m("m"), m("n"), o("b1"), p.promote("p")], 0, frozenset()
    yield "modifier, writer, owner, promoter", [m("m"), w("w"), o("b1"), p.promote("p")], 0, frozenset()
    yield "writer, owner, two promoters", [w("w"), o("b1"), p.promote("p"), p.promote("q")], 1, frozenset()
    yield "deleter, owner, promoter", [d("d"), o("b1"), p.promote("p")], 1, frozenset()
    yield "deleter, writer, promoter", [d("d"), w("w"), p.promote("p")], 1, frozenset()
    yield "two deleters and a promoter", [d("d"), d("e"), p.promote("p")], 0, frozenset({"end"})


def run(protocol: Layers, only: str = "") -> int:
    """Walk through the scenarios whose label holds `only`; raises `Violation`."""
    total = 0
    for label, clients, crashes, never in scenarios(protocol):
        for begun in STARTS:
            if only in label:
                # Of a key that the base never had nothing is left, and what the base gets later shows.
                shows = frozenset({"base", "end", "nothing"}) if begun == "new" else frozenset()
                total += _walked(f"{begun}: {label}", start(begun), clients, crashes, never - shows)
    return total


def _walked(label: str, place: Place, clients: list[Client], crashes: int, never: frozenset) -> int:
    nothing_first = place.view() == NONE

    def check(place: Place) -> str | None:
        view = place.view()
        if "nothing" in never and view == NONE and not nothing_first:
            return "the key reads nothing, and nobody deleted it"
        if "base" in never and "write" in place.acked and view in ("b0", "b1"):
            return f"the base's {view} shows through after a write was acknowledged"
        if "end" in never and place.claim is None and "delete" in place.acked and view != NONE:
            return f"deleted, and reads {view}"
        return place.broken or None

    try:
        return walk(place, apply, check, clients, crashes)
    except Violation as error:
        raise Violation(f"[{label}] {error}") from None


if __name__ == "__main__":
    print(f"{run(Layers()):>9,} states")
