"""The heart of the tests: a store beside a plain dict, doing the same things."""

import contextlib
import uuid

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from autostore import AutoStore, StorageConfig
from autostore.errors import PreconditionFailedError, StorageFileNotFoundError, UnsupportedFormatError
from autostore.testing import same
from tests.optional import pl
from tests.store.values import FAMILIES, any_value

BARE = [
    "a", "a/b", "a/b/c", "ab", "a.d/x", "model.v1", "model.v2", "v1.2", "with space", "ünï/çödé", "日本", "#?%+",
    "100%25", "a+b", "Case", "case", "Photo.Q1", "-dash", "tilde~", "n" * 240, "deep/" * 20 + "end",
]  # fmt: skip
NAMED = {"full.json": ".json", "rows.jsonl": ".jsonl", "notes.txt": ".txt", "raw.bin": ".bin", "any.pkl": ".pkl",
         "a/named.npy": ".npy", "x" * 250 + ".json": ".json", "t.v2.parquet": ".parquet"}  # fmt: skip
bare_keys = st.sampled_from(BARE)
keys = st.sampled_from(BARE + list(NAMED))


def listed(key: str) -> str:
    """How `keys()` names a key: a named file that stands alone goes by its stem."""
    return key.removesuffix(NAMED.get(key, ""))


def is_rows(value) -> bool:
    """Whether a value is what a table is made of, of no row even."""
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


class StoreMachine(RuleBasedStateMachine):
    """Every operation on the store, on a second handle of it, and on a dict."""

    config: StorageConfig | None = None

    def make_uri(self) -> str:
        raise NotImplementedError

    def make_model(self) -> dict:
        return {}

    def open(self) -> AutoStore:
        return AutoStore(self.uri, self.config)

    @initialize()
    def begin(self):
        self.uri = self.make_uri()
        self.model = self.make_model()
        self.stores = [self.open(), self.open()]
        self.steps = 0

    def teardown(self):
        for store in getattr(self, "stores", []):
            store.close()

    handles = st.sampled_from([0, 1])

    @rule(key=bare_keys, value=any_value, handle=handles)
    def write(self, key, value, handle):
        self.stores[handle][key] = value
        self.model[key] = value

    @rule(data=st.data(), key=st.sampled_from(list(NAMED)), handle=handles)
    def write_named(self, data, key, handle):
        value = data.draw(FAMILIES[NAMED[key]])
        self.stores[handle][key] = value
        self.model[key] = value

    @rule(key=st.sampled_from(list(NAMED)), handle=handles)
    def write_unfit(self, key, handle):
        if NAMED[key] != ".pkl":
            with pytest.raises(UnsupportedFormatError):
                self.stores[handle][key] = {1: lambda: 0, "tuple": (1,)}

    @rule(key=bare_keys, value=any_value, handle=handles)
    def create(self, key, value, handle):
        if key in self.model:
            with pytest.raises(PreconditionFailedError):
                self.stores[handle].write(key, value, if_absent=True)
        else:
            self.stores[handle].write(key, value, if_absent=True)
            self.model[key] = value

    @rule(key=keys, handle=handles)
    def compare_and_swap(self, key, handle):
        store = self.stores[handle]
        if key in self.model:
            seen = store.get_metadata(key)
            assert store.write(key, self.model[key], if_etag=seen.etag).path == seen.path
            self.model[key] = self.model[key]
            with pytest.raises(PreconditionFailedError):
                store.write(key, self.model[key], if_etag="no-such-etag")
        else:
            with pytest.raises(PreconditionFailedError):
                store.write(key, 1, if_etag="no-such-etag")

    @rule(key=keys, handle=handles)
    def read(self, key, handle):
        if key in self.model:
            assert same(self.stores[handle][key], self.model[key])
            assert key in self.stores[handle]
        else:
            assert self.stores[handle].get(key, "nothing") == "nothing"
            assert key not in self.stores[handle]
            with pytest.raises(KeyError):
                self.stores[handle][key]

    @rule(key=keys, handle=handles)
    def scan(self, key, handle):
        if isinstance(self.model.get(key), pl.DataFrame | pl.LazyFrame):
            assert self.stores[handle].scan(key).collect().equals(self.model[key].lazy().collect())
            assert self.stores[handle].read(key, columns=["n"]) is not None
        elif is_rows(self.model.get(key)):
            with contextlib.suppress(UnsupportedFormatError):  # not all rows make one table
                assert self.stores[handle].scan(key).collect().height == len(self.model[key])
        else:
            with pytest.raises(UnsupportedFormatError if key in self.model else StorageFileNotFoundError):
                self.stores[handle].scan(key)

    @rule(key=bare_keys, frame=FAMILIES[".parquet"], handle=handles)
    def write_while_it_is_computed(self, key, frame, handle):
        self.stores[handle][key] = (piece for piece in (frame, frame))
        self.model[key] = pl.concat([frame, frame]).lazy()

    @rule(key=keys, handle=handles)
    def delete(self, key, handle):
        if key in self.model:
            del self.stores[handle][key]
            del self.model[key]
        else:
            with pytest.raises(StorageFileNotFoundError):
                del self.stores[handle][key]

    @rule(key=keys, handle=handles)
    def pop(self, key, handle):
        assert same(self.stores[handle].pop(key, "nothing"), self.model.pop(key, "nothing"))

    @rule(key=bare_keys, value=any_value, handle=handles)
    def setdefault(self, key, value, handle):
        assert same(self.stores[handle].setdefault(key, value), self.model.setdefault(key, value))

    @rule(source=bare_keys, destination=bare_keys, handle=handles)
    def copy(self, source, destination, handle):
        with self.absent_raises(source):
            self.stores[handle].copy(source, destination)
            if source != destination:
                self.model[destination] = self.model[source]

    @rule(source=bare_keys, destination=bare_keys, handle=handles)
    def move(self, source, destination, handle):
        with self.absent_raises(source):
            self.stores[handle].move(source, destination)
            if source != destination:
                self.model[destination] = self.model.pop(source)

    @rule(values=st.dictionaries(bare_keys, any_value, max_size=3), handle=handles)
    def update(self, values, handle):
        self.stores[handle].update(values)
        self.model.update(values)

    @rule(prefix=st.sampled_from(["", "a", "a/", "a/b", "model.", "Ca", "none", "full.j", "ünï/"]), handle=handles)
    def list_prefix(self, prefix, handle):
        expected = sorted(key for key in map(listed, self.model) if key.startswith(prefix))
        assert sorted(self.stores[handle].keys(prefix)) == expected

    @rule(handle=handles)
    def load_all(self, handle):
        loaded = dict(self.stores[handle].items())
        assert sorted(loaded) == sorted(map(listed, self.model))
        assert all(same(loaded[listed(key)], self.model[key]) for key in self.model)

    @rule(handle=handles)
    def reopen(self, handle):
        self.stores[handle].close()
        self.stores[handle] = self.open()

    @rule(handle=handles)
    def count(self, handle):
        assert len(self.stores[handle]) == len(self.model) == len(list(self.stores[handle]))

    @invariant()
    def keys_agree(self):
        # One listing a step, by the handles in turn, as on a server listings are most of the time.
        if hasattr(self, "stores"):
            self.steps += 1
            assert sorted(self.stores[self.steps % 2].keys()) == sorted(map(listed, self.model))

    @contextlib.contextmanager
    def absent_raises(self, source):
        if source in self.model:
            yield
            return
        with pytest.raises(StorageFileNotFoundError):
            yield


def fresh_name() -> str:
    return uuid.uuid4().hex
