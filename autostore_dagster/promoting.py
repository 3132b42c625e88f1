"""Puts what a branch deployment computed into production's store, where that still has what the branch saw."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from autostore import AutoStore, InvalidConfigError, PreconditionFailedError
from autostore_dagster.choosing import Asset, chosen_assets, graph_around
from autostore_dagster.io_manager import manager_of
from autostore_dagster.keys import asset_key

__all__ = ["Promoted", "build_promote_job", "promote"]

SHOWN = 1000
"""Rows of the table in the UI."""


class Promoted(list[tuple[str, str]]):
    """What was put into the base, or would be by a dry run: key, and whether it was added, changed or deleted there."""

    def records(self) -> list[dict[str, str]]:
        """A row for each, as tables of Dagster and of Polars take them."""
        return [{"key": key, "change": kind} for key, kind in self]

    def __str__(self) -> str:
        """A table for a terminal."""
        return "\n".join(f"{kind:<8} {key}" for key, kind in self) or "nothing to promote"


def promote(
    defs: dg.Definitions,
    *,
    assets: Sequence[Asset] | None = None,
    dry_run: bool = False,
    io_manager_key: str = "io_manager",
) -> Promoted:
    """Put what the manager's branch changed into its base; with history there, what it replaces is kept.

    Where the base changed since the branch first wrote over it, `PreconditionFailedError` names every such key, and
    nothing is changed (of several `assets` those before it have been promoted). One that was killed is finished by
    the next. Costs as `AutoStore.promote`.

    Args:
        defs: whose resource `io_manager_key` is an `AutoStoreIOManager` with a `base`.
        assets: only these, each with all its partitions; None: whatever the branch changed. One that is neither
            defined nor changed is refused.
        dry_run: nothing is changed.
        io_manager_key: the resource that has the branch.
    """
    with manager_of(defs, io_manager_key, "promote").open() as store:
        return _promote(store, assets, defs.resolve_asset_graph(), dry_run=dry_run)


class PromoteConfig(dg.Config):
    """What is promoted: these assets, as `raw/flights`, or all; by a dry run nothing."""

    assets: list[str] | None = None
    dry_run: bool = False


def build_promote_job(*, name: str = "promote_branch", io_manager_key: str = "io_manager") -> dg.JobDefinition:
    """A job that promotes the branch of the definitions it is part of; the page of its run has the table.

    Its run configuration chooses: `{"ops": {name: {"config": {"assets": ["raw/flights"], "dry_run": True}}}}`.
    """

    @dg.op(name=f"{name}_op", required_resource_keys={io_manager_key}, out=dg.Out(dg.Nothing))
    def promote_op(context: dg.OpExecutionContext, config: PromoteConfig) -> None:
        with getattr(context.resources, io_manager_key).open() as store:
            promoted = _promote(store, config.assets, graph_around(context), dry_run=config.dry_run)
        rows = [dg.TableRecord(dict(row)) for row in promoted.records()[:SHOWN]]
        context.add_output_metadata(
            {"keys": len(promoted), **({"promoted": dg.MetadataValue.table(rows)} if rows else {})}
        )

    @dg.job(name=name, executor_def=dg.in_process_executor)
    def promote_job() -> None:
        promote_op.alias(name)()  # a job and an op of one name cannot be loaded

    return promote_job


def _promote(store: AutoStore, assets: Sequence[Asset] | None, graph: Any, *, dry_run: bool) -> Promoted:
    if store.base is None:
        raise InvalidConfigError(
            f"{store.uri} is no branch, so there is nothing to promote it into. Give the manager a base=."
        )
    act = store.diff if dry_run else store.promote
    done: Promoted = Promoted()
    for prefix in [""] if assets is None else _prefixes(store, assets, graph):
        try:
            done += [(change.key, change.kind) for change in act(prefix)]
        except PreconditionFailedError as error:
            if done:
                error.add_note(f"Promoted before it: {', '.join(key for key, _ in done)}.")
            raise
    return done


def _prefixes(store: AutoStore, assets: Sequence[Asset], graph: Any) -> list[str]:
    """The keys of the assets and the folders of their partitions."""

    def changed(key: dg.AssetKey) -> bool:
        return any(store.diff(prefix) for prefix in _keys(key))

    return [prefix for key in chosen_assets(assets, graph, changed) for prefix in _keys(key)]


def _keys(asset: dg.AssetKey) -> tuple[str, str]:
    key = asset_key(asset.path)
    return key, f"{key}/"
