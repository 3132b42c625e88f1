"""A store with history beside a dict of lists: whatever is done, in any order, each value that was is found."""

import shutil
import tempfile

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from autostore import AutoStore, StorageConfig
from autostore.testing import same
from tests.history.conftest import SOME
from tests.reliability.scale import measured, scaled
from tests.store.machine import StoreMachine, bare_keys, fresh_name, keys
from tests.store.test_state_machine import REMOTE_STEPS, STEPS, settings_for


class Past(dict):
    """A dict that remembers, key by key, what was replaced or removed, oldest first."""

    def __init__(self):
        super().__init__()
        self.lists = {}

    def _remember(self, key):
        if key in self:
            self.lists.setdefault(key, []).append(self[key])

    def __setitem__(self, key, value):
        self._remember(key)
        super().__setitem__(key, value)

    def __delitem__(self, key):
        self._remember(key)
        super().__delitem__(key)

    def pop(self, key, *default):
        self._remember(key)
        return super().pop(key, *default)

    def setdefault(self, key, default):
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, values):
        for key, value in values.items():
            self[key] = value

    def every(self, key):
        """All values that the key had, newest first."""
        return [*([self[key]] if key in self else []), *reversed(self.lists.get(key, []))]


class HistoryMachine(StoreMachine):
    """All that a store does, and what it remembers of it."""

    config = StorageConfig(history=True)

    def make_model(self):
        return Past()

    handles = st.sampled_from([0, 1])

    @rule(key=keys, handle=handles)
    def look_back(self, key, handle):
        store = self.stores[handle]
        versions = store.versions(key)
        found = [store.read(key, version=version.id) for version in versions]
        assert same(found, self.model.every(key)), (key, found, self.model.every(key))
        assert [version.current for version in versions] == [
            key in self.model and number == 0 for number in range(len(versions))
        ]
        for version, value in zip(versions, found, strict=True):
            if version.current or key in self.model:
                assert same(store.read(key, at=version.time), value) or len({v.time for v in versions}) < len(versions)

    @rule(key=keys, number=st.integers(0, 5), handle=handles)
    def restore(self, key, number, handle):
        versions = self.stores[handle].versions(key)
        if versions:
            number %= len(versions)
            value = self.model.every(key)[number]
            self.stores[handle].restore(key, versions[number].id)
            if not versions[number].current:
                self.model[key] = value

    @rule(key=bare_keys, keep=st.integers(0, 3), handle=handles)
    def prune(self, key, keep, handle):
        self.stores[handle].prune(key, keep=keep)
        stays = max(keep - (key in self.model), 0)
        past = self.model.lists.get(key, [])
        self.model.lists[key] = past[len(past) - stays :] if stays else []


class LocalMachine(HistoryMachine):
    def make_uri(self):
        self.folder = tempfile.mkdtemp()
        return self.folder

    def teardown(self):
        super().teardown()
        shutil.rmtree(getattr(self, "folder", ""), ignore_errors=True)


class MemoryMachine(HistoryMachine):
    def make_uri(self):
        return f"memory://{fresh_name()}"


@pytest.mark.timeout(scaled(300, 3600))
@pytest.mark.parametrize("machine", [LocalMachine, MemoryMachine], ids=["local", "memory"])
def test_like_a_dict_of_lists(machine):
    """On this machine a store with history and a dict that remembers never differ."""
    with measured(f"state machine, a store with history, {machine.__name__.removesuffix('Machine').lower()}") as facts:
        facts.update(examples=scaled(20, 600), steps=STEPS, divergences=0)
        run_state_machine_as_test(machine, settings=settings_for(scaled(20, 600), STEPS))


@pytest.mark.timeout(scaled(300, 3600))
@pytest.mark.parametrize("kind", [SOME, "seaweedfs"])
def test_like_a_dict_of_lists_on_s3(kind, request):
    """On S3 neither, whether the server checks every condition or some."""
    server = request.getfixturevalue(f"{kind}_s3")
    bucket = server.make_bucket()

    class RemoteMachine(HistoryMachine):
        config = server.config(history=True)

        def make_uri(self):
            return f"s3://{bucket}/{fresh_name()}"

        def open(self):
            return AutoStore(self.uri, self.config)

    with measured(f"state machine, a store with history, {kind}") as facts:
        facts.update(examples=scaled(5, 100), steps=REMOTE_STEPS, divergences=0)
        run_state_machine_as_test(RemoteMachine, settings=settings_for(scaled(5, 100), REMOTE_STEPS))
