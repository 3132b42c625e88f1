"""Tables of polars, pandas and arrow: rows, columns, head, and statistics that plot over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from autostore.optional import require
from autostore.preview import Columns, Fact, Preview, Rows
from autostore.previews import geometries
from autostore.previews.bounds import CELL, COLUMNS, ROWS, SCHEMA, cell, clip, first_rows, listed
from autostore.previews.statistics import Described, of_pandas, of_polars

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["TABLES", "arrow_table", "geographic_frame", "pandas_frame", "polars_frame", "polars_lazy"]

PLOTTED = 8
"""Numeric columns whose mean and nulls become plots."""


def polars_frame(table: pl.DataFrame) -> Preview:
    """Rows, schema, head, and statistics of the first numeric columns."""
    numeric = table.select(require("polars.selectors").numeric()).columns[:PLOTTED]
    means = {name: table[name].mean() for name in numeric}
    nulls = {name: table[name].null_count() for name in numeric}
    return {
        **_common(table.height, table.schema.items(), _of_polars(table.head(ROWS)[:, :COLUMNS])),
        **_statistics(of_polars(table)),
        **_plots(means, nulls),
    }


def polars_lazy(table: pl.LazyFrame) -> Preview:
    """Rows, schema and head; the query runs once for the rows, and once for the head."""
    schema = table.collect_schema()
    rows = table.select(require("polars").len()).collect().item()
    first = require("polars").nth(range(min(COLUMNS, len(schema))))  # a name may be a pattern
    return _common(rows, schema.items(), _of_polars(table.head(ROWS).select(first).collect()))


def pandas_frame(table: pd.DataFrame) -> Preview:
    """Rows, schema, head, and statistics of the first numeric columns."""
    # Numpy takes spans of time and complex numbers for numbers; neither has a mean that plots.
    numeric = table.select_dtypes("number", exclude=["timedelta", "complexfloating"]).iloc[:, :PLOTTED]
    head = table.iloc[:ROWS, :COLUMNS]
    rows = [{str(name): value for name, value in row.items()} for row in head.to_dict("records")]
    schema = ((str(name), dtype) for name, dtype in table.dtypes.items())
    means = numeric.mean().dropna()
    return {
        **_common(len(table), schema, rows),
        **_statistics(of_pandas(numeric)),
        **_plots(means.to_dict(), numeric.isna().sum().to_dict()),
    }


def arrow_table(table: pa.Table) -> Preview:
    """Rows, schema and head."""
    schema = ((field.name, field.type) for field in table.schema)
    head = table.slice(0, ROWS).select(range(min(COLUMNS, table.num_columns)))
    cells = [listed(column.to_pylist, head.num_rows) for column in head.columns]
    return _common(table.num_rows, schema, _rows(head.column_names, cells))


def geographic_frame(table: Any) -> Preview:
    """As of any frame, with geometries as short texts, their extent and their reference system."""
    return geometries.told(table, pandas_frame(geometries.as_plain(table)))


def _of_polars(head: pl.DataFrame) -> list[dict[str, Any]]:
    return _rows(head.columns, [listed(series.to_list, head.height) for series in head])


def _rows(names: list[str], columns: list[list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _statistics(found: Described) -> dict[str, Fact]:
    return {"statistics": Rows(found)} if found else {}


def _common(rows: int, schema: Iterable[tuple[str, Any]], head: list[dict[str, Any]]) -> dict[str, Fact]:
    columns = list(schema)
    found: dict[str, Fact] = {
        "row_count": rows,
        "column_schema": Columns([(clip(name, CELL), clip(str(dtype), CELL)) for name, dtype in columns[:SCHEMA]]),
        "columns": len(columns),
    }
    return {**found, "head": first_rows(head)} if head else found


def _plots(means: Mapping[Any, Any], nulls: Mapping[Any, Any]) -> dict[str, Fact]:
    plots: dict[str, Fact] = {}
    for name, count in nulls.items():
        label, mean = clip(str(name), CELL), means.get(name)
        value = cell(mean if mean is None else float(mean))
        if isinstance(value, float):
            plots[f"mean/{label}"] = value
        plots[f"nulls/{label}"] = int(count)
    return plots


TABLES: Mapping[str, Callable[[Any], Preview]] = {
    "polars.DataFrame": polars_frame,
    "polars.LazyFrame": polars_lazy,
    "pandas.DataFrame": pandas_frame,
    "pyarrow.Table": arrow_table,
    "polars.Series": lambda series: polars_frame(series.to_frame()),
    "pandas.Series": lambda series: pandas_frame(series.to_frame()),
    "polars.Schema": lambda schema: _common(0, schema.items(), []),
    "pyarrow.RecordBatch": lambda batch: arrow_table(require("pyarrow").Table.from_batches([batch])),
    "pyarrow.ChunkedArray": lambda array: arrow_table(require("pyarrow").table({"values": array})),
    "pyarrow.Array": lambda array: arrow_table(require("pyarrow").table({"values": array})),
    "pyarrow.Schema": lambda schema: arrow_table(schema.empty_table()),
    "pandas.Index": lambda index: pandas_frame(index.to_frame(index=False)),
    "pandas.array": lambda values: pandas_frame(require("pandas").DataFrame({"values": values})),
    "geopandas.GeoDataFrame": geographic_frame,
    "geopandas.GeoSeries": lambda series: geographic_frame(series.to_frame()),
}
"""Package and class of each kind of table -> what it shows."""
