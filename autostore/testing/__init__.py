"""What every backend, every handler and every engine must do, shipped so that third parties can test theirs."""

from autostore.equality import same
from autostore.testing.backend import BackendContract
from autostore.testing.engine import EngineContract
from autostore.testing.handler import HandlerContract

__all__ = ["BackendContract", "EngineContract", "HandlerContract", "same"]
