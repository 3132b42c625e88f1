"""Where many values lie, found by one listing instead of one request for each of them."""

import itertools
import os.path
from collections.abc import Collection, Mapping

from autostore import AutoStore

__all__ = ["beginning_of", "locate"]

# Below this, asking for each key costs less than a listing might.
FEWEST = 8
# A listing that finds little of what is wanted is given up: a range of ten in an asset of a million partitions.
LISTED_FOR_EACH = 10
PAGE = 1000


def locate(store: AutoStore, keys: Collection[str]) -> dict[str, str]:
    """Key -> the full name of its only file; a key that it leaves out is to be read as it is.

    A file that is found here may be gone when it is read: then the key itself tells more.
    """
    if len(keys) < FEWEST:
        return {}
    wanted = set(keys)
    found: dict[str, list[str]] = {}
    # Brackets are the only characters of a key that a pattern would take for its own.
    beginning = os.path.commonprefix(list(keys)).replace("[", "[[]")  # noqa: RUF071  # of characters, as a prefix is
    for path in itertools.islice(store.list_files(f"{beginning}*"), max(PAGE, LISTED_FOR_EACH * len(keys))):
        folder, _, name = path.rpartition("/")
        # The last segment of an asset's key holds no dot, so the first one begins the extension.
        key = f"{folder}/{name.partition('.')[0]}" if folder else name.partition(".")[0]
        if key in wanted and key != path:
            found.setdefault(key, []).append(path)
    return _certain(found)


def beginning_of(keys: Collection[str]) -> str:
    """The folder that all of these keys lie in, as a prefix."""
    common = os.path.commonprefix(list(keys))  # noqa: RUF071  # of characters, as a prefix is
    return common[: common.rfind("/") + 1]


def _certain(found: Mapping[str, list[str]]) -> dict[str, str]:
    # Two files of one key are what a crash leaves, or somebody else's: the store knows which is the value.
    return {key: paths[0] for key, paths in found.items() if len(paths) == 1}
