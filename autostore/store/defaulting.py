"""Where a store is that nobody named: `AUTOSTORE_URI`, else a folder of the user's data, which is said."""

from __future__ import annotations

import os
import warnings
from typing import Any

from autostore.errors import InvalidConfigError
from autostore.optional import require

__all__ = ["UNSAID", "default_uri"]

VARIABLE = "AUTOSTORE_URI"


class _Unsaid:
    """What stands for a URI that was not given; None would also stand for one that was lost."""

    def __repr__(self) -> str:
        return f"<{VARIABLE}, or a folder of yours>"


UNSAID: Any = _Unsaid()


def default_uri() -> str:
    """The variable's, else the folder's; of that a warning tells, once for each place that makes such a store."""
    told = os.environ.get(VARIABLE)
    if told:
        return told
    try:
        folder: str = require("platformdirs").user_data_dir("autostore", appauthor=False)
    except RuntimeError as error:  # neither HOME nor a user of this number
        raise InvalidConfigError(f"This process has no home. Pass a URI, or set {VARIABLE}.") from error
    text = f"AutoStore() keeps its objects in {folder}. Pass a URI, or set {VARIABLE}, to choose."
    warnings.warn(text, UserWarning, stacklevel=4)  # past `refuses_settings`
    return folder
