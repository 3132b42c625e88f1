"""The built-in formats, one family a file; `formats.md` in the docs settles what each writes."""

from __future__ import annotations

from autostore.config import StorageConfig
from autostore.equality import add_comparers
from autostore.guard.ceiling import Ceiling
from autostore.guard.foreign import add_libraries
from autostore.handler import DataHandler
from autostore.handlers.arrays import NpyHandler, NpzHandler
from autostore.handlers.avif import AvifHandler
from autostore.handlers.binary import BytesHandler
from autostore.handlers.bundle import BundleHandler
from autostore.handlers.config import settings
from autostore.handlers.figures import figures
from autostore.handlers.files.folder import FolderHandler
from autostore.handlers.images import ImageHandler
from autostore.handlers.json import JSONHandler, JSONLinesHandler
from autostore.handlers.learned import learned
from autostore.handlers.members import Handlers
from autostore.handlers.models import DataclassHandler, PydanticHandler
from autostore.handlers.pickles import PickleHandler
from autostore.handlers.safetensors import weights
from autostore.handlers.sparse import SparseHandler
from autostore.handlers.tabular import tables
from autostore.handlers.tensors import TorchHandler
from autostore.handlers.text import TextHandler
from autostore.handlers.typed.handler import TypedHandler
from autostore.media import add_types
from autostore.optional import add_installs

__all__ = ["builtin_handlers", "introduce", "within"]


def introduce(handler: DataHandler | type[DataHandler]) -> None:
    """Make known, in this process, what a handler brings beside reading and writing."""
    add_comparers(handler.equality)
    add_types(handler.media_types)
    if handler.install:
        add_installs(dict.fromkeys(handler.requires, handler.install))


def builtin_handlers(config: StorageConfig, handlers: Handlers | None = None) -> list[DataHandler]:
    """A new set for one store; those whose files may hold code obey `config`.

    `handlers` gives all handlers of the store as they are asked, plugins' too, for the members of bundles.
    """
    own: list[DataHandler] = [
        *tables(),
        NpyHandler(),
        NpzHandler(),
        SparseHandler(),
        TorchHandler(config),
        *weights(config),
        *learned(),
        ImageHandler(),
        AvifHandler(),
        *figures(),
        PydanticHandler(config),
        DataclassHandler(config),
        TextHandler(),
        BytesHandler(),
        FolderHandler(),
        JSONLinesHandler(),
        JSONHandler(),
        *settings(),
        TypedHandler(config),
        BundleHandler(config, handlers or (lambda: sorted(own, key=lambda handler: -handler.priority))),
        PickleHandler(config),
    ]
    return within(config, own)


def within(config: StorageConfig, handlers: list[DataHandler]) -> list[DataHandler]:
    """The same handlers, bound to the settings that concern every format."""
    ceiling = Ceiling(config.max_read_bytes)
    for handler in handlers:
        handler.ceiling = ceiling
        handler.may_map = config.mmap
    return handlers


for _handler in builtin_handlers(StorageConfig()):
    introduce(_handler)
    add_libraries(library.partition(".")[0] for library in _handler.requires)
