"""The store as a Dagster resource: for code that reads and writes keys of its own choice.

Inside a run all steps of a process share one store, closed when they are done; outside runs
`open()` resolves `EnvVar`s and closes the store at the end of the block.
"""

import contextlib
from collections.abc import Iterator
from typing import Optional

import dagster as dg
from pydantic import Field, PrivateAttr

from autostore import AutoStore
from autostore_dagster.config import StorageBase
from autostore_dagster.settings import Strict

__all__ = ["AutoStoreResource"]


class AutoStoreResource(Strict, dg.ConfigurableResource):  # type: ignore[type-arg]  # Dagster's own base is untyped
    """A store, by its URI: `with resource.open() as store: store["key"] = value`."""

    uri: str = Field(description="Where the store begins: a folder, `s3://bucket/prefix/`, ...")
    storage: Optional[StorageBase] = Field(  # noqa: UP045  # Dagster does not read `X | None` of resources
        default=None, description="A LocalStorageConfig or S3StorageConfig; None: the defaults."
    )

    _store: AutoStore | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Open the store that the steps of this process share."""
        self._store = AutoStore(self.uri, self.storage.to_core() if self.storage else None)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Release connections and temporary files, also after a failed run."""
        if self._store is not None:
            self._store.close()
            self._store = None

    @contextlib.contextmanager
    def open(self) -> Iterator[AutoStore]:
        """The store: the run's own inside a run; else one that lives for the block."""
        if self._store is not None:
            yield self._store
            return
        with self.process_config_and_initialize_cm() as resource:
            assert resource._store is not None  # noqa: SLF001  # the same class, set up by the line above
            yield resource._store  # noqa: SLF001
