"""`same`: the equality of this library's promises, stricter than `==`.

`same.py` walks through plain Python, `families.py` knows who compares what else, and the
other modules are the comparisons of one library each.
"""

from autostore.equality.families import Again, Comparer, add_comparers
from autostore.equality.same import same

__all__ = ["Again", "Comparer", "add_comparers", "same"]
