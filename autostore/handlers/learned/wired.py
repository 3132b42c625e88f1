"""Models whose compiled code follows numbers of the file without looking: each must lead to where there is something.

scikit-learn does not check them (https://github.com/scikit-learn/scikit-learn/pull/34558), so a file that was made
to harm would be read, and crash the process that predicts with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from autostore.errors import CorruptDataError
from autostore.optional import loaded_type, require

__all__ = ["check_wiring"]


def check_wiring(value: Any) -> None:
    """Look at every tree, index and sparse matrix that a model is made of."""
    for part, features in _parts(value):
        for (module, name), check in _CHECKS.items():
            kind = loaded_type(module, name)
            if kind is not None and isinstance(part, kind):
                check(part, features)


def _parts(value: Any) -> Iterator[tuple[Any, int | None]]:
    """Everything that a model is made of, once each, with the number of features that its estimator was fitted to."""
    seen: dict[int, Any] = {}
    pending: list[tuple[Any, int | None]] = [(value, None)]
    while pending:
        part, features = pending.pop()
        if id(part) in seen or isinstance(part, str | bytes | int | float):
            continue
        seen[id(part)] = part
        state = getattr(part, "__dict__", None)
        if isinstance(state, dict):
            features = state.get("n_features_in_", features)
            pending += [(child, features) for child in state.values()]
        yield part, features if isinstance(features, int) else None
        pending += [(child, features) for child in _children(part)]


def _children(part: Any) -> list[Any]:
    if isinstance(part, dict):
        return [*part.keys(), *part.values()]
    if isinstance(part, list | tuple | set | frozenset):
        return list(part)
    array: Any = part if type(part) is loaded_type("numpy", "ndarray") else None
    return list(array.ravel().tolist()) if array is not None and array.dtype.hasobject else []


def _need(right: Any, what: str) -> None:
    if not right:
        raise CorruptDataError(f"{what} of the model leads to where there is nothing. Ask who made the file.")


def _decision_tree(tree: Any, features: int | None) -> None:
    np, state = require("numpy"), tree.__getstate__()
    nodes = state["nodes"]
    index, left, right = np.arange(len(nodes)), nodes["left_child"], nodes["right_child"]
    inner = left != -1
    _need(len(nodes) > 0 and state["node_count"] == len(nodes) == len(state["values"]), "A tree")
    _need(((left == -1) == (right == -1)).all(), "A node")
    for child in (left, right):
        _need(((child > index) & (child < len(nodes)))[inner].all(), "A node")
    most = tree.n_features if features is None else min(tree.n_features, features)
    _need(((nodes["feature"] >= 0) & (nodes["feature"] < most))[inner].all(), "A feature")


def _predictor(tree: Any, features: int | None) -> None:
    np, nodes = require("numpy"), tree.nodes
    index, inner = np.arange(len(nodes)), nodes["is_leaf"] == 0
    _need(len(nodes) > 0, "A tree")
    for name in ("left", "right"):
        child = nodes[name].astype(np.int64)
        _need(((child > index) & (child < len(nodes)))[inner].all(), "A node")
    feature = nodes["feature_idx"].astype(np.int64)
    most = features if features is not None else int(feature.max(initial=0)) + 1
    _need(((feature >= 0) & (feature < most))[inner].all(), "A feature")
    bitsets = min(len(tree.raw_left_cat_bitsets), len(tree.binned_left_cat_bitsets))
    categorical = inner & (nodes["is_categorical"] != 0)
    _need((nodes["bitset_idx"].astype(np.int64)[categorical] < bitsets).all(), "A category")


def _neighbours(tree: Any, features: int | None) -> None:
    np = require("numpy")
    data, order, nodes, bounds = map(np.asarray, tree.get_arrays())
    state = tree.__getstate__()
    levels, count = int(state[5]), int(state[6])
    _need(0 < levels < 60 and count == (1 << levels) - 1 == len(nodes) == bounds.shape[1], "A level")
    _need(nodes["is_leaf"][count // 2 :].all() and (state[12] is None or len(state[12]) == len(data)), "A leaf")
    _need(order.shape == data.shape[:1] and ((order >= 0) & (order < len(data))).all(), "A neighbour")
    for name in ("idx_start", "idx_end"):
        _need(((nodes[name] >= 0) & (nodes[name] <= len(data))).all(), "A neighbour")
    _need(bounds.shape[2] == data.shape[1] and (features is None or features == data.shape[1]), "A bound")


def _sparse(matrix: Any, _features: int | None) -> None:
    if hasattr(matrix, "check_format"):
        matrix.check_format(full_check=True)


def _bins(mapper: Any, _features: int | None) -> None:
    _need(len(mapper.bin_thresholds_) == len(mapper.n_bins_non_missing_), "A bin")


_CHECKS: Mapping[tuple[str, str], Callable[[Any, int | None], None]] = {
    ("sklearn.tree._tree", "Tree"): _decision_tree,
    ("sklearn.ensemble._hist_gradient_boosting.predictor", "TreePredictor"): _predictor,
    ("sklearn.ensemble._hist_gradient_boosting.binning", "_BinMapper"): _bins,
    ("sklearn.neighbors._kd_tree", "BinaryTree64"): _neighbours,
    ("sklearn.neighbors._ball_tree", "BinaryTree64"): _neighbours,
    ("scipy.sparse", "sparray"): _sparse,
    ("scipy.sparse", "spmatrix"): _sparse,
}
