"""A LazyFrame many times larger than the memory it may use: scan, filter, select, written by streaming."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.competitors import fresh
from benchmarks.measure import Aim
from benchmarks.race import Scale, Table, race
from benchmarks.steps import Contestant, Step

NAME = "lazy"
CAP_MB = 768
"""What the writers may allocate; the plan's result is about three times that, uncompressed."""


def tables(scale: Scale, folder: Path, _servers: Any) -> list[Table]:
    """Ours against `sink_parquet` of the same plan."""
    rows = scale.of(64_000_000, 1000)
    source = folder / "source.parquet"
    _write_source(source, rows)
    megabytes = rows * 40 // 1_000_000
    ours, own = Contestant("autostore", "ours", limit_mb=CAP_MB), Contestant("sink_parquet", "sink", limit_mb=CAP_MB)
    title = f"A LazyFrame of {megabytes:,} MB in at most {CAP_MB} MB"
    aims = [Aim("write", "sink_parquet", 1 / 1.1)]
    table = race(title, __name__, [ours, own], scale, aims, folder=str(folder), source=str(source))
    table.memory = True
    source.unlink()
    return [table]


def _write_source(source: Path, rows: int) -> None:
    """By a plan too, in a process of its own, so that nobody here holds Polars' memory."""
    import subprocess
    import sys

    code = """
import sys, polars as pl
rows = int(sys.argv[2])
plan = pl.LazyFrame({"id": [0]}).select(pl.int_range(rows, dtype=pl.Int64).alias("id"))
plan = plan.with_columns(
    x=pl.col("id") * 0.5, y=(pl.col("id") * 7919 % 1_000_003).cast(pl.Float64),
    z=pl.col("id") % 97, group=pl.col("id") // 1000,
)
plan.sink_parquet(sys.argv[1], compression="uncompressed", row_group_size=250_000)
"""
    subprocess.run([sys.executable, "-c", code, str(source), str(rows)], check=True)


def _plan(source: str) -> Any:
    import polars as pl

    return pl.scan_parquet(source).filter(pl.col("z") > 9).select("id", "x", "group", w=pl.col("y") + pl.col("z"))


def ours(folder: str, number: int, source: str) -> Iterator[dict[str, Step]]:
    """A store, given the plan."""
    from autostore import AutoStore

    with AutoStore(fresh(folder, number)) as store:

        def write() -> None:
            store["t.parquet"] = _plan(source)

        yield {"write": Step(write)}


def sink(folder: str, number: int, source: str) -> Iterator[dict[str, Step]]:
    """Polars alone, to a temporary file and a rename."""
    import os

    file = f"{fresh(folder, number)}/t.parquet"

    def write() -> None:
        _plan(source).sink_parquet(f"{file}.tmp")
        os.replace(f"{file}.tmp", file)

    yield {"write": Step(write)}
