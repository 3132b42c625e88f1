"""Addresses that carry credentials, refused when a manager or its settings are made, before anything can show them.

A manager's `repr`, a snapshot of the code location and Pydantic's own errors would quote what was given.
"""

from typing import Any

from pydantic import ConfigDict

from autostore import S3StorageConfig
from autostore.plugins import parse_uri

__all__ = ["Quiet"]


class Quiet:
    """What managers, resources and settings have before their other bases: they refuse early, and quote nothing."""

    model_config = ConfigDict(hide_input_in_errors=True)

    def __init__(self, **settings: Any) -> None:
        # Not a validator: Pydantic would wrap the error, and forget which it was. An `EnvVar` is a text too, a name.
        if isinstance(uri := settings.get("uri"), str):
            parse_uri(uri)
        if isinstance(endpoint := settings.get("endpoint_url"), str):
            S3StorageConfig(endpoint_url=endpoint)
        super().__init__(**settings)
