"""The value property, format by format: what a key names comes back as it was, or is refused and nothing changes."""

import datetime as dt
import functools
import itertools
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from autostore import AutoStore, StorageConfig
from autostore.errors import UnsupportedFormatError, UntrustedDataError
from autostore.testing import same
from tests.formats.examples import EXAMPLES
from tests.handlers import libraries, values
from tests.optional import np, pl
from tests.reliability.scale import measured, scaled

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | values.texts | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(values.texts | st.integers(), inner, max_size=3),
    max_leaves=8,
)
words = st.text(max_size=4)
rows = st.lists(st.dictionaries(st.text(max_size=3), plain, max_size=3), max_size=4)
FAMILIES = {
    "plain": plain | values.values,
    "compact": plain | st.lists(st.datetimes(timezones=values.zones) | st.dates() | st.uuids(), max_size=3),
    "rows": rows | libraries.tables,
    "models": values.models,
    "sections": st.dictionaries(words, st.dictionaries(words, words, max_size=3)),
    "texts": values.texts,
    "bytes": st.binary(max_size=50),
    "bundles": values.bundles,
    "tables": libraries.tables,
    "arrays": libraries.arrays | libraries.odd_arrays | st.dictionaries(words, libraries.arrays, max_size=3),
    "matrices": libraries.matrices,
    "tensors": libraries.checkpoints,
    "pictures": libraries.pictures,
    "learned": libraries.learned,
}  # fmt: skip
DRAWN = [extension for extension, example in EXAMPLES.items() if example.drawn]
_thorough = functools.partial(
    settings, deadline=None, suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)  # fmt: skip
_numbers = itertools.count()


def is_lossy(store, extension):
    """Whether the table of formats says that something is not kept."""
    return any(extension in one.lossy for one in store.formats())


@pytest.mark.parametrize("extension", DRAWN)
@pytest.mark.timeout(scaled(120, 7_200))
def test_values_come_back_or_are_refused(tmp_path, extension):
    """Exactly and of their type, where the format says so; a refusal is typed, and leaves what was there."""
    config = StorageConfig(allow_pickle=extension == ".pkl")
    with AutoStore(tmp_path, config) as store, AutoStore(tmp_path, config) as other:
        own, exact, seen = list(EXAMPLES[extension].make()), not is_lossy(store, extension), Counter()
        drawn = libraries.any_of(FAMILIES[EXAMPLES[extension].drawn], values.one_of_these(own))

        @_thorough(max_examples=scaled(30, 20_000))
        @given(value=drawn)
        def run(value):
            key = f"k{next(_numbers)}{extension}"
            store[key] = own[0]
            before = store.read(key, as_type=bytes)
            try:
                store[key] = value
            except (UnsupportedFormatError, UntrustedDataError):
                seen["refused"] += 1
                assert other.read(key, as_type=bytes) == before
            else:
                seen["kept"] += 1
                back = other[key]
                assert same(back, value) or not exact
            finally:
                del store[key]

        with measured(f"values of {extension}") as facts:
            run()
            facts.update(seen)
        assert seen["kept"], seen


def test_what_these_proofs_found(tmp_path):
    """A query over spans of time is refused by CSV as its table is; a tree that is a list has a header."""
    with AutoStore(tmp_path) as store:
        spans = pl.DataFrame({"took": [dt.timedelta(1)]})
        for table, key in itertools.product((spans, spans.lazy()), ("k.csv", "k.tsv", "k.csv.gz")):
            with pytest.raises(UnsupportedFormatError, match="turn it into text"):
                store[key] = table
        store["k.safetensors"] = [np.arange(3), {"a": np.eye(2)}]
        assert store.info("k.safetensors").type == "list"
