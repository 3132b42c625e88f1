"""A store on S3 or a compatible server: `S3Backend`."""

from __future__ import annotations

import re

from autostore.backends.cloud.backend import CloudBackend
from autostore.backends.cloud.boto3.engine import Boto3Engine
from autostore.backends.cloud.choosing import fast_engine, together
from autostore.config import S3StorageConfig, StorageConfig
from autostore.engine.contract import Engine

__all__ = ["S3Backend", "S3StorageConfig"]


class S3Backend(CloudBackend):
    """Objects below `s3://bucket/prefix/`.

    A missing bucket is a `StorageConnectionError`, never an absent key or an empty listing.
    Copies set the content type and the mark anew; other user metadata does not travel.
    """

    config_class = S3StorageConfig
    scheme = "s3"
    names = re.compile(r"[A-Za-z0-9._-]{1,255}")

    def settings_of(self, config: StorageConfig) -> S3StorageConfig:
        """Those of any other place are left out."""
        return S3StorageConfig.adapt(config)

    def server(self) -> object:
        """The endpoint and how it is reached; credentials that the environment gives are one's own here and there."""
        return "s3", self.settings_of(self.config).reached_by()

    def make_engine(self, bucket: str, prefix: str) -> Engine:
        """boto3, and before it what is faster."""
        complete = Boto3Engine(bucket, prefix, self.uri, self.settings_of(self.config))
        return together(self.first_engine(bucket, prefix, complete), complete)

    def first_engine(self, bucket: str, prefix: str, complete: Engine) -> Engine | None:
        """The engine that is asked before `complete` (boto3), which does what it declines; None: boto3 does all."""
        return fast_engine(bucket, prefix, self.uri, self.settings_of(self.config), complete)
