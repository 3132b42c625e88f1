"""Estimators of scikit-learn in .skops files: exact, and nothing of a file's own is run."""

import io
import json
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autostore import (
    AutoStore,
    CorruptDataError,
    MissingDependencyError,
    PickledWarning,
    StorageConfig,
    TooLargeError,
    UnsupportedFormatError,
    UntrustedDataError,
)
from autostore.handlers.learned.estimators import EstimatorHandler
from autostore.testing import HandlerContract, same
from tests.optional import np, optional, skops
from tests.reliability.scale import SOAK

BaseEstimator = optional("sklearn.base").BaseEstimator
TransformerMixin = optional("sklearn.base").TransformerMixin
ColumnTransformer = optional("sklearn.compose").ColumnTransformer
GradientBoostingRegressor = optional("sklearn.ensemble").GradientBoostingRegressor
HistGradientBoostingClassifier = optional("sklearn.ensemble").HistGradientBoostingClassifier
RandomForestClassifier = optional("sklearn.ensemble").RandomForestClassifier
TfidfVectorizer = optional("sklearn.feature_extraction.text").TfidfVectorizer
SelectKBest = optional("sklearn.feature_selection").SelectKBest
GaussianProcessRegressor = optional("sklearn.gaussian_process").GaussianProcessRegressor
LogisticRegression = optional("sklearn.linear_model").LogisticRegression
Ridge = optional("sklearn.linear_model").Ridge
GridSearchCV = optional("sklearn.model_selection").GridSearchCV
KNeighborsClassifier = optional("sklearn.neighbors").KNeighborsClassifier
MLPClassifier = optional("sklearn.neural_network").MLPClassifier
Pipeline = optional("sklearn.pipeline").Pipeline
FunctionTransformer = optional("sklearn.preprocessing").FunctionTransformer
OneHotEncoder = optional("sklearn.preprocessing").OneHotEncoder
StandardScaler = optional("sklearn.preprocessing").StandardScaler
SVC = optional("sklearn.svm").SVC
DecisionTreeRegressor = optional("sklearn.tree").DecisionTreeRegressor

RNG = np.random.default_rng(0)
X = RNG.random((40, 4))
Y = RNG.integers(0, 2, 40)


class Doubled(TransformerMixin, BaseEstimator):
    """Somebody's own step."""

    def fit(self, x: Any, y: Any = None) -> "Doubled":
        return self

    def transform(self, x: Any) -> Any:
        return 2 * x


def pipeline() -> Pipeline:
    columns = ColumnTransformer([("numbers", StandardScaler(), [0, 1]), ("kinds", OneHotEncoder(), [2])])
    steps = [("columns", columns), ("size", FunctionTransformer(np.abs)), ("model", Ridge())]
    data = np.column_stack([X[:, :2] * 9 + 1, Y])
    return Pipeline(steps).fit(np.abs(data), Y)


class TestEstimators(HandlerContract):
    handler = EstimatorHandler()
    samples = (
        LogisticRegression(),
        LogisticRegression().fit(X, Y),
        RandomForestClassifier(3, random_state=0).fit(X, Y),
        HistGradientBoostingClassifier(max_iter=2).fit(X, Y),
        GradientBoostingRegressor(n_estimators=2).fit(X, Y),
        KNeighborsClassifier().fit(X, Y),
        GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2).fit(X, Y),
        TfidfVectorizer().fit(["to be or not", "to be"]),
        SVC(random_state=np.random.RandomState(3)).fit(X, Y),
        pipeline(),
    )
    refused = (Doubled(), Pipeline([("own", Doubled())]), FunctionTransformer(lambda x: x))

    def is_valid(self, content: bytes, extension: str) -> bool:
        return False


@pytest.fixture
def store(tmp_path: Path) -> AutoStore:
    return AutoStore(tmp_path / "store", StorageConfig(allow_pickle=False))


