"""Whether something stands in for the network in this process: moto, pytest-socket, vcrpy, a patched botocore.

They replace what Python sends by. obstore sends by itself, and would go past them, to the place that they stand for.
"""

from __future__ import annotations

import sys
from operator import attrgetter

__all__ = ["is_stood_in"]

_OWN = (
    ("socket", "socket", "socket"),
    ("botocore.client", "BaseClient._make_api_call", "botocore.client"),
    ("botocore.httpsession", "URLLib3Session.send", "botocore.httpsession"),
    ("botocore.awsrequest", "AWSHTTPConnection", "botocore.awsrequest"),
    ("botocore.awsrequest", "AWSHTTPSConnection", "botocore.awsrequest"),
)
"""A module, what of it is replaced, and where that comes from while nobody has."""


def is_stood_in() -> bool:
    """Asked before each call, as a store may be older than what stands in; nothing is imported for it."""
    stub = getattr(sys.modules.get("moto.core.models"), "botocore_stubber", None)
    if getattr(stub, "enabled", False):
        return True
    for module, name, own in _OWN:
        loaded = sys.modules.get(module)
        if loaded is not None and getattr(attrgetter(name)(loaded), "__module__", None) != own:
            return True
    return "connect" in vars(sys.modules["socket"].socket)
