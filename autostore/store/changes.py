"""What a branch changed: the differences from its base, by the branch's own records, and grouped by key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from autostore.handlers.registry import HandlerRegistry
from autostore.keys import Key, can_be_key
from autostore.naming.layering import LayeredBackend
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
    """Every change of a key, or below a prefix; a listing of the branch and one of what it saw of its base."""
    prefix = where.text if isinstance(where, Key) else where
    seen = {path: kinds for path, kinds in backend.seen.below(prefix).items() if _is_at(where, path, registry)}
    own = {file.path for file in backend.top.list_files(prefix) if _is_at(where, file.path, registry)}
    stems: dict[str, set[str]] = {}
    for path in sorted({*own, *(path for path, kinds in seen.items() if kinds & HIDES)}):
        stems.setdefault(registry.split(path)[0], set()).add(path)
    for stem, paths in sorted(stems.items()):
        yield from _of_stem(stem, sorted(paths), own, seen, registry)


def _of_stem(
    stem: str, paths: list[str], own: set[str], seen: dict[str, frozenset[str]], registry: HandlerRegistry
) -> Iterator[Change]:
    puts = [path for path in paths if path in own]
    stones = [path for path in paths if path not in own]
    bare = [path for path in stones if BARE in seen[path]]
    listed = stem if can_be_key(stem) and registry.may_be_bare(stem) else ""
    if len(puts) == 1:
        # The value of the key in another format: one change.
        kind = "changed" if bare or puts[0] in seen else "added"
        alone = listed and len(bare) == len(stones)
        yield Change(stem if alone else puts[0], kind, (puts[0],), tuple(bare))
        stones = [path for path in stones if path not in bare]
    else:
        yield from (Change(path, "changed" if path in seen else "added", (path,)) for path in puts)
    if listed and not puts and len(stones) == len(bare) > 1:
        # What a key was, and what it became in the base meanwhile: one change.
        yield Change(stem, "deleted", (), tuple(bare))
        return
    for path in stones:
        yield Change(stem if listed and not puts and len(stones) == 1 else path, "deleted", (), (path,))


def _is_at(where: Key | str, path: str, registry: HandlerRegistry) -> bool:
    if isinstance(where, str):
        return True
    return path == where.text or (where.names_file is not True and registry.split(path)[0] == where.text)
