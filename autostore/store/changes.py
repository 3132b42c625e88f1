"""What a branch changed: the differences from its base, by the branch's own records, and grouped by key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from autostore.backend import look
from autostore.handlers.registry import HandlerRegistry
from autostore.keys import Key, can_be_key
from autostore.naming.layering import LayeredBackend
from autostore.naming.resolution import newest_marked
from autostore.naming.seen import BARE, HIDES

__all__ = ["Change", "changes"]


@dataclass(frozen=True)
class Change:
    """One key that differs from the base.

    Attributes:
        key: as `keys` would list it.
        kind: "added", "changed" or "deleted".
        puts: paths of the branch's files that a promotion puts into the base.
        removes: paths of files that it removes there.
    """

    key: str
    kind: str
    puts: tuple[str, ...] = field(default=(), repr=False)
    removes: tuple[str, ...] = field(default=(), repr=False)


def changes(backend: LayeredBackend, registry: HandlerRegistry, where: Key | str) -> Iterator[Change]:
    """Every change of a key, or below a prefix; a listing of the branch and one of what it saw of its base.

    A look more at each file of a key that has another format in the branch than in the base. A full name stands for
    all of the change that its file is part of.
    """
    prefix = where if isinstance(where, str) else where.text
    if isinstance(where, Key) and where.extension:
        prefix = f"{registry.split(where.text)[0]}."
    seen = backend.seen.below(prefix)
    own = {file.path for file in backend.top.list_files(prefix)}
    stems: dict[str, set[str]] = {}
    for path in sorted({*own, *(path for path, kinds in seen.items() if kinds & HIDES)}):
        stems.setdefault(registry.split(path)[0], set()).add(path)
    for _, paths in sorted(stems.items()):
        found = _of_stem(sorted(paths), own, seen, registry, backend)
        yield from (change for change in found if _is_at(where, change, registry))


def _of_stem(
    paths: list[str], own: set[str], seen: dict[str, frozenset[str]], registry: HandlerRegistry, backend: LayeredBackend
) -> Iterator[Change]:
    stem = registry.split(paths[0])[0]
    puts = [path for path in paths if path in own]
    stones = [path for path in paths if path not in own]
    listed = stem if can_be_key(stem) and registry.may_be_bare(stem) else ""
    bare = tuple(path for path in stones if BARE in seen[path])
    # The value of the key in another format: one change, and none of what lies beside it by its full name.
    value = _value(puts, backend) if puts and bare else None
    gone = bare if value is not None else ()
    for path in puts:
        others = gone if path == value else ()
        alone = listed and len(puts) == 1 and len(others) == len(stones)
        kind = "changed" if others or path in seen else "added"
        yield Change(stem if alone else path, kind, (path,), others)
    stones = [path for path in stones if path not in gone]
    if listed and not puts and len(stones) == len(bare) > 1:
        # What a key was, and what it became in the base meanwhile: one change.
        yield Change(stem, "deleted", (), bare)
        return
    for path in stones:
        yield Change(stem if listed and not puts and len(stones) == 1 else path, "deleted", (), (path,))


def _value(puts: list[str], backend: LayeredBackend) -> str | None:
    """Which of the branch's files is the value of the bare key; the last that was written under it."""
    newest = newest_marked(found for path in puts if (found := look(backend.top, path)) is not None)
    return None if newest is None else newest.path


def _is_at(where: Key | str, change: Change, registry: HandlerRegistry) -> bool:
    if isinstance(where, str):
        return True
    paths = (*change.puts, *change.removes)
    return where.text in paths or (where.names_file is not True and registry.split(paths[0])[0] == where.text)
