"""`same`: the equality of this library's promises, stricter than `==`."""

from autostore.equality.same import same

__all__ = ["same"]
