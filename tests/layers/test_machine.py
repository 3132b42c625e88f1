"""A branch beside a copy of its base's dict: whatever is done, in any order, the base stays as it was."""

import shutil
import tempfile

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from autostore import AutoStore, StorageConfig
from autostore.testing import same
from tests.history.conftest import SOME
from tests.reliability.scale import measured, scaled
from tests.store.machine import NAMED, StoreMachine, bare_keys, fresh_name, keys
from tests.store.test_state_machine import REMOTE_STEPS, STEPS, settings_for
from tests.store.values import any_value

BELOW = {
    "a": {"x": 1}, "ab": "text", "a/b": [1, 2], "v1.2": b"bytes", "ünï/çödé": (1, 2), "model.v1": None,
    "full.json": {"f": 1}, "notes.txt": "a note",
}  # fmt: skip


class BranchMachine(StoreMachine):
    """All that a store does, over a base; promote and discard; and an owner who writes to the base."""

    def make_base_uri(self) -> str:
        raise NotImplementedError

    def open(self) -> AutoStore:
        return AutoStore(self.uri, self.config, base=self.base)

    def make_model(self) -> dict:
        self.base = AutoStore(self.make_base_uri(), self.config)
        self.base.update(BELOW)
        self.below = dict(BELOW)
        return dict(BELOW)

    def teardown(self):
        super().teardown()
        if hasattr(self, "base"):
            self.base.close()

    handles = st.sampled_from([0, 1])

    @rule(handle=handles)
    def promote(self, handle):
        store = self.stores[handle]
        store.promote()
        self.below = dict(self.model)
        assert store.diff() == []

    @rule(key=keys, handle=handles)
    def promote_one(self, key, handle):
        self.stores[handle].promote(key)
        for name in {key, *self.related(key)}:
            self.below.pop(name, None)
            if name in self.model:
                self.below[name] = self.model[name]

    @rule(key=keys, handle=handles)
    def discard_one(self, key, handle):
        self.stores[handle].discard(key)
        for name in {key, *self.related(key)}:
            self.model.pop(name, None)
            if name in self.below:
                self.model[name] = self.below[name]

    @rule(handle=handles)
    def discard(self, handle):
        self.stores[handle].discard()
        self.model = dict(self.below)

    @rule(handle=handles)
    def differ(self, handle):
        changed = {change.key: change.kind for change in self.stores[handle].diff()}
        for key in {*self.model, *self.below}:
            name = key.removesuffix(NAMED.get(key, ""))
            kind = changed.get(name, changed.get(key))
            if key not in self.below:
                assert kind == "added", (key, changed)
            elif key not in self.model:
                assert kind == "deleted", (key, changed)
            elif kind is None:
                assert same(self.model[key], self.below[key]), (key, changed)

    @rule(key=bare_keys, value=any_value)
    def owner_writes(self, key, value):
        """To a key that the branch did not touch: it shows through."""
        if all(change.key != key for change in self.stores[0].diff()):
            self.base[key] = value
            self.below[key] = self.model[key] = value

    def related(self, key):
        """Keys that share a file with this one: none, as the machine's names are chosen so."""
        return ()

    @invariant()
    def base_is_as_it_was(self):
        # All of its values at some steps, which the listing of the others leads to.
        if hasattr(self, "base") and self.steps % 4:
            listed = {key.removesuffix(NAMED.get(key, "")) for key in self.below}
            assert sorted(self.base.keys()) == sorted(listed)
        elif hasattr(self, "base"):
            found = dict(self.base.items())
            expected = {key.removesuffix(NAMED.get(key, "")): value for key, value in self.below.items()}
            assert sorted(found) == sorted(expected)
            assert all(same(found[key], value) for key, value in expected.items())


class LocalMachine(BranchMachine):
    def make_uri(self):
        self.folder = tempfile.mkdtemp()
        return f"{self.folder}/branch"

    def make_base_uri(self):
        return f"{self.folder}/base"

    def teardown(self):
        super().teardown()
        shutil.rmtree(getattr(self, "folder", ""), ignore_errors=True)


class KeepingMachine(LocalMachine):
    config = StorageConfig(history=True)


class MemoryMachine(BranchMachine):
    def make_uri(self):
        return f"memory://{fresh_name()}"

    make_base_uri = make_uri


@pytest.mark.timeout(scaled(300, 3600))
@pytest.mark.parametrize("machine", [LocalMachine, KeepingMachine, MemoryMachine], ids=["local", "history", "memory"])
def test_like_a_dict_over_another(machine):
    """On this machine a branch and a copied dict never differ, and its base changes by promotion only."""
    with measured(f"state machine, a branch, {machine.__name__.removesuffix('Machine').lower()}") as facts:
        facts.update(examples=scaled(20, 600), steps=STEPS, divergences=0)
        run_state_machine_as_test(machine, settings=settings_for(scaled(20, 600), STEPS))


@pytest.mark.timeout(scaled(300, 3600))
@pytest.mark.parametrize("kind", [SOME, "seaweedfs"])
def test_like_a_dict_over_another_on_s3(kind, request):
    """On S3 neither, with history on in both."""
    server = request.getfixturevalue(f"{kind}_s3")
    bucket = server.make_bucket()

    class RemoteMachine(BranchMachine):
        config = server.config(history=True)

        def make_uri(self):
            return f"s3://{bucket}/{fresh_name()}"

        make_base_uri = make_uri

    with measured(f"state machine, a branch, {kind}") as facts:
        facts.update(examples=scaled(5, 100), steps=REMOTE_STEPS, divergences=0)
        run_state_machine_as_test(RemoteMachine, settings=settings_for(scaled(5, 100), REMOTE_STEPS))
