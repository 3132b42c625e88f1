"""The store as a Dagster resource: for code that reads and writes keys of its own choice.

Inside a run all steps of a process share one store, closed when they are done; outside runs
`open()` resolves `EnvVar`s and closes the store at the end of the block.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Optional, TypeAlias

import dagster as dg
from pydantic import Field, PrivateAttr

from autostore import AutoStore, InvalidConfigError
from autostore_dagster.config import StorageBase
from autostore_dagster.opening import close_all, open_store
from autostore_dagster.settings import Strict

__all__ = ["AutoStoreResource", "Base", "over"]

if TYPE_CHECKING:
    from autostore_dagster.io_manager import AutoStoreIOManager

    Base: TypeAlias = "AutoStoreResource | AutoStoreIOManager | str | None"
else:
    Base = Optional["AutoStoreResource"]  # a URI or a manager is made one: Dagster's configuration has no such union


def over(settings: dict[str, Any], *, name: str = "base") -> dict[str, Any]:
    """Settings whose place of this name is a resource: a URI has the settings of what names it, a manager its own."""
    place = settings.get(name)
    if isinstance(place, str):  # an `EnvVar` too
        return {**settings, name: AutoStoreResource(uri=place, storage=settings.get("storage"))}
    if place is None or isinstance(place, AutoStoreResource | dict):
        return settings
    if not hasattr(place, "storage"):
        raise InvalidConfigError(
            f"{name}= takes a place, not {type(place).__name__}. Pass its URI, {name}='./folder' or "
            f"'s3://bucket/prefix/', or {name}=AutoStoreResource(uri=..., storage=...)."
        )
    return {**settings, name: AutoStoreResource(uri=place.uri, storage=place.storage, base=place.base)}


class AutoStoreResource(Strict, dg.ConfigurableResource):  # type: ignore[type-arg]  # Dagster's own base is untyped
    """A store, by its URI: `with resource.open() as store: store["key"] = value`."""

    uri: str = Field(description="Where the store begins: a folder, `s3://bucket/prefix/`, ...")
    storage: Optional[StorageBase] = Field(  # noqa: UP045  # Dagster does not read `X | None` of resources
        default=None, description="A LocalStorageConfig, S3-, Azure- or FsspecStorageConfig; None: the defaults."
    )
    base: Base = Field(
        default=None,
        description="A URI, resource or manager: what is not stored here is read there, and nothing is written there.",
    )

    _store: AutoStore | None = PrivateAttr(default=None)

    @classmethod
    def _prepared(cls, settings: dict[str, Any]) -> dict[str, Any]:
        return over(settings)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Open the store that the steps of this process share."""
        self._store = open_store(self.uri, self.storage, self.base)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Release connections and temporary files, also after a failed run."""
        if self._store is not None:
            close_all(self._store)
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