def test_a_model_predicts_what_it_did(store: AutoStore) -> None:
    """Under a bare key, without pickles; skops itself reads the file, and a container holds it as a member."""
    model = SelectKBest(k=2).fit(X, Y)
    assert store.write("model", model).path == "model.skops"
    assert np.array_equal(store["model"].transform(X), model.transform(X))
    raw = store.read("model", as_type=bytes)
    assert same(skops.io.loads(raw, trusted=skops.io.get_untrusted_types(data=raw)), model)
    assert store.write("run", {"model": model, "score": 0.5}).path == "run.bundle.zip"
    assert same(store["run"], {"model": model, "score": 0.5})
    assert store.info("model").type == "sklearn.feature_selection._univariate_selection.SelectKBest"
    assert "parameters" in store.preview(model)
    assert "steps" in store.preview(pipeline())


def test_own_classes_are_named(tmp_path: Path, store: AutoStore) -> None:
    """A class that nobody trusts is refused by its name; a store that takes pickles pickles it, and says why."""
    with pytest.raises(UnsupportedFormatError, match=r"test_estimators\.Doubled"):
        store["k.skops"] = Pipeline([("own", Doubled())])
    with pytest.raises(UntrustedDataError, match=r"test_estimators\.Doubled"):
        store["k"] = Doubled()
    trusting = AutoStore(tmp_path / "other")
    with pytest.warns(PickledWarning, match="Doubled"):
        assert trusting.write("k", Doubled()).path == "k.pkl"


