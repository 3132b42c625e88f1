"""What is defined where a job runs, and which assets a caller chose of it by name, as a misspelt one is nothing."""

import difflib
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import dagster as dg
from dagster._check import CheckError

from autostore import InvalidConfigError, InvalidKeyError

__all__ = ["Asset", "chosen_assets", "coerced", "graph_around", "graph_of"]

Asset = str | Sequence[str] | dg.AssetKey


def chosen_assets(
    assets: Sequence[Asset], graph: Any, is_known: Callable[[dg.AssetKey], bool] | None = None
) -> list[dg.AssetKey]:
    """The keys of the assets, a text as `raw/flights`; `InvalidConfigError` for one that is not defined, nor known.

    Where nobody knows what is defined (the graph is None) all are taken at their word.
    """
    if isinstance(assets, str) or not isinstance(assets, Iterable):
        raise InvalidConfigError(f"assets={assets!r:.100} is no list. Pass one, such as assets=[{assets!r:.100}].")
    defined = None if graph is None else graph.get_all_asset_keys()
    return [_key(asset, defined, is_known) for asset in assets]


def _key(
    asset: Asset, defined: Collection[dg.AssetKey] | None, is_known: Callable[[dg.AssetKey], bool] | None
) -> dg.AssetKey:
    key = coerced(asset)
    if isinstance(asset, str) and key not in (defined or ()):
        key = dg.AssetKey.from_user_string(asset)
    if defined is None or key in defined or (is_known is not None and is_known(key)):
        return key
    name = key.to_user_string()
    near = difflib.get_close_matches(name, [other.to_user_string() for other in defined], n=1)
    remedy = f"Did you mean {near[0]!r}?" if near else "Name assets as the catalog does, such as 'raw/flights'."
    raise InvalidConfigError(f"No asset {name!r:.100} is defined here. {remedy}")


def coerced(asset: Any) -> dg.AssetKey:
    """The key that a text, a list of texts, a definition or a key is to Dagster; `InvalidKeyError` for all else."""
    try:
        key = dg.AssetKey.from_coercible(asset)
    except CheckError:
        key = None
    if key is None or not key.path:
        remedy = "Pass its definition, or its key, such as ['raw', 'flights']"
        raise InvalidKeyError(f"{asset!r:.100} is no asset. {remedy}.")
    return key


def graph_around(context: dg.OpExecutionContext) -> Any:
    """What the code location defines whose job this is; None where the job was executed without one, as in a test."""
    try:
        return context.repository_def.asset_graph
    except CheckError:
        return None


def graph_of(context: dg.OpExecutionContext, defs: Callable[[], dg.Definitions] | None) -> Any:
    """What the definitions, or the code location around the job, define; `InvalidConfigError` without both."""
    graph = defs().resolve_asset_graph() if defs else graph_around(context)
    if graph is None:
        raise InvalidConfigError(
            f"The job {context.job_name!r} was executed outside of a code location, so it does not know what is "
            "defined. Launch it from one, or build it with defs=."
        )
    return graph
