"""Thousands of small tables as one frame, in a folder and on S3, beside Polars' own reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.race import Scale, Table, race
from benchmarks.scans import Steps, options_of, partitions, store_on
from benchmarks.steps import Contestant, Step

NAME = "partitions"


def tables(scale: Scale, folder: Path, servers: Any) -> list[Table]:
    """Twice: two fifths of the partitions, and all."""
    if not servers.available:
        return []
    near = servers.radosgw()
    many = scale.of(5_000, 20)
    for kind, count in _counts(many).items():
        for path, data in partitions(kind, count):
            servers.client.put_object(Bucket=near["bucket"], Key=f"scans/{path}", Body=data)
            (folder / path).parent.mkdir(parents=True)
            (folder / path).write_bytes(data)
    title = f"{many * 2 // 5:,} and {many:,} small partitions as one frame, in a folder and on radosgw"
    frames = [Contestant("autostore", "our_frames"), Contestant("Polars scan_parquet", "polars_frames")]
    return [race(title, __name__, frames, scale, [], server=near, many=many, folder=str(folder))]


def _counts(many: int) -> dict[str, int]:
    return {"few": many * 2 // 5, "all": many}


def our_frames(server: dict[str, Any], many: int, folder: str) -> Steps:
    """A read of all below a prefix."""
    import polars as pl

    from autostore import AutoStore

    with AutoStore(folder) as near, store_on(server) as far:
        places = {"in a folder": near, "on S3": far}
        yield _frames(many, lambda place, kind: places[place].read(f"{kind}/", as_type=pl.DataFrame))


def polars_frames(server: dict[str, Any], many: int, folder: str) -> Steps:
    """The same by Polars alone."""
    import polars as pl

    places: dict[str, tuple[str, Any]] = {
        "in a folder": (folder, None), "on S3": (f"s3://{server['bucket']}/scans", options_of(server)),
    }  # fmt: skip
    schema = {"day": pl.String}

    def ask(place: str, kind: str) -> Any:
        root, options = places[place]
        return pl.scan_parquet(
            f"{root}/{kind}/", storage_options=options, hive_partitioning=True, hive_schema=schema
        ).collect()

    yield _frames(many, ask)


def _frames(many: int, ask: Callable[[str, str], Any]) -> dict[str, Step]:
    return {
        f"{count:,} {place}": Step(
            lambda place=place, kind=kind: ask(place, kind).height,  # type: ignore[misc]
            check=lambda got, count=count: got == 2 * count,  # type: ignore[misc]
        )
        for place in ["in a folder", "on S3"]
        for kind, count in _counts(many).items()
    }
