"""Says of an input of a branch which of its values are the base's, in the metadata of the event that it was loaded."""

from collections.abc import Collection, Mapping

from autostore import AutoStore, StorageFileNotFoundError
from autostore_dagster import contexts
from autostore_dagster.absences import some
from autostore_dagster.locating import beginning_of
from autostore_dagster.partitions import single_key
from autostore_dagster.reading import Request

__all__ = ["lies_in_base", "tell_origin"]


def tell_origin(request: Request, keys: Mapping[str, str] | None) -> None:
    """Add `base` to the input's metadata, of several partitions also which; nothing of a store without a base.

    A look more for one value, a listing of the changes for many.
    """
    store, context = request.store, request.context
    if store.base is None or contexts.step(context) is None:
        return
    known = {"": single_key(context)} if keys is None else keys
    found = request.retrying(lambda: _from_base(store, known.values()))
    partitions = [partition for partition, key in known.items() if key in found]
    if partitions:
        more = {"from_base": f"{len(partitions)} of {len(known)}: {some(partitions)}"} if len(known) > 1 else {}
        contexts.add_input_metadata(context, {"base": store.base.uri, **more})


def _from_base(store: AutoStore, keys: Collection[str]) -> set[str]:
    """Those of the keys whose value is not the branch's own."""
    if len(keys) == 1:
        return {key for key in keys if lies_in_base(store, key)}
    changed = {change.key for change in store.diff(beginning_of(keys))}
    return {key for key in keys if key not in changed}


def lies_in_base(store: AutoStore, key: str) -> bool:
    """Whether the value of a key is not the branch's own; a look, and none of a store without a base."""
    try:
        return store.base is not None and not store.url(key).startswith(f"{store.uri.rstrip('/')}/")
    except StorageFileNotFoundError:
        return False
