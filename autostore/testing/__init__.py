"""What every backend and every handler must do, shipped so that third parties can test theirs."""

from autostore.equality import same
from autostore.testing.backend import BackendContract
from autostore.testing.handler import HandlerContract

__all__ = ["BackendContract", "HandlerContract", "same"]
