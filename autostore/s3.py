"""S3 as users import it: `S3Backend` and its settings; `backends/cloud/` holds the code."""

from autostore.backends.cloud.s3 import S3Backend
from autostore.config import S3StorageConfig

__all__ = ["S3Backend", "S3StorageConfig"]
