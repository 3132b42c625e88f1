"""`AutoStoreIOManager`: keeps what assets and ops return in a store, and reads it back as their consumers ask.

Where a value lies is `keys.py`, what a consumer gets is `loading.py`, how an output is written
`writing.py`, and what the UI shows `metadata.py`.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, Optional

import dagster as dg
from pydantic import Field, PrivateAttr

from autostore import AutoStore, InvalidConfigError
from autostore_dagster import loading, retrying, writing
from autostore_dagster.config import StorageBase
from autostore_dagster.opening import close_all, open_store
from autostore_dagster.previous import Previous
from autostore_dagster.replaying import parse_moment
from autostore_dagster.resource import AutoStoreResource, Base, over  # noqa: F401  # Pydantic looks up here what `Base` names
from autostore_dagster.settings import Strict

__all__ = ["AutoStoreIOManager", "manager_of"]


class AutoStoreIOManager(Strict, dg.ConfigurableIOManager):
    """Stores every output in its own format, atomically, and loads it as its consumer's annotation asks.

    An asset chooses by its metadata: `{"autostore/format": "csv"}`, `"autostore/previews"`,
    `"autostore/data_version"`; an input by `AssetIn(metadata=...)`: `"columns"`,
    `"allow_missing_partitions"`, `"version"`, `"as_of"`.
    """

    uri: str = Field(description="Where the store begins: a folder, `s3://bucket/prefix/`, ...")
    storage: Optional[StorageBase] = Field(  # noqa: UP045  # Dagster does not read `X | None` of resources
        default=None, description="A LocalStorageConfig, S3-, Azure- or FsspecStorageConfig; None: the defaults."
    )
    base: Base = Field(
        default=None,
        description="A URI, resource or manager: what is not stored here is read there, and nothing is written there.",
    )
    as_of: Optional[str] = Field(  # noqa: UP045
        default=None,
        description="A moment in ISO 8601 with its offset: what a run does not compute itself is read as it was then, "
        "as far as the store keeps history.",
    )
    previous: Base = Field(
        default=None,
        description="A URI or resource: where the manager that was used before has its files; read until an asset is "
        "written anew.",
    )
    retries: int = Field(
        default=3, ge=0, description="How often a transfer is repeated while the place is unreachable."
    )
    retry_wait: float = Field(default=0.5, ge=0, description="Seconds before the first repetition; doubles each time.")
    concurrency: int = Field(default=32, ge=1, description="Partitions of one input or output in flight at once.")
    previews: bool = Field(default=True, description="Show heads, images and statistics of values in the UI.")
    data_version: bool = Field(
        default=False,
        description="Version assets by their stored bytes, so that unchanged ones do not look stale; "
        "a run over several partitions gives them no version.",
    )

    _store: AutoStore | None = PrivateAttr(default=None)
    _previous: Previous | None = PrivateAttr(default=None)
    _resolved: Optional["AutoStoreIOManager"] = PrivateAttr(default=None)

    @classmethod
    def _prepared(cls, settings: dict[str, Any]) -> dict[str, Any]:
        as_of = settings.get("as_of")
        if isinstance(as_of, str) and not isinstance(as_of, dg.EnvVar):
            parse_moment(as_of)
        return over(over(settings), name="previous")

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Open the store that the steps of this process share."""
        self._store = self._open()
        self._previous = self._open_previous()

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Release connections and temporary files, also after a failed run."""
        if self._resolved is not None:
            self._resolved.teardown_after_execution(context)
            self._resolved = None
        if self._store is not None:
            close_all(self._store)
            self._store = None
        if self._previous is not None:
            self._previous.store.close()
            self._previous = None

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Store what an asset or op returned."""
        if self._store is None:
            self._set_up().handle_output(context, obj)
            return
        options = writing.Options(previews=self.previews, data_version=self.data_version)
        retry = self._retrying(context)
        writing.write(self._store, context, obj, options=options, concurrency=self.concurrency, retrying=retry)

    def load_input(self, context: dg.InputContext) -> Any:
        """What a consumer asked for, also for `load_asset_value` and asset checks."""
        if self._store is None:
            return self._set_up().load_input(context)
        retry = self._retrying(context)
        options = loading.Options(self.concurrency, retry, self._previous, self.as_of)
        return loading.load(self._store, context, options)

    @contextlib.contextmanager
    def open(self) -> Iterator[AutoStore]:
        """The store below: the run's own inside a run; else one that lives for the block, its `EnvVar`s resolved."""
        if self._store is not None:
            yield self._store
            return
        with self.process_config_and_initialize_cm() as manager, contextlib.ExitStack() as stack:
            store = manager._open()  # noqa: SLF001  # the same class
            stack.callback(close_all, store)
            yield store

    def _set_up(self) -> "AutoStoreIOManager":
        """The same manager with its `EnvVar`s resolved, for calls without Dagster's set-up, as tests make them."""
        if self._resolved is None:
            with self.process_config_and_initialize_cm() as resolved:
                pass
            # Its store stays open after the call: a lazy table that was loaded reads its files later.
            resolved._store, resolved._previous = resolved._open(), resolved._open_previous()  # noqa: SLF001
            self._resolved = resolved
        return self._resolved

    def _open(self) -> AutoStore:
        return open_store(self.uri, self.storage, self.base)

    def _open_previous(self) -> Previous | None:
        if self.previous is None:
            return None
        assert not isinstance(self.previous, str)  # a text was made a resource
        config = self.previous.storage.to_core() if self.previous.storage else None
        return Previous(AutoStore(self.previous.uri, config), config)

    def _retrying(self, context: dg.InputContext | dg.OutputContext) -> retrying.Retry:
        return lambda action: retrying.call(action, retries=self.retries, wait=self.retry_wait, log=context.log)


def manager_of(defs: dg.Definitions, io_manager_key: str, caller: str) -> AutoStoreIOManager:
    """The manager of definitions; `InvalidConfigError` that names the `caller` where the resource is none."""
    if not isinstance(defs, dg.Definitions):
        raise InvalidConfigError(f"{caller}() takes Definitions, not a {type(defs).__name__}. Pass those of the code.")
    manager = (defs.resources or {}).get(io_manager_key)
    if not isinstance(manager, AutoStoreIOManager):
        raise InvalidConfigError(
            f"{caller}() needs definitions whose resource {io_manager_key!r} is an AutoStoreIOManager, not a "
            f"{type(manager).__name__}. Name it: {caller}(..., io_manager_key=...)."
        )
    return manager
