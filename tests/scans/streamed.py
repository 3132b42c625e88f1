"""Tables that come a piece at a time, in every form in which a user may have them."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

SCHEMA = pa.schema([("n", pa.int64()), ("t", pa.string())])
ROWS = [{"n": n, "t": f"row {n}"} for n in range(6)]
PIECES = [ROWS[:2], ROWS[2:3], ROWS[3:]]
TABLE = pa.Table.from_pylist(ROWS, SCHEMA)


class Relation:
    """What hands its rows on by Arrow's C interface alone, as a DuckDB relation does."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


def batches():
    return (pa.RecordBatch.from_pylist(rows, SCHEMA) for rows in PIECES)


STREAMS = {
    "frames of polars": (lambda: (pl.DataFrame(rows) for rows in PIECES), pl.LazyFrame),
    "frames of pandas": (lambda: (pd.DataFrame(rows) for rows in PIECES), pd.DataFrame),
    "tables of arrow": (lambda: (pa.Table.from_pylist(rows, SCHEMA) for rows in PIECES), pa.Table),
    "batches": (batches, pa.Table),
    "a reader": (lambda: pa.RecordBatchReader.from_batches(SCHEMA, batches()), pa.Table),
    "a C stream": (lambda: Relation(TABLE), pl.LazyFrame),
    "a query": (lambda: pl.DataFrame(ROWS).lazy(), pl.LazyFrame),
    "batches of a query": (lambda: pl.DataFrame(ROWS).lazy().collect_batches(), pl.LazyFrame),
}


def rows_of(table):
    """The rows of any kind of table."""
    if isinstance(table, pl.LazyFrame):
        table = table.collect()
    return table.to_dicts() if isinstance(table, pl.DataFrame) else pa.table(table).to_pylist()


def noise(megabytes):
    """A frame that no codec makes smaller."""
    return pl.DataFrame({"x": np.random.default_rng(megabytes).integers(0, 1 << 63, megabytes << 17)})
