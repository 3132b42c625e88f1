"""What makes another key, and what does not: content and types of arguments, and all code that a result depends on."""

import copy
import importlib.util
import itertools
import os
import pathlib
import pickle
import subprocess
import sys
import threading
import types

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autostore import AutoStore, UnhashableInputError
from autostore.equality.same import same
from tests.handlers.values import bundles
from tests.memo.children import tell_keys
from tests.memo.plain import Plain, one, plain_values
from tests.optional import Image, np, pa, pd, pl, scipy, torch
from tests.reliability.nursery import Nursery
from tests.reliability.scale import scaled

ROOT = pathlib.Path(__file__).parents[2]


class Net(torch.nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.inner = torch.nn.Linear(1, 1)
        torch.nn.init.constant_(self.inner.weight, weight)
        torch.nn.init.zeros_(self.inner.bias)


def learnt(gradient):
    made = torch.ones(2, requires_grad=True)
    made.grad = torch.full((2,), gradient)
    return made


def hidden_behind_nulls(value):
    frame = pl.DataFrame({"x": [1, value, 3]})
    return frame.with_columns(pl.when(pl.col("x") != value).then(pl.col("x")).alias("x"))


def values():
    """Values of which no two are the same; made anew at each call."""
    grid = np.arange(6.0).reshape(2, 3)
    return [
        *plain_values(),
        torch.ones(2), torch.zeros(2), torch.ones(2, 1), torch.ones(2, dtype=torch.bfloat16),
        torch.ones(2, requires_grad=True),
        torch.nn.Parameter(torch.ones(2)),
        learnt(1.0), learnt(2.0), torch.tensor(1.0), torch.tensor([]), Net(1.0), Net(2.0),
        pd.DataFrame({"x": [1]}), pd.DataFrame({"x": [1]}, index=[5]), pd.Series([1], name="x"), pd.Index([1]),
        pa.table({"x": [1]}),
        pa.table({"x": pa.array([1], pa.int8())}), scipy.sparse.csr_array(grid), scipy.sparse.csc_array(grid),
        Image.new("RGB", (2, 2)), Image.new("L", (2, 2)), Image.new("RGB", (2, 2), "red"),
    ]  # fmt: skip


@pytest.fixture
def memo(tmp_path):
    with AutoStore(tmp_path / "store") as store:
        yield store.cache(lambda x: x)


def test_what_differs_has_another_key_and_what_is_the_same_has_one(memo):
    """Values of 150 kinds, each equal to itself made anew and to a copy, no two of them alike."""
    keys = [memo.key(value) for value in values()]
    assert len(set(keys)) == len(keys), [
        (values()[a], values()[b]) for a, b in itertools.combinations(range(len(keys)), 2) if keys[a] == keys[b]
    ]
    assert [memo.key(value) for value in values()] == keys
    for value, key in zip(values(), keys, strict=True):
        if not isinstance(value, types.ModuleType | types.LambdaType | types.BuiltinFunctionType):
            assert memo.key(copy.deepcopy(value)) == key, value


def test_how_a_value_came_about_does_not_count(memo):
    """Slices, chunks, what lies behind a null, sharing and the order of a set's making are not content."""
    frame = pl.DataFrame({"x": [1, None, 3], "s": ["a", None, "c" * 30], "l": [[1], None, []]})
    assert memo.key(pl.concat([frame, frame])[3:]) == memo.key(pl.concat([frame[:1], frame[1:]])) == memo.key(frame)
    assert memo.key(hidden_behind_nulls(9)) == memo.key(hidden_behind_nulls(7))
    assert memo.key(np.arange(10)[::2]) == memo.key(np.array([0, 2, 4, 6, 8]))
    shared = [1]
    assert memo.key([shared, shared]) == memo.key([[1], [1]])
    assert memo.key(set(map(str, range(50)))) == memo.key(set(map(str, reversed(range(50)))))
    assert memo.key(torch.arange(6).reshape(2, 3).T) == memo.key(torch.tensor([[0, 3], [1, 4], [2, 5]]))


def test_keys_are_the_same_in_every_process(tmp_path):
    """Whatever the seed of hashes: nothing of a key is an address or an order of sets."""
    code = (
        "import sys; from autostore import AutoStore; from tests.memo.plain import *\n"
        "memo = AutoStore(sys.argv[1]).cache(one)\n"
        "print(*[memo.key(v) for v in plain_values() if not isinstance(v, types.LambdaType)])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=120,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "1"},
    ).stdout  # fmt: skip
    memo = AutoStore(tmp_path).cache(one)
    assert told.split() == [memo.key(v) for v in plain_values() if not isinstance(v, types.LambdaType)]


def test_arguments_count_by_name(tmp_path):
    """However they are passed, and with the defaults that they would have."""
    memo = AutoStore(tmp_path).cache(lambda a, b=2, *rest, c=3, **more: None)
    assert memo.key(1) == memo.key(a=1) == memo.key(1, 2) == memo.key(1, b=2, c=3)
    assert (
        len({memo.key(1), memo.key(1, 3), memo.key(1, 2, 3), memo.key(1, c=4), memo.key(1, d=3), memo.key(2, 1)}) == 6
    )
    with pytest.raises(TypeError, match=r"\(\): .*'a'"):
        memo.key()


BASE = '''
import dataclasses, functools, math
import enum
from helpers_of_test import imported
import helpers_of_test

LIMIT = 10
TABLE = {"a": 1}

def helper(x, scale=2):
    return inner(x) * scale

def inner(x):
    return x + 1

class Base:
    factor = 1
    def base(self): return 5

@dataclasses.dataclass
class Data(Base):
    x: int = 3
    def method(self): return self.x * 2

class Kind(enum.Enum):
    A = 1

def decorate(f):
    @functools.wraps(f)
    def around(*args):
        return f(*args) + 7
    return around

def made(n):
    def step(x):
        return x + n
    return step

added = made(1)

@decorate
def wrapped(x):
    return 8

@functools.lru_cache
def cached(x):
    return 9

def f(x):
    """Of x."""
    def nested(y):
        return [z for z in range(y) if z in {11, 12}]
    part = lambda y: y - 13
    from helpers_of_test import late
    return (helper(x) + LIMIT + TABLE["a"] + added(x) + wrapped(x) + cached(x) + Data().method() + Kind.A.value
            + helpers_of_test.used(x) + imported(x) + late(x) + len(nested(3)) + part(4) + math.pi)
'''
HELPERS = """
def imported(x): return 21
def used(x): return deeper(x)
def deeper(x): return 22
def late(x): return 23
def unused(x): return 24
"""
CHANGES = [
    ("scale=2", "scale=3"), ("return x + 1", "return x + 2"), ("LIMIT = 10", "LIMIT = 10.0"),
    ('{"a": 1}', '{"a": 2}'),
    ("factor = 1", "factor = 2"), ("return 5", "return 6"), ("x: int = 3", "x: int = 4"),
    ("self.x * 2", "self.x * 3"),
    ("A = 1", "A = 2"), ("+ 7", "+ 70"), ("made(1)", "made(2)"), ("return x + n", "return x - n"),
    ("return 8", "return 80"),
    ("return 9", "return 90"), ("{11, 12}", "{11, 13}"), ("y - 13", "y - 14"), ("+ math.pi", "- math.pi"),
    ("math.pi", "math.e"),
    ("return 21", "return 210"), ("return 22", "return 220"), ("return 23", "return 230"),
    ("deeper(x)\n", "deeper(x + 1)\n"),
]  # fmt: skip
NO_CHANGES = [
    ("def helper", "# a comment\n\n\ndef helper"), ("{11, 12}", "{12, 11}"), ("return 24", "return 240"),
    ("LIMIT = 10", "UNUSED = 1\nLIMIT = 10"), ("    part =", "\n    part  ="),
]  # fmt: skip


def key_of(folder, number, base, helpers):
    """The key of `f(1)` in a module of this text, whose name and place are the same each time."""
    for name, text in ("helpers_of_test", helpers), ("module_of_test", base):
        file = folder / f"{number}" / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        spec = importlib.util.spec_from_file_location(name, file)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return AutoStore(folder / "store").cache(module.f).key(1)


def test_all_code_that_a_result_depends_on_is_in_the_key(tmp_path):
    """A changed helper, constant, default, closure, decorator, base class, method or import makes another key."""
    try:
        numbers = itertools.count()
        whole = key_of(tmp_path, next(numbers), BASE, HELPERS)
        for old, new in CHANGES:
            assert old in BASE + HELPERS
            assert key_of(tmp_path, next(numbers), BASE.replace(old, new), HELPERS.replace(old, new)) != whole, old
        for old, new in NO_CHANGES:
            assert old in BASE + HELPERS
            assert key_of(tmp_path, next(numbers), BASE.replace(old, new), HELPERS.replace(old, new)) == whole, old
    finally:
        sys.modules.pop("helpers_of_test", None)
        sys.modules.pop("module_of_test", None)


def test_a_module_that_has_the_name_of_one_of_python_s_is_the_user_s(tmp_path):
    """Its code counts: what says that it is Python's own is where it lies, not what it is called."""
    name, keys = "nturl2path", set()
    try:
        for factor in (1, 2):
            file = tmp_path / str(factor) / f"{name}.py"
            file.parent.mkdir()
            file.write_text(f"def f(x):\n    return x * {factor}\n")
            spec = importlib.util.spec_from_file_location(name, file)
            module = sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            keys.add(AutoStore(tmp_path / "store").cache(module.f).key(1))
    finally:
        sys.modules.pop(name, None)
    assert len(keys) == 2


def test_a_method_of_an_argument_is_code_too(tmp_path):
    """Arguments of the user's own classes count with their methods; with `version=` by name and fields only."""
    keys = []
    for factor in (1, 2):
        scope = {"__name__": "module_of_test"}
        exec(f"class Own:\n  def __init__(self): self.x = 1\n  def total(self): return self.x * {factor}", scope)
        store = AutoStore(tmp_path)
        keys.append((store.cache(one).key(scope["Own"]()), store.cache(version=1)(one).key(scope["Own"]())))
    assert keys[0][0] != keys[1][0]
    assert keys[0][1] == keys[1][1]


LOCK = threading.Lock()
STORE = AutoStore("memory://global")


def reads_lock(x):
    with LOCK:
        return x


def reads_store(x):
    return STORE[x]


def calls_reader(x):
    return reads_lock(x)


def test_what_cannot_be_hashed_is_refused_by_name(tmp_path):
    """Before the function runs, with where it stands and what to do; `ignore` takes it out."""
    store = AutoStore(tmp_path)
    ran = []
    memo = store.cache(ignore="ran")(lambda x: ran.append(x))
    for value, named in [
        (LOCK, "argument x is a _thread.lock"), ([1, {"a": LOCK}], r"argument x\[1\]\['a'\] is a _thread.lock"),
        (Plain(LOCK), r"argument x\.x is"), (store, "argument x is an autostore.autostore.AutoStore"),
        (object(), "argument x is a"),
        (iter([1]), "argument x is a builtins.list_iterator"),
        (pl.LazyFrame({"x": [1]}), "argument x is a .*LazyFrame"), ({LOCK}, "x in a set"),
        (sys.__stdout__, "TextIOWrapper"), (np.array([LOCK], dtype=object), "ndarray"),
        ((one, reads_lock), "reads_lock -> LOCK is a"),
        (np.random.default_rng(), "Generator"), (np.frompyfunc(lambda x: x, 1, 1), "ufunc"),
        (pl.DataFrame({"x": [LOCK]}, schema={"x": pl.Object}), "DataFrame"),
    ]:  # fmt: skip
        with pytest.raises(UnhashableInputError, match=named) as caught:
            memo(value)
        assert "ignore=" in str(caught.value)
    assert ran == []
    for function, path in (reads_lock, "reads_lock -> LOCK"), (reads_store, "reads_store -> STORE"):
        with pytest.raises(UnhashableInputError, match=path):
            store.cache(function).key(1)
    with pytest.raises(UnhashableInputError, match=r"calls_reader -> reads_lock.*reads_lock -> LOCK"):
        store.cache(calls_reader).key(1)
    assert store.cache(ignore=["LOCK"])(calls_reader)(3) == 3
    assert store.cache(version="1")(calls_reader)(4) == 4


def test_deep_arguments_are_refused(memo):
    """Instead of an error of the interpreter's."""
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(UnhashableInputError, match="nested too deep"):
        memo.key(deep)


@settings(max_examples=scaled(25, 3000), deadline=None, suppress_health_check=list(HealthCheck))
@given(one=bundles, other=bundles)
def test_a_key_is_of_one_value(one, other):
    """Whatever is made of what the library keeps without pickles: a copy has its key, and nothing that differs has."""
    memo = AutoStore("memory://random").cache(lambda x: x)
    key = memo.key(one)
    assert memo.key(copy.deepcopy(one)) == key
    if memo.key(other) == key:
        assert same(one, other)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Tells keys of values in a process with another seed of hashes."""
    file = tmp_path_factory.mktemp("values") / "value.pkl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONHASHSEED", "4711")
        with Nursery() as nursery:
            child = nursery.start(tell_keys)

            def told(value):
                file.write_bytes(pickle.dumps(value))
                child.say(str(file))
                return child.hear()

            yield told
            child.say(None)
            child.last_words()


@settings(max_examples=scaled(30, 2000), deadline=None, suppress_health_check=list(HealthCheck))
@given(made=st.lists(bundles | st.frozensets(st.text(max_size=3), max_size=8), min_size=2, max_size=4))
def test_a_key_is_the_same_wherever_a_value_is_made(elsewhere, made):
    """In a process with another seed of hashes, of objects that share nothing, of sets filled in another order."""
    memo = AutoStore("memory://keys").cache(one)
    keys = [memo.key(value) for value in made]
    for value, key in zip(made, keys, strict=True):
        if same(pickle.loads(pickle.dumps(value)), value):  # NumPy's pickles lose a NUL at the end of a text
            assert elsewhere(value) == (key, key), value
    for (a, one_key), (b, other_key) in itertools.combinations(zip(made, keys, strict=True), 2):
        assert (one_key == other_key) == same(a, b), (a, b)
