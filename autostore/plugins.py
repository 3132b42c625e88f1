"""What a format or a place is written with: both contracts, and everything that their implementations need.

A format subclasses `DataHandler`, a place `StorageBackend`. Both are registered once
(`store.register_handler`, `AutoStore.register_backend`, or the entry point groups
`autostore.handlers` and `autostore.backends`), and tested by subclassing
`autostore.testing.HandlerContract` and `BackendContract`. `docs/extending.md` goes step by
step; `backends/memory.py` is a whole place written with these names alone. An `Engine` moves
the bytes of a bucket by another client library than boto3.
"""

from autostore.backend import FileMetadata, StorageBackend, changed, exists_already, not_found
from autostore.config import StorageConfig
from autostore.disk.failures import disk_errors_are_typed, failing_disk_is_an_os_error
from autostore.engine.contract import Declined, Engine, Page, SentParts
from autostore.engine.objects import Said, known
from autostore.engine.traits import ServerTraits
from autostore.equality import Again, Comparer, same
from autostore.errors import (
    BrokenPluginError,
    CorruptDataError,
    InvalidConfigError,
    InvalidKeyError,
    MissingDependencyError,
    PreconditionFailedError,
    StorageConnectionError,
    StorageError,
    StorageFileNotFoundError,
    StorageIOError,
    StoragePermissionError,
    TooLargeError,
    UnknownTypeError,
    UnsupportedFormatError,
    UntrustedDataError,
    compose,
    from_os_error,
)
from autostore.handler import DataHandler
from autostore.headers.header import Header
from autostore.holding.turns import Turns
from autostore.keys import ParsedUri, parse_uri
from autostore.mark import Mark
from autostore.media import content_type
from autostore.optional import loaded_type, require
from autostore.parallel import in_order
from autostore.pieces.incoming import Incoming
from autostore.pieces.ranges import Ranges, Tail
from autostore.preview import Columns, Fact, Markdown, Picture, Preview, Rows

__all__ = [
    "Again",
    "BrokenPluginError",
    "Columns",
    "Comparer",
    "CorruptDataError",
    "DataHandler",
    "Declined",
    "Engine",
    "Fact",
    "FileMetadata",
    "Header",
    "Incoming",
    "InvalidConfigError",
    "InvalidKeyError",
    "Mark",
    "Markdown",
    "MissingDependencyError",
    "Page",
    "ParsedUri",
    "Picture",
    "PreconditionFailedError",
    "Preview",
    "Ranges",
    "Rows",
    "Said",
    "SentParts",
    "ServerTraits",
    "StorageBackend",
    "StorageConfig",
    "StorageConnectionError",
    "StorageError",
    "StorageFileNotFoundError",
    "StorageIOError",
    "StoragePermissionError",
    "Tail",
    "TooLargeError",
    "Turns",
    "UnknownTypeError",
    "UnsupportedFormatError",
    "UntrustedDataError",
    "changed",
    "compose",
    "content_type",
    "disk_errors_are_typed",
    "exists_already",
    "failing_disk_is_an_os_error",
    "from_os_error",
    "in_order",
    "known",
    "loaded_type",
    "not_found",
    "parse_uri",
    "require",
    "same",
]
