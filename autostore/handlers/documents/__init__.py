"""Documents: trees of values that people edit and programs hand to each other, by name only, and plain to their readers."""

from __future__ import annotations

from autostore.handler import DataHandler
from autostore.handlers.config import settings
from autostore.handlers.documents.cbor import CBORHandler
from autostore.handlers.documents.msgpack import MsgpackHandler

__all__ = ["documents"]


def documents() -> list[DataHandler]:
    """A new set of their handlers."""
    return [*settings(), MsgpackHandler(), CBORHandler()]
