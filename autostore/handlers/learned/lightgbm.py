"""Boosters of LightGBM as .lgb, its own text; those that wrap one for scikit-learn are .skops.

https://lightgbm.readthedocs.io/en/stable/pythonapi/lightgbm.Booster.html. LightGBM parses its text without looking,
and crashes on one that is damaged, so the whole text is looked at first.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from autostore.equality.learned import LIGHTGBM
from autostore.errors import CorruptDataError
from autostore.guard.ceiling import read_whole
from autostore.guard.foreign import let_pass
from autostore.handlers.encoding import decode
from autostore.handlers.owned import OwnedHandler
from autostore.handlers.parsing import parse_json
from autostore.optional import DISTRIBUTION, require
from autostore.preview import Preview
from autostore.previews.learned import lightgbm_booster

__all__ = ["LightGBMHandler", "check_text"]

_BYTES_IN_MEMORY = 12
_INTEGER, _FLOAT = r"-?\d{1,18}", r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d{1,3})?|inf|nan)"
_INTEGERS = re.compile(rf"{_INTEGER}(?: {_INTEGER})*")
_FLOATS = re.compile(rf"{_FLOAT}(?: {_FLOAT})*")
_HEAD = ("version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "objective",
         "monotone_constraints", "feature_names", "feature_infos", "tree_sizes", "average_output")  # fmt: skip
_OBJECTIVE = re.compile(r"[a-z_0-9]{1,40}(?: [a-z_]{1,40}(?::[-+.\w]{1,40})?)*")
_INFO = re.compile(r"none|\[[-+.\deinfa]+:[-+.\deinfa]+\]|-?\d+(?::-?\d+)*")
_PARAMETER = re.compile(r"\[\w+: [^\[\]\n]*(?:\[[^\n]*\])?[^\[\]\n]*\]|")
_IMPORTANCE = re.compile(r"[^\n=]+=\d+")
_LARGEST = 1_000_000
_END, _OURS = "\nend of parameters\n", "autostore: "
_NODES = {"split_feature": _INTEGERS, "split_gain": _FLOATS, "threshold": _FLOATS, "decision_type": _INTEGERS,
          "left_child": _INTEGERS, "right_child": _INTEGERS, "internal_value": _FLOATS, "internal_weight": _FLOATS,
          "internal_count": _INTEGERS}  # fmt: skip
_LEAVES = {"leaf_value": _FLOATS, "leaf_weight": _FLOATS, "leaf_count": _INTEGERS}
_SINGLE = {"num_leaves", "num_cat", "is_linear", "shrinkage", "cat_boundaries", "cat_threshold"}


class LightGBMHandler(OwnedHandler):
    """Boosters of LightGBM, as .lgb."""

    types = "boosters of LightGBM (`lightgbm.Booster`); a wrapper for scikit-learn is .skops"
    read_by = "LightGBM in any language"
    install = f"{DISTRIBUTION}[lightgbm]"
    equality = LIGHTGBM
    media_types = {".lgb": "text/plain"}
    requires = ("lightgbm",)
    extension, of_class = ".lgb", ("lightgbm", "Booster")

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The booster, once every tree was found to be one."""
        content = read_whole(file_path, self.ceiling)
        self.ceiling.check(_BYTES_IN_MEMORY * len(content), "The model")
        text = decode(content)
        best = check_text(text)
        lightgbm = require("lightgbm")
        try:
            booster = lightgbm.Booster(model_str=text)
        except (lightgbm.basic.LightGBMError, ValueError, TypeError) as error:
            let_pass(error)
            raise CorruptDataError(f"LightGBM does not read this: {error!s:.300}") from error
        booster.best_iteration = best if best is not None else booster.best_iteration
        return booster

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write all iterations, if they come back the same."""
        text = data.model_to_string(num_iteration=-1)
        if data.best_iteration > 0:  # what `predict` uses, and LightGBM's own files do not keep
            text = text.replace(
                _END, f"{_END}\n{_OURS}{json.dumps({'v': 1, 'best_iteration': data.best_iteration})}\n", 1
            )
        with open(file_path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        self.check_kept(data, file_path)

    def preview(self, data: Any) -> Preview:
        """Trees, features, and those that weigh most."""
        return lightgbm_booster(data)


def check_text(text: str) -> int | None:
    """Refuse a text of which a number leads to where there is nothing; the best iteration, where one is noted."""
    head, mark, rest = text.partition("\n\nTree=0\n")
    body, end, tail = rest.partition("\nend of trees\n")
    _need(mark and end and "\r" not in text and "\0" not in text, "The text")
    said = _said(head.removeprefix("tree\n").split("\n"))
    features = _check_head(said, head)
    blocks = re.split(r"\nTree=\d+\n", body)
    sizes = [int(size) for size in said["tree_sizes"].split(" ")]
    begin = len(head.encode()) + 2
    raw = text.encode()
    _need(len(sizes) == len(blocks), "A tree")
    for number, (block, size) in enumerate(zip(blocks, sizes, strict=True)):
        _need(raw[begin : begin + size] == f"Tree={number}\n{block}\n".encode(), "A tree")
        begin += size
        _check_tree(_said(block.rstrip("\n").split("\n")), features)
    return _check_tail(tail)


def _said(lines: list[str]) -> dict[str, str]:
    pairs = [line.partition("=") for line in lines]
    found = {name: value for name, _, value in pairs}
    _need(len(found) == len(pairs), "A line")
    return found


def _check_head(said: dict[str, str], head: str) -> int:
    _need(head.startswith("tree\nversion=v4\n") and said.keys() <= set(_HEAD), "The head")
    numbers = [said.get(name, "") for name in ("num_class", "num_tree_per_iteration", "label_index", "max_feature_idx")]
    _need(all(re.fullmatch(r"\d{1,7}", number) for number in numbers), "A number")
    classes, per_round, _, features = map(int, numbers)
    features += 1
    _need(0 < max(classes, per_round, features) <= _LARGEST and per_round > 0 and classes > 0, "A number")
    _need(_OBJECTIVE.fullmatch(said.get("objective", "custom")), "The objective")
    names, infos = said.get("feature_names", "").split(" "), said.get("feature_infos", "").split(" ")
    _need(len(names) == len(infos) == features and all(map(_INFO.fullmatch, infos)), "A feature")
    constraints = said.get("monotone_constraints", "0" + " 0" * (features - 1))
    _need(_INTEGERS.fullmatch(constraints) and len(constraints.split(" ")) == features, "A constraint")
    _need(re.fullmatch(r"\d{1,12}(?: \d{1,12})*", said.get("tree_sizes", "")), "A tree")
    _need((said["tree_sizes"].count(" ") + 1) % per_round == 0, "A round")
    return features


def _check_tree(tree: dict[str, str], features: int) -> None:
    leaves, cats = (int(tree.get(name, "")) if re.fullmatch(r"\d{1,9}", tree.get(name, "")) else 0
                    for name in ("num_leaves", "num_cat"))  # fmt: skip
    _need(leaves > 0 and tree.get("is_linear") == "0" and tree.keys() <= {*_NODES, *_LEAVES, *_SINGLE}, "A tree")
    _need(_FLOATS.fullmatch(tree.get("shrinkage", "")), "A tree")
    nodes = {name: _numbers(tree, name, form, leaves - 1) for name, form in _NODES.items() if leaves > 1}
    for name, form in _LEAVES.items():
        if leaves > 1 or tree.get(name):
            _numbers(tree, name, form, leaves)
    if leaves > 1:
        _check_nodes(nodes, leaves, features)
        _check_categories(tree, nodes, cats)


def _numbers(tree: dict[str, str], name: str, form: re.Pattern[str], count: int) -> Any:
    text = tree.get(name, "")
    _need(text.count(" ") == count - 1 and form.fullmatch(text), "A node")
    return require("numpy").array(text.split(" "), "i8" if form is _INTEGERS else "f8")


def _check_nodes(nodes: dict[str, Any], leaves: int, features: int) -> None:
    np = require("numpy")
    index = np.arange(leaves - 1)
    for name in ("left_child", "right_child"):
        child = nodes[name]
        _need((((child > index) & (child < leaves - 1)) | ((child < 0) & (child >= -leaves))).all(), "A node")
    _need(((nodes["split_feature"] >= 0) & (nodes["split_feature"] < features)).all(), "A feature")
    _need(((nodes["decision_type"] >= 0) & (nodes["decision_type"] < 16)).all(), "A split")


def _check_categories(tree: dict[str, str], nodes: dict[str, Any], cats: int) -> None:
    np = require("numpy")
    categorical = nodes["threshold"][nodes["decision_type"] & 1 == 1]
    _need(((categorical >= 0) & (categorical < max(cats, 0))).all() if len(categorical) else True, "A category")
    if cats:
        bounds = _numbers(tree, "cat_boundaries", _INTEGERS, cats + 1)
        words = _numbers(tree, "cat_threshold", _INTEGERS, int(bounds[-1]) if 0 < bounds[-1] < 1 << 31 else 0)
        _need(
            bounds[0] == 0 and (np.diff(bounds) >= 0).all() and ((words >= 0) & (words < 1 << 32)).all(), "A category"
        )


def _check_tail(tail: str) -> int | None:
    """Importances, parameters, and the categories of pandas, each a line of its own kind."""
    importance, mark, rest = tail.partition("\nparameters:\n")
    settings, end, last = rest.partition(_END)
    lines = [line for line in importance.split("\n") if line]
    _need(not lines or (lines[0] == "feature_importances:" and all(map(_IMPORTANCE.fullmatch, lines[1:]))), "The end")
    _need(mark and end and all(map(_PARAMETER.fullmatch, settings.split("\n"))), "A parameter")
    ours, _, categories = last.strip("\n").rpartition("\n\n")
    _need(categories.startswith("pandas_categorical:") and "\n" not in categories, "The end")
    parse_json(categories.removeprefix("pandas_categorical:"))
    if not ours:
        return None
    _need(ours.startswith(_OURS) and "\n" not in ours, "The end")
    said = parse_json(ours.removeprefix(_OURS))
    _need(type(said) is dict and said.get("v") == 1 and type(said.get("best_iteration")) is int, "The end")
    return max(int(said["best_iteration"]), 0)


def _need(right: Any, what: str) -> None:
    if not right:
        raise CorruptDataError(f"{what} of the model is not as LightGBM writes it. Ask who made the file.")
