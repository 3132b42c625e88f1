"""Tables read in place, in ranges, of one version each.

plan     footers                  layout.py (where the columns lie), schemas.py (one schema for many tables)
prune    partitions, row groups   pruning.py: a hint, the predicate is always applied after
fetch    ranges of one version    fetching.py (pinned, cached), loads.py (in windows, several files at once)
decode   by Polars alone          decoding.py, then the predicate
hand on  as a LazyFrame           source.py, which Polars calls
"""
