"""Components for `dg`: a store for the whole project, and files that others lay down, both from a few lines of YAML."""

from autostore_dagster.components.files import StoredFilesComponent
from autostore_dagster.components.store import AutoStoreComponent

__all__ = ["AutoStoreComponent", "StoredFilesComponent"]
