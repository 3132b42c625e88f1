"""Folders of which a log of another tool says which files count: beside these lie files that it replaced or deleted."""

from __future__ import annotations

import re

from autostore.errors import UnsupportedFormatError, compose

__all__ = ["check_log"]

_LOGS = {"_delta_log": "Delta Lake", ".hoodie": "Hudi"}
"""The folder of the log, and whose it is."""

_ICEBERG = re.compile(r"(?:v[0-9]+|[0-9]+-[0-9a-fA-F-]{36})(?:\.gz)?\.metadata\.json(?:\.gz)?")
"""How its versions are called: https://iceberg.apache.org/spec/#file-system-tables and #metastore-tables."""

_REMEDIES = {
    "Delta Lake": "Read it with deltalake, or polars.scan_delta(store.url({folder!r}))",
    "Iceberg": "Read it with pyiceberg, or polars.scan_iceberg",
    "Hudi": "Read it with a library for Hudi",
}


def check_log(prefix: str, path: str, uri: str) -> None:
    """Refuse to take a file below this prefix for one of many tables, where it is of such a log."""
    *folders, name = path[len(prefix) :].split("/")
    for number, folder in enumerate(folders):
        if folder in _LOGS:
            raise _logged(_LOGS[folder], prefix, prefix + "".join(f"{one}/" for one in folders[:number]), uri)
    if folders[-1:] == ["metadata"] and _ICEBERG.fullmatch(name):
        raise _logged("Iceberg", prefix, prefix + "".join(f"{one}/" for one in folders[:-1]), uri)


def _logged(tool: str, prefix: str, folder: str, uri: str) -> UnsupportedFormatError:
    problem = (
        f"Here lies a table of {tool} ({folder!r}), whose log says which files count: "
        "rows that were deleted or replaced still stand in others"
    )
    remedy = f"{_REMEDIES[tool].format(folder=folder)}; files of your choice are store.scan({{key: {{}}}})."
    return UnsupportedFormatError(compose(problem, key=prefix, uri=uri, remedy=remedy))
