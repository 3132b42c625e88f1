"""Boosters within .skops files: what XGBoost and LightGBM will parse is looked at before skops hands it to them.

A booster must stand in the schema in full, and under ids of its own, so that what is looked at is what is made.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from typing import Any

from autostore.errors import CorruptDataError
from autostore.handlers.learned.lightgbm import check_text
from autostore.handlers.learned.ubjson import read_ubjson
from autostore.handlers.learned.xgboost import check_booster

__all__ = ["check_wrapped"]

_BOOSTERS = {"xgboost.core": ("handle", "BytearrayNode", "file"), "lightgbm.basic": ("_handle", "JsonNode", "content")}


def check_wrapped(schema: Any, archive: zipfile.ZipFile) -> None:
    """Look at every booster that a schema speaks of."""
    roles: dict[Any, str] = {}
    found = [node for node in _nodes(schema) if node.get("__module__") in _BOOSTERS]
    for node in found:
        if node.get("__loader__") != "CachedNode":
            _need(node.get("__class__") == "Booster" and node.get("__loader__") == "ObjectNode")
            for part, role in zip(_checked(node, archive), ("booster", "state", "handle"), strict=True):
                _need(roles.setdefault(part.get("__id__"), role) == role)
    if found:
        ours = {id(part) for node in found for part in _parts(node)}
        # skops makes one object of all nodes with one id.
        _need(all(id(node) in ours or node.get("__id__") not in roles or _is_cached(node) for node in _nodes(schema)))


def _is_cached(node: dict[str, Any]) -> bool:
    return node.get("__loader__") == "CachedNode"


def _parts(node: dict[str, Any]) -> list[Any]:
    """A booster, its state and its handle."""
    if _is_cached(node):
        return [node]
    return [node, node["content"], node["content"]["content"][_BOOSTERS[node["__module__"]][0]]]


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object of the schema, each before what is in it."""
    pending = [schema]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            yield part
            pending += reversed(part.values())
        elif isinstance(part, list):
            pending += reversed(part)


def _checked(node: dict[str, Any], archive: zipfile.ZipFile) -> list[Any]:
    """The parts of a booster, whose handle was looked at."""
    name, loader, where = _BOOSTERS[node["__module__"]]
    try:
        state = node["content"]
        handle = state["content"][name]
        right = state["__loader__"] == "DictNode" and handle["__loader__"] == loader
        content = handle[where]
    except (KeyError, TypeError):
        right = False
    _need(right and isinstance(content, str))
    if loader == "JsonNode":
        text = json.loads(content)
        _need(type(text) is str)
        check_text(text)
    else:
        check_booster(read_ubjson(archive.read(content)).get("Model"))
    return _parts(node)


def _need(right: Any) -> None:
    if not right:
        raise CorruptDataError("A booster of the model is not as skops writes it. Ask who made the file.")
