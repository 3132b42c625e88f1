"""The order of a listing, on which all that is streamed over it stands: one name per key, each key once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from autostore.backend import FileMetadata
from autostore.errors import StorageConnectionError, compose

__all__ = ["ordered"]

# In the order of their bytes, as S3 says, or folder by folder, as SeaweedFS lists: the files of one stem stand
# together in both. UTF-8 keeps the order of code points, so texts are compared.
_ORDERS: tuple[Callable[[str], str], ...] = (str, lambda path: path.replace("/", "\0"))


def ordered(pages: Iterable[list[FileMetadata]], uri: str) -> Iterator[list[FileMetadata]]:
    """The same pages, each name once; a listing that is in no order is refused."""
    orders, last = list(_ORDERS), ""
    for page in pages:
        files = []
        for file in page:
            if file.path == last:  # some servers begin a page with what the one before ended with
                continue
            if last and not all(order(last) < order(file.path) for order in orders):
                orders = [order for order in orders if order(last) < order(file.path)]
                if not orders:
                    problem = (
                        f"A listing repeats itself, or is in no order: {file.path!r:.200} comes after {last!r:.200}"
                    )
                    remedy = "Check endpoint_url: S3 lists in the order of the names."
                    raise StorageConnectionError(compose(problem, uri=uri, remedy=remedy))
            last = file.path
            files.append(file)
        yield files
