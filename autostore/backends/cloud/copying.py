"""Copies within a bucket, which S3 makes itself: of a value, of a version that is kept, onto what was seen."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Any

from autostore.backend import FileMetadata, StorageBackend, changed
from autostore.backends.cloud.boto3.connection import S3Connection
from autostore.backends.cloud.boto3.copies import copy_as_it_is, copy_object, copy_parts, is_too_large
from autostore.backends.cloud.boto3.errors import translated
from autostore.backends.cloud.boto3.probe import probed
from autostore.backends.cloud.boto3.uploads import LARGEST_PUT
from autostore.backends.cloud.looks import JUST_NOW, Looks
from autostore.backends.cloud.objects import (
    WRITE_ID,
    in_quotes,
    new_write_id,
    plain_etag,
    written,
    written_headers,
)
from autostore.backends.cloud.traits import ALL, SOME, ServerTraits
from autostore.config import S3StorageConfig
from autostore.errors import PreconditionFailedError
from autostore.mark import Mark

__all__ = ["CopyingS3"]


class CopyingS3(StorageBackend):
    """What S3 does on its own side; `S3Backend` has the rest."""

    _connection: S3Connection
    _settings: S3StorageConfig
    _prefix: str
    _looks: Looks
    _traits: ServerTraits | None = None
    """What the server checks, of a store with history; else nobody asked."""

    def begin_history(self) -> bool:
        """Ask what the server checks, unless it is AWS or the settings say so; each write has an id from now on."""
        configured = {"all": ALL, "some": SOME}.get(self._settings.conditions or "")
        if configured is None:
            with translated(self.uri):
                configured = ALL if self._connection.is_aws else probed(self._connection, self._prefix)
        self._traits = configured
        return self._traits.claims

    def copy(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """One request to S3, which copies by itself; above 5 GiB by parts."""
        if if_etag is not None:
            self._expect(source, if_etag)
        return self._copied(source, target, mark, if_etag)

    def copy_over(
        self, source: str, target: str, *, mark: Mark | None = None, if_etag: str, over: str | None
    ) -> FileMetadata:
        """One request where the server checks the target too, or where the claim keeps others away."""
        if self._traits is None or not (self._traits.target or self._traits.claims):
            return super().copy_over(source, target, mark=mark, if_etag=if_etag, over=over)
        if self._traits.target:
            condition = {"IfNoneMatch": "*"} if over is None else {"IfMatch": in_quotes(over)}
            return self._copied(source, target, mark, if_etag, condition)
        return self.copy(source, target, mark=mark, if_etag=if_etag)

    def keep(self, path: str, kept: str, *, if_etag: str) -> None:
        """One request, under a condition; a HEAD more where the server does not check it."""
        if not self._checks("source") and self.get_metadata(path).etag != if_etag:
            raise changed(path, self.uri)
        with translated(self.uri, path):
            source, target = self._prefix + path, self._prefix + kept
            try:
                copy_as_it_is(self._connection, source, target, if_etag)
            except Exception as error:
                if not is_too_large(error):
                    raise
                found = self._too_large(source, if_etag, error)
                headers = {"Metadata": found.get("Metadata") or {}, "ContentType": found.get("ContentType", "")}
                headers["Metadata"] = {WRITE_ID: new_write_id(), **headers["Metadata"]}
                copy_parts(self._connection, source, target, found, headers)

    def move(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """A copy and one request more: the copy's ETag shows what the source was a moment ago."""
        etag = if_etag or self.get_metadata(source).etag
        begun = time.monotonic()
        moved = self.copy(source, target, mark=mark, if_etag=etag)
        with contextlib.suppress(PreconditionFailedError):  # by now it is another object, or none
            if moved.etag == etag and time.monotonic() - begun < JUST_NOW:
                self._delete(source, etag)
            else:
                self.delete(source, if_etag=etag)
        return moved

    def _copied(
        self, source: str, target: str, mark: Mark | None, etag: str | None, condition: Mapping[str, str] | None = None
    ) -> FileMetadata:
        headers = self._headers(target, mark, identified=False)
        with translated(self.uri, source):
            from_key, to_key = self._prefix + source, self._prefix + target
            try:
                answer = copy_object(self._connection, from_key, to_key, etag, {**headers, **(condition or {})})
            except Exception as error:
                if not is_too_large(error):
                    raise
                found = self._too_large(from_key, etag, error)
                headers = self._headers(target, mark, identified=True)
                answer = copy_parts(self._connection, from_key, to_key, found, headers, condition=condition)
                return written(target, found["ContentLength"], answer, headers, mark)
        look = self._looks.last(source)
        if look is None or look.etag != plain_etag(answer.get("ETag")):
            return self.get_metadata(target)  # the answer does not tell the size
        return self._looks.noted(written(target, look.size, answer, headers, mark))

    def _too_large(self, key: str, etag: str | None, refusal: Exception) -> Mapping[str, Any]:
        """What a HEAD says of an object that is too large for one copy, if that is why it was refused."""
        found: Mapping[str, Any] = self._connection.call("head_object", Key=key)
        if found["ContentLength"] <= LARGEST_PUT:
            raise refusal
        if etag is not None and plain_etag(found["ETag"]) != etag:
            raise changed(key[len(self._prefix) :], self.uri)
        return found

    def _headers(self, path: str, mark: Mark | None, *, identified: bool) -> dict[str, Any]:
        """What a write says beside its bytes; `identified`, or with history, with an id of its own."""
        moment = None
        if self._traits is not None:
            last = self._looks.last(path)
            moment = max(time.time_ns(), 0 if mark is None else mark.time_ns, 0 if last is None else last.written + 1)
        write_id = new_write_id() if identified or moment is not None else None
        return written_headers(path, mark, self._settings.upload_args, write_id=write_id, moment=moment)

    def _checks(self, condition: str) -> bool:
        return self._connection.is_aws if self._traits is None else bool(getattr(self._traits, condition))

    def _expect(self, path: str, etag: str, condition: str = "source") -> None:
        """Refuse if the object is another version now: not every server checks the condition."""
        look = self._looks.last(path)
        known = look is not None and look.etag == etag and time.monotonic() - look.time < JUST_NOW
        if not known and not self._checks(condition) and self.get_metadata(path).etag != etag:
            raise changed(path, self.uri)

    def _delete(self, path: str, etag: str | None) -> None:
        raise NotImplementedError
