"""Boosters of XGBoost as .ubj, its own file; those that wrap one for scikit-learn are .skops.

https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html. XGBoost follows the numbers of a file without
looking, so they are looked at first.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from autostore.equality.learned import XGBOOST
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import read_whole
from autostore.guard.foreign import let_pass
from autostore.handlers.learned.ubjson import read_ubjson
from autostore.handlers.owned import OwnedHandler
from autostore.optional import DISTRIBUTION, require
from autostore.preview import Preview
from autostore.previews.learned import xgboost_booster

__all__ = ["XGBoostHandler", "check_booster"]

_BYTES_IN_MEMORY = 8
_NUMBER = re.compile(r"\d{1,9}")
_SCORE = re.compile(r"\[?[-+\d.,eE]{0,100000}\]?")
_PER_NODE = ("left_children", "right_children", "parents", "split_indices", "split_conditions", "sum_hessian",
             "loss_changes", "default_left", "split_type")  # fmt: skip
_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_LARGEST = 1_000_000
_NO_PARENT = (1 << 31) - 1


class XGBoostHandler(OwnedHandler):
    """Boosters of XGBoost, as .ubj."""

    types = "boosters of XGBoost (`xgboost.Booster`); a wrapper for scikit-learn is .skops"
    read_by = "XGBoost in any language"
    install = f"{DISTRIBUTION}[xgboost]"
    equality = XGBOOST
    media_types = {".ubj": "application/ubjson"}
    requires = ("xgboost",)
    extension, of_class = ".ubj", ("xgboost", "Booster")

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The booster, once every tree was found to be one."""
        content = read_whole(file_path, self.ceiling)
        self.ceiling.check(_BYTES_IN_MEMORY * len(content), "The model")
        check_booster(read_ubjson(content))
        xgboost = require("xgboost")
        booster = xgboost.Booster()
        try:
            booster.load_model(bytearray(content))
        except (xgboost.core.XGBoostError, ValueError, TypeError) as error:
            let_pass(error)
            raise CorruptDataError(f"XGBoost does not read this: {error!s:.300}") from error
        return booster

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the model, if it comes back the same."""
        xgboost = require("xgboost")
        try:
            content = bytes(data.save_raw("ubj"))
        except (xgboost.core.XGBoostError, ValueError) as error:
            let_pass(error)
            raise UnsupportedFormatError(f"XGBoost does not write this booster: {error!s:.300}") from error
        with open(file_path, "wb") as file:
            file.write(content)
        self.check_kept(data, file_path)

    def preview(self, data: Any) -> Preview:
        """Rounds, features, and those that weigh most."""
        return xgboost_booster(data)


def check_booster(model: Any) -> None:
    """Refuse a model of which a number leads to where there is nothing."""
    learner = _part(model, "learner", dict)
    said = _part(learner, "learner_model_param", dict)
    features, classes, targets = (_number(said, name) for name in ("num_feature", "num_class", "num_target"))
    _need(max(features, classes, targets) <= _LARGEST and _SCORE.fullmatch(_part(said, "base_score", str)), "A number")
    names = [_part(learner, name, list) for name in ("feature_names", "feature_types")]
    _need(all(len(found) in (0, features) and set(map(type, found)) <= {str} for found in names), "A feature")
    gradient = _part(learner, "gradient_booster", dict)
    name = _part(gradient, "name", str)
    if name == "gblinear":
        weights = _part(_part(gradient, "model", dict), "weights", object)
        _need(len(weights) == (features + 1) * max(classes, targets, 1), "A weight")
        return
    _need(name in ("gbtree", "dart"), "A booster")
    trees = _part(gradient["gbtree"] if name == "dart" else gradient, "model", dict)
    count = _check_trees(trees, features, max(classes, targets, 1))
    _need(name == "gbtree" or len(_part(gradient, "weight_drop", object)) == count, "A weight")


def _check_trees(model: dict[str, Any], features: int, groups: int) -> int:
    cats = model.get("cats", {})
    _need(type(cats) is dict and not any(len(part) for part in cats.values()), "A category")
    trees, info = _part(model, "trees", list), list(_part(model, "tree_info", object))
    param = _part(model, "gbtree_model_param", dict)
    _need(len(trees) == len(info) == _number(param, "num_trees"), "A tree")
    _need(all(type(group) is int and 0 <= group < groups for group in map(_plain, info)), "A class")
    begins = [_plain(begin) for begin in model.get("iteration_indptr", [0, len(trees)])]
    _need(begins == sorted(begins) and begins[:1] == [0] and begins[-1:] == [len(trees)], "A round")
    _need(0 < _number(param, "num_parallel_tree") <= max(len(trees), 1) or not trees, "A tree")
    for number, tree in enumerate(trees):
        _need(type(tree) is dict and _plain(tree.get("id", number)) == number, "A tree")
        _check_tree(tree, features)
    return len(trees)


def _check_tree(tree: dict[str, Any], features: int) -> None:
    np, param = require("numpy"), _part(tree, "tree_param", dict)
    count = _number(param, "num_nodes")
    _need(count > 0 and _number(param, "size_leaf_vector") <= 1 and _number(param, "num_feature") == features, "A tree")
    arrays = {name: np.asarray(_part(tree, name, object)) for name in (*_PER_NODE, "base_weights")}
    _need(all(array.shape == (count,) and array.dtype.kind in "iuf" for array in arrays.values()), "A node")
    left, right = (arrays[name].astype("i8") for name in ("left_children", "right_children"))
    inner = left != -1
    children = np.concatenate([left[inner], right[inner]])
    _need(((right == -1) == ~inner).all() and ((children > 0) & (children < count)).all(), "A node")
    _need((np.bincount(children, minlength=count) <= 1).all(), "A node")  # so no node is below itself
    parents = arrays["parents"].astype("i8")
    above = np.concatenate([np.flatnonzero(inner)] * 2)
    _need(parents[0] == _NO_PARENT and np.array_equal(parents[children], above), "A node")
    _need(((parents == _NO_PARENT) | ((parents >= 0) & (parents < count))).all(), "A node")
    split = arrays["split_indices"].astype("i8")[inner]
    _need(((split >= 0) & (split < features)).all(), "A feature")
    _need(np.isin(arrays["split_type"], (0, 1)).all(), "A split")
    values, nodes, begins, sizes = (np.asarray(tree.get(name, [])).astype("i8") for name in _CATEGORIES)
    categorical = np.flatnonzero(arrays["split_type"] == 1)
    _need(np.array_equal(np.sort(nodes), categorical) and len(nodes) == len(begins) == len(sizes), "A category")
    _need(((begins >= 0) & (sizes >= 0) & (begins + sizes <= len(values))).all(), "A category")
    _need(((values >= 0) & (values < 1 << 24)).all(), "A category")


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _part(tree: Any, name: str, kind: type) -> Any:
    _need(type(tree) is dict and name in tree and isinstance(tree[name], kind), repr(name))
    _need(kind is not object or hasattr(tree[name], "__len__"), repr(name))
    return tree[name]


def _number(tree: dict[str, Any], name: str) -> int:
    text = tree.get(name, "0")
    _need(type(text) is str and _NUMBER.fullmatch(text), repr(name))
    return int(text)


def _need(right: Any, what: str) -> None:
    if not right:
        raise CorruptDataError(f"{what} of the model is not as XGBoost writes it. Ask who made the file.")
