"""Tables of polars, pandas and arrow: rows, columns, head, and statistics that plot over time."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from autostore_dagster.metadata.bounds import CELL, COLUMNS, ROWS, SCHEMA, cell, clip, records_table

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["arrow_table", "pandas_frame", "polars_frame", "polars_lazy"]

PLOTTED = 8
"""Numeric columns whose mean and nulls become plots."""


def polars_frame(table: "pl.DataFrame") -> Mapping[str, Any]:
    """Rows, schema, head, and statistics of the first numeric columns."""
    import polars.selectors as cs

    numeric = table.select(cs.numeric()).columns[:PLOTTED]
    means = {name: table[name].mean() for name in numeric}
    nulls = {name: table[name].null_count() for name in numeric}
    return {
        **_common(table.height, table.schema.items(), table.head(ROWS)[:, :COLUMNS].to_dicts()),
        **_plots(means, nulls),
    }


def polars_lazy(table: "pl.LazyFrame | None") -> Mapping[str, Any]:
    """Rows, schema and head of a stored lazy table; nothing where it is too large to read back."""
    import polars as pl

    if table is None:
        return {}
    schema = table.collect_schema()
    rows = table.select(pl.len()).collect().item()
    return _common(rows, schema.items(), table.head(ROWS).select(schema.names()[:COLUMNS]).collect().to_dicts())


def pandas_frame(table: "pd.DataFrame") -> Mapping[str, Any]:
    """Rows, schema, head, and statistics of the first numeric columns."""
    # Numpy takes spans of time and complex numbers for numbers; neither has a mean that plots.
    numeric = table.select_dtypes("number", exclude=["timedelta", "complexfloating"]).iloc[:, :PLOTTED]
    head = table.iloc[:ROWS, :COLUMNS]
    rows = [{str(name): value for name, value in row.items()} for row in head.to_dict("records")]
    schema = ((str(name), dtype) for name, dtype in table.dtypes.items())
    means = numeric.mean().dropna()
    return {**_common(len(table), schema, rows), **_plots(means.to_dict(), numeric.isna().sum().to_dict())}


def arrow_table(table: "pa.Table") -> Mapping[str, Any]:
    """Rows, schema and head."""
    schema = ((field.name, field.type) for field in table.schema)
    return _common(
        table.num_rows, schema, table.slice(0, ROWS).select(range(min(COLUMNS, table.num_columns))).to_pylist()
    )


def _common(rows: int, schema: Iterable[tuple[str, Any]], head: list[dict[str, Any]]) -> dict[str, Any]:
    columns = list(schema)
    listed = [dg.TableColumn(clip(name, CELL), clip(str(dtype), CELL)) for name, dtype in columns[:SCHEMA]]
    found: dict[str, Any] = {
        "dagster/row_count": dg.MetadataValue.int(rows),
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns=listed)),
        "columns": dg.MetadataValue.int(len(columns)),
    }
    table = records_table(head)
    return found if table is None else {**found, "head": table}


def _plots(means: Mapping[Any, Any], nulls: Mapping[Any, Any]) -> dict[str, Any]:
    plots: dict[str, Any] = {}
    for name, count in nulls.items():
        label, mean = clip(str(name), CELL), means.get(name)
        value = cell(mean if mean is None else float(mean))
        if isinstance(value, float):
            plots[f"mean/{label}"] = dg.MetadataValue.float(value)
        plots[f"nulls/{label}"] = dg.MetadataValue.int(int(count))
    return plots
