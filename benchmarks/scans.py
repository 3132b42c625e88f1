"""Tables asked where they lie on S3: bytes moved and seconds, beside the readers of other engines, near and far."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Aim
from benchmarks.race import Scale, Table, moved, race
from benchmarks.steps import Contestant, Step

NAME = "scans"
GROUPS, COLUMNS = 50, 10
LATENCY = 0.02
POLARS = "Polars scan_parquet, unpinned"
RIVALS = [(POLARS, "polars_own"), ("pyarrow dataset", "arrow_dataset"), ("DuckDB", "duckdb_own")]
Steps = Iterator[dict[str, Step]]


def tables(scale: Scale, _folder: Path, servers: Any) -> list[Table]:
    """One large table, and one of many small ones."""
    if not servers.available:
        return []
    near = servers.radosgw()
    rows = scale.of(18_000, 500)
    many = scale.of(5_000, 20)
    _prepare(servers.client, near["bucket"], rows, many)
    ours, rivals = Contestant("autostore", "ours"), [Contestant(*rival) for rival in RIVALS]
    rivals.insert(0, Contestant("autostore, boto3 alone", "ours", {"engine": "boto3"}))
    aims = [Aim("1 column of 10", POLARS, 1 / 1.5)]
    common = {"rows": rows, "many": many}
    size = rows * GROUPS * COLUMNS * 8 // 1_000_000
    title = f"A Parquet file of {size} MB ({COLUMNS} columns, {GROUPS} row groups), and {many:,} partitions, on radosgw"
    found = [race(title, __name__, [ours, *rivals], scale, aims, server=near, **common)]
    found[0].notes = moved(__name__, [ours, *rivals], near, **common)
    with servers.behind_link(LATENCY) as far:
        title = f"The same, {LATENCY * 1000:.0f} ms away"
        found.append(race(title, __name__, [ours, *rivals], scale, [], server=far, **common))
    for table in found:
        table.memory = True
    return found


def _prepare(client: Any, bucket: str, rows: int, many: int) -> None:
    import numpy as np
    import polars as pl

    random = np.random.default_rng(0)
    columns = {"id": np.arange(GROUPS * rows)}
    columns |= {f"c{n}": random.integers(0, 1 << 62, GROUPS * rows) for n in range(COLUMNS - 1)}
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file, row_group_size=rows, compression="uncompressed")
    client.put_object(Bucket=bucket, Key="scans/t.parquet", Body=file.getvalue())
    for path, data in partitions("many", many):
        client.put_object(Bucket=bucket, Key=f"scans/{path}", Body=data)


def partitions(folder: str, count: int) -> Iterator[tuple[str, bytes]]:
    """So many tables of two rows each, a path and the bytes of each."""
    import polars as pl

    for day in range(count):
        file = io.BytesIO()
        pl.DataFrame({"x": [day, day + 1]}).write_parquet(file)
        yield f"{folder}/day={day:05}/t.parquet", file.getvalue()


def _steps(rows: int, ask: Callable[[str], Any]) -> dict[str, Step]:
    whole = GROUPS * rows
    expected = {"1 column of 10": whole, "1 of 50 row groups": rows, "10 rows": 10, "all": whole, "1 partition": 2}
    return {name: Step(lambda name=name: ask(name), check=lambda got, n=n: got == n) for name, n in expected.items()}  # type: ignore[misc]


def _of_polars(rows: int, many: int, table: Callable[[], Any], folder: Callable[[], Any]) -> dict[str, Step]:
    import polars as pl

    def ask(name: str) -> int:
        if name == "1 partition":
            return folder().filter(pl.col("day") == f"{many // 2:05}").collect().height
        if name == "1 column of 10":
            return table().select("c3").collect().height
        if name == "10 rows":
            return table().head(10).collect().height
        frame = table() if name == "all" else table().filter(pl.col("id").is_between(rows, 2 * rows - 1))
        return frame.collect().height

    return _steps(rows, ask)


def store_on(server: dict[str, Any], engine: str = "auto") -> Any:
    """A store below `scans/`."""
    from autostore import AutoStore, S3StorageConfig

    config = S3StorageConfig(
        endpoint_url=server["endpoint"], aws_access_key_id=server["key"], aws_secret_access_key=server["secret"],
        region_name="us-east-1", engine=engine,
    )  # fmt: skip
    return AutoStore(f"s3://{server['bucket']}/scans/", config)


def options_of(server: dict[str, Any]) -> dict[str, str]:
    """The same for Polars' own object store."""
    return {
        "aws_access_key_id": server["key"], "aws_secret_access_key": server["secret"], "aws_region": "us-east-1",
        "aws_endpoint_url": server["endpoint"], "aws_allow_http": "true",
    }  # fmt: skip


