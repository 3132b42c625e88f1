"""A table that passes through: from S3 to S3, larger than the memory that it may take, beside Polars' own sink."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.race import Scale, Table, race
from benchmarks.scans import Steps, options_of, store_on
from benchmarks.steps import Contestant, Step

NAME = "copying"
ROUNDS = 3
PIECE = 10 << 17
"""Rows of 8 bytes, 10 MB."""


def tables(scale: Scale, folder: Path, servers: Any) -> list[Table]:
    """On SeaweedFS, where the disk holds all copies: what was removed is freed much later."""
    needed = scale.of(600) * (ROUNDS * 3 + 1) * 10_500_000
    with servers.on_disk() as server:
        if server is None or shutil.disk_usage(folder).free < needed:
            return []
        table = _copies(scale, server)
    table.memory = True
    return [table]


def _copies(scale: Scale, server: dict[str, Any]) -> Table:
    """A table of ten times the memory that a copy may take."""
    pieces = scale.of(600)
    with store_on(server) as store:
        store["large"] = _pieces(pieces)
    title = f"A table of {pieces * 10:,} MB from S3 to S3, on SeaweedFS"
    copies = [Contestant("autostore", "our_copy"), Contestant("Polars sink_parquet", "polars_copy")]
    few = dataclasses.replace(scale, rounds=min(scale.rounds, ROUNDS), warm_ups=0)
    return race(title, __name__, copies, few, [], server=server, rows=pieces * PIECE)


def _pieces(count: int) -> Iterator[Any]:
    import numpy as np
    import polars as pl

    piece = pl.DataFrame({"x": np.random.default_rng(0).integers(0, 1 << 62, PIECE)})
    return (piece for _ in range(count))


def _copied(store: Any, number: int, rows: int, copy: Callable[[str], Any]) -> Steps:
    """A step that copies to a key of its own, which is looked at and removed afterwards."""
    key = f"copy{number}"

    def check(_: object) -> bool:
        found = store.info(key).rows
        del store[key]
        return bool(found == rows)

    yield {"copy": Step(lambda: copy(key), check=check)}


def our_copy(server: dict[str, Any], number: int, rows: int) -> Steps:
    """A scan, written as it is computed."""
    with store_on(server) as store:
        yield from _copied(store, number, rows, lambda key: store.write(key, store.scan("large")))


def polars_copy(server: dict[str, Any], number: int, rows: int) -> Steps:
    """The same by Polars alone, both ways."""
    import polars as pl

    at, options = f"s3://{server['bucket']}/scans", options_of(server)

    def copy(key: str) -> None:
        large = pl.scan_parquet(f"{at}/large.parquet", storage_options=options)
        large.sink_parquet(f"{at}/{key}.parquet", storage_options=options)

    with store_on(server) as store:
        yield from _copied(store, number, rows, copy)
