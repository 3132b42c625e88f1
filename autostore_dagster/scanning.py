"""Fan-ins of Parquet files as one scan: read where they lie, instead of one by one."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from autostore import SchemaMismatchError, StorageFileNotFoundError, UnsupportedFormatError
from autostore_dagster import contexts, frames
from autostore_dagster.absences import tell_absent
from autostore_dagster.locating import locate
from autostore_dagster.partitions import dimensions
from autostore_dagster.reading import Request

__all__ = ["scanned"]

PARQUET = ".parquet"


def scanned(request: Request, keys: Mapping[str, str]) -> tuple[bool, Any]:
    """Whether all partitions could be scanned, and the frame of them; what cannot is to be read one by one."""
    # No scan is of two places, nor of the past.
    if request.previous is not None or request.when:
        return False, None
    files = request.retrying(lambda: locate(request.store, keys.values()))
    keys = _present(request, keys, files)
    if not all(files.get(key, PARQUET).endswith(PARQUET) for key in keys.values()):
        return False, None
    definition = contexts.definition(request.context)
    parts = {files.get(key, key): dimensions(definition, partition) for partition, key in keys.items()}
    if not parts:
        return True, None
    try:
        return True, request.retrying(lambda: frames.scan(request.store, parts, request.annotation, request.columns))
    except (StorageFileNotFoundError, UnsupportedFormatError, SchemaMismatchError):
        # Gone since, a None or CSV that was not listed, or tables of several types: one by one tells which.
        return False, None


def _present(request: Request, keys: Mapping[str, str], files: Mapping[str, str]) -> Mapping[str, str]:
    """The partitions that are stored, as far as one listing told; what it left out is asked for."""
    unknown = {partition: key for partition, key in keys.items() if files and key not in files}
    absent = {p for p, key in unknown.items() if not request.retrying(partial(request.store.exists, key))}
    tell_absent(request, [partition for partition in keys if partition in absent])
    return {partition: key for partition, key in keys.items() if partition not in absent}
