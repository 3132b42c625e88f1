"""What a function's code reads from around it: names of its module, and what it imports; told from the bytecode.

A name of a module is followed by the attributes that are asked of it, `("helpers", "clean")` for `helpers.clean(x)`,
so that of the user's own modules only what is used counts.
"""

from __future__ import annotations

import dis
import functools
from types import CodeType
from typing import Any, NamedTuple

__all__ = ["Import", "Reads", "reads_of"]

_NAMES = frozenset(("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"))
_ATTRIBUTES = frozenset(("LOAD_ATTR", "LOAD_METHOD"))
_SILENT = frozenset(("CACHE", "EXTENDED_ARG", "NOP", "PUSH_NULL"))


class Import(NamedTuple):
    """`from module import names` inside a function; without names `import module`."""

    module: str
    level: int
    names: tuple[str, ...]


class Reads(NamedTuple):
    """Chains of names, each once, imports, and the attributes that are asked of anything."""

    chains: tuple[tuple[str, ...], ...]
    imports: tuple[Import, ...]
    attributes: tuple[str, ...]


@functools.lru_cache(maxsize=4096)
def reads_of(code: CodeType) -> Reads:
    """Those of the code and of all functions inside it."""
    chains: dict[tuple[str, ...], None] = {}
    imports: dict[Import, None] = {}
    asked: set[str] = set()
    chain: tuple[str, ...] = ()
    consts: list[Any] = [0, None]
    for step in dis.get_instructions(code):
        if step.opname in _SILENT:
            continue
        asked |= {step.argval} if step.opname in _ATTRIBUTES else set()
        if step.opname in _ATTRIBUTES and chain:
            chain = (*chain, step.argval)
            continue
        chains |= {chain: None} if chain else {}
        chain = (step.argval,) if step.opname in _NAMES else ()
        if step.opname == "IMPORT_NAME":
            imports[Import(step.argval, int(consts[-2]), tuple(consts[-1] or ()))] = None
        consts = [*consts[-1:], step.argval]
    for below in (reads_of(inner) for inner in code.co_consts if isinstance(inner, CodeType)):
        chains |= dict.fromkeys(below.chains)
        imports |= dict.fromkeys(below.imports)
        asked.update(below.attributes)
    return Reads(tuple(chains), tuple(imports), tuple(sorted(asked)))