def changed(content: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """The archive with its members changed."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(target, "w") as new:
        for name in archive.namelist():
            new.writestr(name, change(name, archive.read(name)))
    return target.getvalue()


def schema(edit: Callable[[dict[str, Any]], None]) -> Callable[[str, bytes], bytes]:
    def change(name: str, data: bytes) -> bytes:
        if name != "schema.json":
            return data
        tree = json.loads(data)
        edit(tree)
        return json.dumps(tree).encode()

    return change


def array(field: str, edit: Callable[[Any], None]) -> Callable[[str, bytes], bytes]:
    """Of arrays with such a field."""

    def change(name: str, data: bytes) -> bytes:
        if not name.endswith(".npy"):
            return data
        found = np.load(io.BytesIO(data))
        if field in (found.dtype.names or ()):
            edit(found)
        target = io.BytesIO()
        np.save(target, found)
        return target.getvalue()

    return change


def put(name: str, at: int, value: int) -> Callable[[Any], None]:
    return lambda nodes: nodes[name].__setitem__(at, value)


def no_category(nodes: Any) -> None:
    nodes["is_categorical"][0], nodes["bitset_idx"][0] = 1, 1 << 20


TREE, HIST, NEAR = (
    DecisionTreeRegressor(max_depth=3),
    HistGradientBoostingClassifier(max_iter=1),
    KNeighborsClassifier(),
)
WILD = {
    "a child beyond the nodes": (TREE, array("left_child", put("left_child", 0, 1 << 40))),
    "a child that is its parent": (TREE, array("left_child", put("right_child", 0, 0))),
    "a feature that is none": (TREE, array("left_child", put("feature", 0, 4))),
    "a negative feature": (TREE, array("left_child", put("feature", 0, -9))),
    "half a leaf": (TREE, array("left_child", put("left_child", 0, -1))),
    "a bin beyond the nodes": (HIST, array("num_threshold", put("left", 0, 1 << 31))),
    "a category beyond the sets": (HIST, array("num_threshold", no_category)),
    "a point beyond the data": (NEAR, array("idx_start", put("idx_end", 0, 1 << 40))),
    "a leaf that is none": (NEAR, array("idx_start", put("is_leaf", 0, 0))),
}  # fmt: skip


@pytest.mark.parametrize("what", WILD)
def test_what_would_lead_out_of_memory_is_refused(tmp_path: Path, what: str) -> None:
    """Compiled code follows these numbers without looking, so they are looked at when the file is read."""
    model, change = WILD[what]
    good = skops.io.dumps(model.fit(X, Y))
    (tmp_path / "k.skops").write_bytes(good)
    assert AutoStore(tmp_path)["k"] is not None
    (tmp_path / "k.skops").write_bytes(changed(good, change))
    with pytest.raises(CorruptDataError, match="leads to where there is nothing"):
        AutoStore(tmp_path)["k"]


def names(cls: str, module: str, loader: str = "FunctionNode") -> Callable[[dict[str, Any]], None]:
    return lambda tree: tree.update(__class__=cls, __module__=module, __loader__=loader, content=tree["content"])


HOSTILE = {
    "a function of os": (schema(names("system", "os")), UntrustedDataError),
    "a class of subprocess": (schema(names("Popen", "subprocess", "ObjectNode")), UntrustedDataError),
    "a module that nobody imported": (schema(names("x", "antigravity", "TypeNode")), UntrustedDataError),
    "a loader that there is not": (schema(names("A", "b", "NoNode")), CorruptDataError),
    "deep JSON": (lambda name, data: b"[" * 50_000 if name == "schema.json" else data, CorruptDataError),
    "an array that claims terabytes": (
        lambda name, data: data.replace(b"(40, 4)", b"(1<<40)") if name.endswith(".npy") else data, CorruptDataError
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("trusting", [False, True])
def test_no_code_of_a_file_is_run(tmp_path: Path, what: str, trusting: bool) -> None:
    """Whatever it names is refused by name, and imported by nobody, also where pickles are allowed."""
    change, error = HOSTILE[what]
    good = skops.io.dumps(KNeighborsClassifier().fit(X, Y))
    (tmp_path / "k.skops").write_bytes(changed(good, change))
    with pytest.raises(error):
        AutoStore(tmp_path, StorageConfig(allow_pickle=trusting))["k"]
    assert "antigravity" not in sys.modules


def test_an_archive_that_unfolds_is_refused(tmp_path: Path) -> None:
    """By what it claims, before memory is taken."""
    with zipfile.ZipFile(tmp_path / "k.skops", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", skops.io.dumps(Ridge())[:0] + b'{"a": "' + b" " * 30_000_000 + b'"}')
    with pytest.raises(TooLargeError):
        AutoStore(tmp_path, StorageConfig(max_read_bytes=10_000_000))["k"]


def test_without_skops_a_bare_key_gets_what_it_got(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickle; a key that names .skops is told what to install."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "skops"]:
        monkeypatch.setitem(sys.modules, name, None)
    store = AutoStore(tmp_path)
    with pytest.warns(PickledWarning):
        assert store.write("k", Ridge()).path == "k.pkl"
    with pytest.raises(MissingDependencyError, match=r"dagster-autostore\[sklearn\]"):
        store["k.skops"] = Ridge()


@pytest.mark.skipif(not SOAK, reason="every estimator of scikit-learn: AUTOSTORE_SOAK=1")
def test_every_estimator(store: AutoStore) -> None:
    """All that scikit-learn has, fitted where it can be: exact, or refused (three of them) with the reason."""
    from sklearn.utils import all_estimators
    from sklearn.utils._test_common.instance_generator import _construct_instances

    refused = set()
    for name, cls in all_estimators():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                model = next(iter(_construct_instances(cls)))
                model.fit(X, Y)
            except Exception:
                continue  # wants other data
            try:
                store[name] = model
            except UntrustedDataError:
                refused.add(name)
                continue
            assert same(store[name], model), name
    assert refused <= {"Birch", "BisectingKMeans", "SplineTransformer"}


@pytest.mark.parametrize(
    "model", [MLPClassifier(max_iter=2), GaussianProcessRegressor()], ids=lambda m: type(m).__name__
)
def test_parts_that_skops_does_not_know(store: AutoStore, model: Any) -> None:
    """Optimizers and kernels are among what is trusted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        store["k"] = model.fit(X, Y)
    assert np.array_equal(store["k"].predict(X), model.predict(X))
