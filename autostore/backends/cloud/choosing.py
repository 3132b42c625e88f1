"""Which engine does what: boto3 all, or obstore first what it does better, and boto3 what that declines."""

from __future__ import annotations

from typing import Any

from autostore.backends.cloud.obstore.engine import ObstoreEngine
from autostore.backends.cloud.obstore.settings import hindered
from autostore.config import S3StorageConfig
from autostore.engine.contract import Declined, Engine
from autostore.errors import MissingDependencyError
from autostore.optional import require_installed

__all__ = ["Together", "fast_engine", "together"]


def fast_engine(bucket: str, prefix: str, uri: str, config: S3StorageConfig, complete: Engine) -> Engine | None:
    """What is asked before the complete engine; `MissingDependencyError` where it is demanded and not installed."""
    if config.engine == "boto3":
        return None
    try:
        require_installed("obstore")
    except MissingDependencyError:
        if config.engine == "obstore":
            raise
        return None
    return None if hindered(bucket, prefix, config) else ObstoreEngine(bucket, prefix, uri, config, complete)


def together(first: Engine | None, complete: Engine) -> Engine:
    """One engine of both."""
    return complete if first is None else Together(first, complete)


def _either(name: str) -> Any:
    def either(self: Together, *arguments: Any, **named: Any) -> Any:
        try:
            return getattr(self.first, name)(*arguments, **named)
        except Declined:
            pass
        return getattr(self.complete, name)(*arguments, **named)

    return either


class Together(Engine):
    """One engine that may decline, and one that does everything; `name` is the first one's."""

    def __init__(self, first: Engine, complete: Engine) -> None:
        self.first = first
        self.complete = complete
        self.name = first.name

    head = _either("head")
    get = _either("get")
    last_bytes = _either("last_bytes")
    read = _either("read")
    put = _either("put")
    put_parts = _either("put_parts")
    put_bytes = _either("put_bytes")
    begin_parts = _either("begin_parts")
    delete = _either("delete")
    pages = _either("pages")
    page = _either("page")
    copy = _either("copy")
    duplicate = _either("duplicate")
    sweep = _either("sweep")
    versioning = _either("versioning")
    traits = _either("traits")
    place = _either("place")
    is_aws = _either("is_aws")
    presigned = _either("presigned")
    storage_options = _either("storage_options")

    def close(self) -> None:
        """Both."""
        self.first.close()
        self.complete.close()
