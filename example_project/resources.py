"""Where the assets are kept: a local folder, or S3 by environment variables (see `.env.example`)."""

import os
from pathlib import Path

from autostore_dagster import AutoStoreIOManager, AutoStoreResource

__all__ = ["io_manager", "store_resource", "store_uri", "with_torch"]

# Beside the package, not in the current folder, so that the UI, a command and the demo find the same data.
DEFAULT_URI = str(Path(__file__).parent.parent / "data")


def store_uri() -> str:
    """`AUTOSTORE_URI`, or the folder `data` of the checkout."""
    return os.environ.get("AUTOSTORE_URI") or DEFAULT_URI


def with_torch() -> bool:
    """Whether the model is the network: not with `AUTOSTORE_EXAMPLE_TORCH=0`, and not where torch is missing."""
    if os.environ.get("AUTOSTORE_EXAMPLE_TORCH", "1") == "0":
        return False
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


def io_manager() -> AutoStoreIOManager:
    """Keeps what the assets return."""
    return AutoStoreIOManager(uri=store_uri())


def store_resource() -> AutoStoreResource:
    """The same place as a store, for code that reads and writes by key."""
    return AutoStoreResource(uri=store_uri())
