"""History's protocol, walked through: law 12 holds on three places, and not without any one of its steps."""

import pytest

from tests.naming.model_history import EVERY, LOCKS, SOME, Protocol, Traits, run
from tests.naming.walk import Violation


@pytest.mark.parametrize("traits", [EVERY, SOME, LOCKS], ids=["every condition", "some conditions", "locks"])
def test_no_interleaving_loses_what_was_acknowledged(traits):
    """Whatever writers, deleters, movers, restorers, pruners and crashes do, each acknowledged value is found."""
    assert run(Protocol(traits)) > 10_000


@pytest.mark.parametrize("traits", [EVERY, SOME], ids=["every condition", "some conditions"])
@pytest.mark.parametrize("only", ["one file: two writers", "one file: writer and deleter", "mover and writer"])
def test_lost_answers(traits, only):
    """A request whose answer was lost is asked for again, and nothing is lost by that."""
    assert run(Protocol(traits), only, lost=1) > 500


@pytest.mark.parametrize("only", ["one file: ", "mover"])
def test_a_client_that_stalls_beyond_its_lease(only):
    """Whoever wakes up after another took the claim over changes nothing."""
    assert run(Protocol(SOME), only, stalls=1) > 5_000


class ReplacesFirst(Protocol):
    """Keeps what was replaced afterwards."""

    def replace(self, path, etag, id, found):
        done = yield ("put", path, etag, id, found and found[0])
        if done and found:
            yield ("copy", path, found[1], etag)
        return done


class ReplacesBlindly(Protocol):
    """Publishes over whatever is there by now."""

    def replace(self, path, etag, id, found):
        if found is not None and not (yield from self.keep(path, found)):
            return False
        return (yield ("put", path, etag, id, "any"))


class RemovesBlindly(Protocol):
    """Keeps what was seen, and removes whatever is there by now."""

    def remove(self, path, found):
        return (yield from self.keep(path, found)) and (yield ("delete", path, None))


class RemovesUnkept(Protocol):
    """Keeps what is replaced only."""

    def remove(self, path, found):
        return (yield ("delete", path, found[0]))


class AsksNot(Protocol):
    """Trusts a claim that it took long ago."""

    def still_held(self, path):
        return True
        yield


class PrunesTheCurrent(Protocol):
    """Takes a version that equals the current value for an old one."""

    def prune(self, name, stem, keep):
        def prune():
            for id, _ in (yield ("list_versions",)):
                yield ("remove_version", id)

        return prune


class PrunesByAnOldLook(Protocol):
    """Looks at the current value before it lists the versions."""

    def prune(self, name, stem, keep):
        def prune():
            current = yield from self.current(stem)
            for id, _ in (yield ("list_versions",)):
                if id not in current:
                    yield ("remove_version", id)

        return prune


class ListsVersionsFirst(Protocol):
    """Looks at the current value after the versions."""

    def versions(self, name, stem):
        def versions():
            acked, _ = yield ("ghosts",)
            kept = yield ("list_versions",)
            current = yield from self.current(stem)
            missed = acked - current - {id for id, _ in kept}
            if missed:
                yield ("missed", f"versions() misses {sorted(missed)}")

        return versions


UNCHECKED_SOURCE = Traits(source=False)
UNCHECKED_TARGET = Traits(target=False)
UNCHECKED_DELETE = Traits(delete=False)


@pytest.mark.parametrize(
    ("weak", "only", "more"),
    [
        (ReplacesFirst(EVERY), "two writers", {}),
        (ReplacesBlindly(EVERY), "two writers", {}),
        (RemovesBlindly(EVERY), "writer and deleter", {}),
        (RemovesUnkept(EVERY), "writer and deleter", {}),
        (AsksNot(SOME), "writer and deleter", {"stalls": 1}),
        (PrunesTheCurrent(EVERY), "writer and pruner", {}),
        (PrunesByAnOldLook(EVERY), "writers and pruner", {}),
        (ListsVersionsFirst(EVERY), "writer and lister", {}),
        (Protocol(UNCHECKED_SOURCE), "two writers", {}),
        (Protocol(UNCHECKED_TARGET), "mover and writer", {}),
        (Protocol(UNCHECKED_DELETE), "writer and deleter", {}),
    ],
    ids=lambda case: type(case).__name__ if isinstance(case, Protocol) else "",
)
def test_a_weaker_protocol_is_noticed(weak, only, more):
    """Without any one of its steps, or on a place that checks less, a value is lost, and the walk finds it."""
    with pytest.raises(Violation):
        run(weak, only, **more)
