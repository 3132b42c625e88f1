"""Local copies of remote files: when one is trusted, and who deletes it.

    none ──download──> fresh ──304──> fresh          trusted: only right after the backend confirmed
     ^                   │ ──200──> fresh (new)      its ETag, and only if the bytes are undamaged
     │                   │
     └── damaged, expired, least recently used above the limit, or removed by anybody at any time

`copies.py` hands out a file for every path, and confirms a copy by one conditional request. `entry.py` says
what a copy is on disk, and whether its bytes are undamaged. `folder.py` owns the cache's folder and deletes:
after each download that makes the cache too large, in `cleanup_cache()` and where a store is left as a
context manager. A copy is expired when nobody used it for `cache_expiry_hours`. No lock is needed to be
right; one is held during the first download, so that others wait for it instead of downloading too.

`blocks.py` keeps pieces of files, for scans, in the same folder and below the same limit. A piece is named by the
ETag of its version, so that it is never stale and needs no request; only the last bytes of a file are confirmed.
"""

from typing import TYPE_CHECKING

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """What the other library of our name asks its own `cache` for, once its files lie over ours."""
        if name == "CacheService":
            from autostore.optional import OTHER_LIBRARY

            raise ImportError(OTHER_LIBRARY, name="autostore")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
