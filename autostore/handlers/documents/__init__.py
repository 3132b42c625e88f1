"""Documents: trees of values that people edit and programs hand to each other, by name only, plain to their readers."""

from __future__ import annotations

from autostore.handler import DataHandler
from autostore.handlers.config import settings
from autostore.handlers.documents.cbor import CBORHandler
from autostore.handlers.documents.msgpack import MsgpackHandler
from autostore.handlers.documents.notebook import NotebookHandler
from autostore.handlers.documents.xml import XMLHandler

__all__ = ["documents"]


def documents() -> list[DataHandler]:
    """A new set of their handlers."""
    return [*settings(), MsgpackHandler(), CBORHandler(), NotebookHandler(), XMLHandler()]
