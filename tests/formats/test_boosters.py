"""Boosters of XGBoost and LightGBM in their own files, and in .skops where scikit-learn wraps them."""

import io
import json
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autostore import AutoStore, CorruptDataError, MissingDependencyError, StorageConfig, UntrustedDataError
from autostore.handlers.learned.lightgbm import LightGBMHandler
from autostore.handlers.learned.xgboost import XGBoostHandler
from autostore.testing import HandlerContract, same
from tests.optional import lightgbm, np, optional, pd, skops, xgboost

make_pipeline = optional("sklearn.pipeline").make_pipeline
StandardScaler = optional("sklearn.preprocessing").StandardScaler

RNG = np.random.default_rng(0)
X = RNG.random((120, 4))
Y = RNG.integers(0, 3, 120)
KINDS = pd.DataFrame({"a": pd.Categorical(RNG.choice(list("xyz"), 120)), "b": X[:, 0]})


def boosted(rounds: int = 2, y: Any = Y, names: Any = None, **said: Any) -> xgboost.Booster:
    data = xgboost.DMatrix(X, y, feature_names=names, nthread=1)
    return xgboost.train({"nthread": 1, "max_depth": 3, **said}, data, rounds)


def grown(rounds: int = 2, x: Any = X, y: Any = Y, **said: Any) -> lightgbm.Booster:
    quiet = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 5, "num_leaves": 4}
    return lightgbm.train({**quiet, **said}, lightgbm.Dataset(x, y), rounds)


def stopped() -> lightgbm.Booster:
    found = grown(6)
    found.best_iteration = 3  # as early stopping sets it
    return found


CATEGORICAL: dict[str, Any] = {"min_data_per_group": 1, "cat_smooth": 0, "max_cat_to_onehot": 1}


class TestXGBoost(HandlerContract):
    handler = XGBoostHandler()
    samples = (
        boosted(names=list("abcd"), objective="count:poisson"),
        boosted(objective="multi:softprob", num_class=3),
        boosted(booster="dart"),
        boosted(booster="gblinear", max_depth=0),
        boosted(num_parallel_tree=2, gamma=1.0),
        boosted(y=np.column_stack([Y, Y])),
    )


class TestLightGBM(HandlerContract):
    handler = LightGBMHandler()
    samples = (
        grown(objective="multiclass", num_class=3),
        grown(boosting="dart"),
        grown(x=KINDS, **CATEGORICAL),
        grown(x=np.ones((30, 2)), y=np.ones(30)),
        stopped(),
    )
    refused = (grown(linear_tree=True, y=X[:, 0]),)


@pytest.fixture
def store(tmp_path: Path) -> AutoStore:
    return AutoStore(tmp_path / "store", StorageConfig(allow_pickle=False))


def test_boosters_are_their_own_librarys_files(store: AutoStore, tmp_path: Path) -> None:
    """Which it reads, and which it wrote; predictions are the same bits, also those of the best iteration."""
    assert store.write("x", boosted()).path == "x.ubj"
    assert store.write("l", stopped()).path == "l.lgb"
    data, folder = xgboost.DMatrix(X, nthread=1), tmp_path / "store"
    assert np.array_equal(store["x"].predict(data), boosted().predict(data))
    assert np.array_equal(store["l"].predict(X), stopped().predict(X))
    assert not np.array_equal(store["l"].predict(X), grown(6).predict(X))
    assert same(xgboost.Booster(model_file=str(folder / "x.ubj")), boosted())
    assert np.array_equal(lightgbm.Booster(model_file=str(folder / "l.lgb")).predict(X), grown(6).predict(X))
    boosted().save_model(folder / "y.ubj")
    grown().save_model(folder / "m.lgb")
    assert same([store["y"], store["m"]], [boosted(), grown()])
    assert "used most" in store.preview(boosted())
    store["run"] = {"model": boosted(), "other": grown(), "score": 1.5}
    assert same(store["run"], {"model": boosted(), "other": grown(), "score": 1.5})


WRAPPED = {
    "unfitted": lambda: xgboost.XGBRegressor(n_estimators=3),
    "classifier": lambda: xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(X, Y),
    "pipeline": lambda: make_pipeline(StandardScaler(), xgboost.XGBRegressor(n_estimators=2, n_jobs=1)).fit(X, Y),
    "lightgbm": lambda: lightgbm.LGBMClassifier(n_estimators=2, verbose=-1, n_jobs=1).fit(X, Y % 2),
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_wrappers_are_estimators(store: AutoStore, kind: str) -> None:
    """With their parameters, without pickles, alone and in a pipeline."""
    model = WRAPPED[kind]()
    assert store.write("k", model).path == "k.skops"
    assert same(store["k"], model)
    assert type(store["k"]) is type(model)
    if kind != "unfitted":
        assert np.array_equal(store["k"].predict(X), model.predict(X))


def test_what_is_not_checked_is_refused(store: AutoStore) -> None:
    """The categories of pandas within a booster of XGBoost, which no rule here follows."""
    data = xgboost.DMatrix(KINDS, Y, enable_categorical=True, nthread=1)
    with pytest.raises(UntrustedDataError, match="A category of the model"):
        store["k"] = xgboost.train({"nthread": 1, "max_cat_to_onehot": 1}, data, 2)


LINES = {
    "more leaves": ("num_leaves=4", "num_leaves=400000000"),
    "a child beyond the nodes": ("left_child=", "left_child=9999"),
    "a feature that is none": ("split_feature=", "split_feature=9"),
    "a size that leads elsewhere": ("tree_sizes=", "tree_sizes=1"),
    "more classes than memory": ("num_class=1", "num_class=999999999"),
    "more features": ("max_feature_idx=3", "max_feature_idx=9999999"),
    "a number that is none": ("shrinkage=1", "shrinkage=x"),
    "a parameter without end": ("[boosting: gbdt]", "[boosting gbdt"),
    "an early end": ("end of trees", "end of tree"),
    "a line twice": ("num_cat=0", "num_cat=0\nnum_cat=0"),
}


@pytest.mark.parametrize("what", LINES)
def test_lightgbm_never_sees_what_crashes_it(store: AutoStore, tmp_path: Path, what: str) -> None:
    """Its own reader follows such numbers; in .skops as in .lgb."""
    old, new = LINES[what]
    text = grown().model_to_string()
    assert sized(text) == text
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "k.lgb").write_text(_hostile(text, old, new))
    with pytest.raises(CorruptDataError):
        store["k"]
    raw = skops.io.dumps(WRAPPED["lightgbm"]())
    (tmp_path / "store" / "s.skops").write_bytes(_replaced(raw, lambda said: _hostile(said, old, new)))
    with pytest.raises(CorruptDataError):
        store["s"]


