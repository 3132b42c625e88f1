"""How the parts of a store are put together: alone, with history, over a base."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from autostore.backend import StorageBackend
from autostore.backends.reading import ReadingBackend
from autostore.cache.copies import Copies
from autostore.config import NATIVE, StorageConfig
from autostore.handlers.registry import HandlerRegistry
from autostore.naming.claiming import ClaimingBackend
from autostore.naming.keeping import KeepingBackend
from autostore.naming.layering import LayeredBackend
from autostore.naming.native import NativeBackend
from autostore.naming.publishing import Publisher
from autostore.naming.resolution import Resolver
from autostore.scans.fetching import Opener
from autostore.store.history import History
from autostore.store.layered_history import LayeredHistory
from autostore.store.layers import LayeredCopies, LayeredLoader, LayeredOpener
from autostore.store.loading import Loader
from autostore.store.native_past import NativePast
from autostore.store.native_pruning import NativePruner
from autostore.store.past import Past
from autostore.store.pruning import Pruner

__all__ = ["Parts", "assembled", "layered"]


class Parts(NamedTuple):
    """What a store hands its calls to."""

    registry: HandlerRegistry
    config: StorageConfig
    backend: StorageBackend
    resolver: Resolver
    publisher: Publisher
    loader: Loader
    copies: Copies
    opener: Opener
    history: History | LayeredHistory
    pruner: Pruner | NativePruner


def assembled(place: StorageBackend, registry: HandlerRegistry, config: StorageConfig) -> Parts:
    """The parts of a store on `place`."""
    place = NativeBackend(place) if config.history == NATIVE else place
    backend = KeepingBackend(place, registry.split) if config.history is True else place
    return _parts(place, backend, backend, registry, config)


def layered(
    place: StorageBackend, registry: HandlerRegistry, config: StorageConfig, base: Parts, reader: Parts
) -> Parts:
    """The parts of a branch on `place`; `reader` is the base as this store may read it."""
    place = NativeBackend(place) if config.history == NATIVE else place
    if config.history is True:
        top: ClaimingBackend = KeepingBackend(place, registry.split, alone=True)
    else:
        top = ClaimingBackend(place, registry.split)

    def answers(stem: str) -> Collection[str]:
        return base.registry.parse(stem, base.backend.uri).answers

    both = LayeredBackend(top, ReadingBackend(base.backend), answers)
    parts = _parts(place, top, both, registry, config)
    loader = LayeredLoader(parts.loader, both, reader.loader)
    opener = LayeredOpener(parts.opener, both, reader.opener)
    history = LayeredHistory(parts.history, both, reader.history, parts.resolver)
    copies = LayeredCopies(parts.copies, both, reader.copies)
    return parts._replace(loader=loader, opener=opener, history=history, copies=copies)


def _parts(
    place: StorageBackend,
    own: StorageBackend,
    backend: StorageBackend,
    registry: HandlerRegistry,
    config: StorageConfig,
) -> Parts:
    """`own` is what the store itself holds, `backend` all that it shows."""
    resolver = Resolver(backend, registry)
    publisher = Publisher(backend, resolver)
    copies = Copies(own, config)
    loader = Loader(own, registry, resolver, copies)
    of_own = resolver if own is backend else Resolver(own, registry)
    past: Past = Past(place, registry, of_own)
    pruner: Pruner | NativePruner = Pruner(place, registry)
    if isinstance(place, NativeBackend):
        past, pruner = NativePast(place, registry, of_own), NativePruner(place, registry)
    history = History(place, backend, registry=registry, past=past, publisher=publisher, loader=loader)
    opener = Opener(own, copies, config)
    return Parts(registry, config, backend, resolver, publisher, loader, copies, opener, history, pruner)