def ours(server: dict[str, Any], rows: int, many: int, engine: str = "auto") -> Steps:
    """Every question plans anew."""
    with store_on(server, engine) as store:
        yield _of_polars(rows, many, lambda: store.scan("t.parquet"), lambda: store.scan("many/"))


def polars_own(server: dict[str, Any], rows: int, many: int, **_rest: Any) -> Steps:
    """By its own object store; another version may lie there by the second request."""
    import polars as pl

    at, options = f"s3://{server['bucket']}/scans", options_of(server)
    schema = {"day": pl.String}
    yield _of_polars(
        rows, many, lambda: pl.scan_parquet(f"{at}/t.parquet", storage_options=options),
        lambda: pl.scan_parquet(f"{at}/many/", storage_options=options, hive_partitioning=True, hive_schema=schema),
    )  # fmt: skip


def arrow_dataset(server: dict[str, Any], rows: int, many: int, **_rest: Any) -> Steps:
    """By its own S3 file system."""
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    from pyarrow.fs import S3FileSystem

    host = server["endpoint"].removeprefix("http://")
    place = S3FileSystem(access_key=server["key"], secret_key=server["secret"], scheme="http", endpoint_override=host)

    def ask(name: str) -> int:
        if name == "1 partition":
            folder = ds.dataset(f"{server['bucket']}/scans/many", filesystem=place, partitioning=ds.partitioning(
                flavor="hive", schema=__import__("pyarrow").schema([("day", "string")])))  # fmt: skip
            return int(folder.to_table(filter=pc.field("day") == f"{many // 2:05}").num_rows)
        table = ds.dataset(f"{server['bucket']}/scans/t.parquet", filesystem=place)
        if name == "1 column of 10":
            return int(table.to_table(columns=["c3"]).num_rows)
        if name == "10 rows":
            return int(table.head(10).num_rows)
        within = (pc.field("id") >= rows) & (pc.field("id") < 2 * rows)
        return int(table.to_table(filter=None if name == "all" else within).num_rows)

    yield _steps(rows, ask)


def duckdb_own(server: dict[str, Any], rows: int, many: int, **_rest: Any) -> Steps:
    """With its extension httpfs, which has to be installed."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("LOAD httpfs")
    host = server["endpoint"].removeprefix("http://")
    connection.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{server['key']}', SECRET '{server['secret']}', REGION 'us-east-1',"
        f" ENDPOINT '{host}', USE_SSL false, URL_STYLE 'path')"
    )
    table = f"FROM 's3://{server['bucket']}/scans/t.parquet'"
    folder = f"FROM read_parquet('s3://{server['bucket']}/scans/many/*/*.parquet', hive_types={{'day': VARCHAR}})"
    questions = {
        "1 column of 10": f"SELECT c3 {table}", "10 rows": f"SELECT * {table} LIMIT 10", "all": f"SELECT * {table}",
        "1 of 50 row groups": f"SELECT * {table} WHERE id BETWEEN {rows} AND {2 * rows - 1}",
        "1 partition": f"SELECT * {folder} WHERE day = '{many // 2:05}'",
    }  # fmt: skip
    yield _steps(rows, lambda name: connection.execute(questions[name]).fetch_arrow_table().num_rows)