def _hostile(text: str, old: str, new: str) -> str:
    """The text with one thing changed, and sizes that agree."""
    assert old in text
    changed = text.replace(old, new, 1)
    return changed if old == "tree_sizes=" else sized(changed)


def sized(text: str) -> str:
    """The text with the size of each tree as it is."""
    body = text[text.index("Tree=0\n") : text.find("end of trees\n") if "end of trees\n" in text else None]
    trees = [f"Tree={tree}" for tree in body.split("Tree=")[1:]]
    return re.sub(r"tree_sizes=.*", f"tree_sizes={' '.join(str(len(tree)) for tree in trees)}", text, count=1)


def _replaced(raw: bytes, change: Callable[[str], str]) -> bytes:
    """A .skops file with the text of its booster changed."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        schema = json.loads(archive.read("schema.json"))
    handle = schema["content"]["content"]["_Booster"]["content"]["content"]["_handle"]
    handle["content"] = json.dumps(change(json.loads(handle["content"])))
    return _with_member(raw, "schema.json", json.dumps(schema).encode())


def _with_member(raw: bytes, member: str, content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as archive, zipfile.ZipFile(target, "w") as new:
        for name in archive.namelist():
            new.writestr(name, content if name == member else archive.read(name))
    return target.getvalue()


def _other(raw: bytes, name: bytes, change: Any) -> bytes:
    """The model with one typed array of its first tree changed."""
    begin = raw.index(name) + len(name) + 12
    return raw[:begin] + change + raw[begin + len(change) :]


BYTES = {
    "a count beyond the file": lambda raw: raw.replace(b"trees[#L" + bytes(7) + b"\2", b"trees[#L" + b"\x7f" * 8),
    "a child beyond the nodes": lambda raw: _other(raw, b"left_children", b"\0\1\0\0"),
    "a child that is its parent": lambda raw: _other(raw, b"left_children", bytes(4)),
    "another parent": lambda raw: _other(raw, b"parents", b"\x7f\xff\0\0"),
    "a feature that is none": lambda raw: _other(raw, b"split_indices", b"\0\0\0\x09"),
    "a split of another kind": lambda raw: _other(raw, b"split_type", b"\1"),
    "a tail": lambda raw: raw + b"{",
    "nested without end": lambda raw: b"{L" + bytes(7) + b"\1a" + (b"[#L" + bytes(7) + b"\1") * 5000,
    "no object": lambda raw: b"[#L" + bytes(8),
}  # fmt: skip


@pytest.mark.parametrize("what", BYTES)
def test_xgboost_never_sees_what_crashes_it(store: AutoStore, tmp_path: Path, what: str) -> None:
    """Its own reader follows such numbers; in .skops as in .ubj."""
    raw = bytes(boosted().save_raw("ubj"))
    changed = BYTES[what](raw)
    assert changed != raw
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "k.ubj").write_bytes(changed)
    with pytest.raises(CorruptDataError):
        store["k"]


def test_a_wrapped_booster_is_the_one_that_was_looked_at(store: AutoStore, tmp_path: Path) -> None:
    """A file in which the same id means another part is refused, and one in which the booster is damaged."""
    raw = skops.io.dumps(WRAPPED["classifier"]())
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        schema = json.loads(archive.read("schema.json"))
        model = next(name for name in archive.namelist() if name.endswith(".bin"))
        content = archive.read(model)
    booster = schema["content"]["content"]["_Booster"]["content"]["content"]["handle"]
    schema["content"]["content"]["n_estimators"]["__id__"] = booster["__id__"]
    (tmp_path / "store").mkdir()
    damaged = _other(content, b"left_children", b"\0\1\0\0")
    for name, (member, data) in {
        "ids": ("schema.json", json.dumps(schema).encode()),
        "bytes": (model, damaged),
    }.items():
        (tmp_path / "store" / f"{name}.skops").write_bytes(_with_member(raw, member, data))
        with pytest.raises(CorruptDataError):
            store[name]


def test_a_library_that_is_missing_is_named(store: AutoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a pipeline needs one."""
    store["k"] = WRAPPED["pipeline"]()
    for name in [name for name in sys.modules if name.partition(".")[0] == "xgboost"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match="xgboost"):
        store["k"]
