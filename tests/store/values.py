"""Values of every family for the store's tests, and the types they need at module level."""

import dataclasses
from collections import OrderedDict

from hypothesis import strategies as st
from pydantic import BaseModel

from tests.optional import np, pl


class Settings(BaseModel):
    name: str
    rate: float = 0.5
    tags: list[str] = []


@dataclasses.dataclass
class Run:
    number: int
    label: str | None = None


class Plain:
    """An object that only pickle can hold."""

    def __init__(self, content):
        self.content = content

    def __eq__(self, other):
        return type(other) is Plain and self.content == other.content

    def __hash__(self):
        return hash(self.content)


texts = st.text(st.characters(codec="utf-8"), max_size=8)
numbers = st.integers(-(2**40), 2**40)
scalars = st.one_of(st.none(), st.booleans(), numbers, st.floats(allow_nan=False, allow_infinity=False))
json_values = st.recursive(
    scalars | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
dicts = st.dictionaries(texts, json_values, max_size=3)

FAMILIES = {
    ".json": scalars | dicts | st.lists(scalars, max_size=3),
    ".jsonl": st.lists(dicts, min_size=1, max_size=3),
    ".txt": texts,
    ".bin": st.binary(max_size=20),
    ".npy": st.lists(numbers, max_size=4).map(np.array),
    ".npz": st.dictionaries(st.sampled_from(["x", "y"]), st.just(np.arange(3)), min_size=1),
    ".parquet": st.lists(numbers, max_size=4).map(lambda values: pl.DataFrame({"n": values}, schema={"n": pl.Int64})),
    ".pydantic.json": st.builds(Settings, name=texts, tags=st.lists(texts, max_size=2)),
    ".dataclass.json": st.builds(Run, number=numbers, label=texts | st.none()),
    ".pkl": st.builds(Plain, texts),
    ".typed.json": st.one_of(
        st.tuples(numbers, texts),
        st.dictionaries(numbers, texts, min_size=1, max_size=2),
        st.just(OrderedDict(a=1)),
        st.floats(allow_nan=True, allow_infinity=True).filter(lambda x: x != x or x in (float("inf"), -float("inf"))),
        st.frozensets(numbers, max_size=2),
    ),
    ".bundle.zip": st.builds(lambda text, number: {text: np.arange(3), number: (text,)}, texts, numbers),
}
any_value = st.one_of(*FAMILIES.values())
