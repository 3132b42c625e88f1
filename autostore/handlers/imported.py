"""One class by the name that a file gives it, imported where that is allowed; names with parameters: `names.py`."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from autostore.errors import CorruptDataError, UnknownTypeError, UntrustedDataError
from autostore.guard.foreign import let_pass

__all__ = ["import_class", "lookup"]

_INSTEAD = "pass as_type= to say which class to read (as_type=dict gives the fields, of a list list[dict])"


def import_class(type_name: str, may_import: bool) -> type:
    """The class `module:Qual.Name`; where it may not be imported, its module must be there already."""
    module, _, qualname = type_name.partition(":")
    remedy = f"Import {module} first, or {_INSTEAD}."
    if not module or not qualname:
        raise CorruptDataError(f"{type_name!r:.80} does not name a class. Pass as_type= to say which to read.")
    if module not in sys.modules:
        if not may_import:
            raise UntrustedDataError(f"The file names {type_name}, which this store may not import. {remedy}")
        try:
            importlib.import_module(module)
        except Exception as error:  # the module's own, but that it is not there
            if not isinstance(error, ImportError):
                let_pass(error)
            raise UnknownTypeError(
                f"The file names {type_name}, which cannot be imported: {error}. {remedy}"
            ) from error
    found = lookup(type_name)
    if found is not None:
        return found
    if _is_there(module, qualname):
        raise UntrustedDataError(f"The file names {type_name}, which is no class of values.")
    if module == "__main__":
        raise _of_a_script(qualname)
    raise UnknownTypeError(f"{module} has no class {qualname} (renamed or moved?). To read it, {_INSTEAD}.")


def _of_a_script(qualname: str) -> UnknownTypeError:
    """`__main__` is always imported, and another module in each program."""
    return UnknownTypeError(
        f"{qualname} is a class of the script that wrote the file, and this is another program. To read it, "
        f"{_INSTEAD}; what a script imports from a module is found everywhere."
    )


def _is_there(module: str, qualname: str) -> bool:
    """Whether the name leads to anything, so that nobody moved it; asked as `lookup` does, without running code."""
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        names = getattr(found, "__dict__", {})
        if part not in names:
            return False
        found = names[part]
    return True


def lookup(type_name: str) -> type | None:
    """The class where its module is imported, or None.

    Also a generic one with its parameters, as Pydantic keeps it in its module.
    """
    # Through __dict__, because getattr could run code: a lazy module imports what it is asked for.
    module, _, qualname = type_name.partition(":")
    found: Any = sys.modules.get(module)
    # Pydantic keeps a generic class in its module under a name that holds dots of its parameters.
    whole = getattr(found, "__dict__", {}).get(qualname)
    if isinstance(whole, type) and "[" in qualname:
        return whole
    for part in qualname.split("."):
        found = getattr(found, "__dict__", {}).get(part)
        if not isinstance(found, type):
            return None
    return found if isinstance(found, type) else None
