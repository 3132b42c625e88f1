"""Copies within a bucket, which its server makes itself: of a value, of a version that is kept, onto what was seen."""

from __future__ import annotations

import contextlib
import time

from autostore.backend import FileMetadata, StorageBackend, changed
from autostore.backends.cloud.looks import JUST_NOW, Looks
from autostore.config import AzureStorageConfig, S3StorageConfig
from autostore.engine.contract import Engine
from autostore.engine.objects import Said, new_write_id, said_by
from autostore.engine.traits import ALL, ServerTraits, told
from autostore.errors import PreconditionFailedError
from autostore.mark import Mark
from autostore.telling.transfers import transfer

__all__ = ["CopyingBackend"]


class CopyingBackend(StorageBackend):
    """What the server does on its own side; `CloudBackend` has the rest."""

    _engine: Engine
    _settings: S3StorageConfig | AzureStorageConfig
    _looks: Looks
    _place: tuple[str, str]
    """Bucket and prefix."""
    _traits: ServerTraits | None = None
    """What the server checks, of a store with history; else nobody asked."""

    def begin_history(self) -> bool:
        """Ask what the server checks, unless it is AWS or the settings say so; each write has an id from now on."""
        self._traits = self._asked()
        return self._traits.claims

    def copy(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """One request to the server, which copies by itself; above 5 GiB by parts."""
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
            return self._copied(source, target, mark, if_etag, over=over)
        return self.copy(source, target, mark=mark, if_etag=if_etag)

    def copies_from(self, other: StorageBackend, *, conditional: bool = False) -> bool:
        """Of the same server by the same settings; conditionally where the server checks a COPY's target."""
        return super().copies_from(other) and (not conditional or self._asked().target)

    def copy_from(
        self, other: StorageBackend, source: str, target: str, *, mark: Mark | None = None, if_etag: str,
        over: str | None = "",
    ) -> FileMetadata:  # fmt: skip
        """One request to the server; a look before and after it where that checks no source. Above 5 GiB by parts."""
        assert isinstance(other, CopyingBackend)
        checks = self._checks("source")
        if not checks:
            other._expect(source, if_etag)  # noqa: SLF001 - of a place as this one
        copied = self._copied(source, target, mark, if_etag, over=over, other=other)
        if not checks and copied.etag != if_etag and other.get_metadata(source).etag != if_etag:
            raise changed(source, other.uri)
        return copied

    def keep(self, path: str, kept: str, *, if_etag: str) -> None:
        """One request, under a condition; a HEAD more where the server does not check it."""
        if not self._checks("source") and self.get_metadata(path).etag != if_etag:
            raise changed(path, self.uri)
        self._engine.duplicate(path, kept, if_etag=if_etag)

    def move(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """A copy and one request more: the copy's ETag shows what the source was a moment ago."""
        etag = if_etag or self.get_metadata(source).etag
        begun = time.monotonic()
        moved = self.copy(source, target, mark=mark, if_etag=etag)
        with contextlib.suppress(PreconditionFailedError):  # by now it is another object, or none
            if moved.etag == etag and time.monotonic() - begun < JUST_NOW:
                self._engine.delete(source, if_etag=etag)
            else:
                self.delete(source, if_etag=etag)
        return moved

    def _copied(
        self, source: str, target: str, mark: Mark | None, etag: str | None, *, over: str | None = "",
        other: CopyingBackend | None = None,
    ) -> FileMetadata:  # fmt: skip
        """`other`: where the source lies, if not here."""
        said = self._said(target, mark, identified=False)
        there = other or self
        look = there._looks.last(source)  # noqa: SLF001 - of a place as this one
        seen, place = None if look is None else look.found, None if other is None else there._place  # noqa: SLF001
        with transfer("copy", self, target, source=source if other is None else other.url(source)) as told:
            copied = self._engine.copy(source, target, said, if_etag=etag, over=over, seen=seen, place=place)
            return told.of(self._looks.noted(copied))

    def _said(self, path: str, mark: Mark | None, *, identified: bool) -> Said:
        """What a write says beside its bytes; `identified`, or with history, with an id of its own."""
        moment = None
        if self._traits is not None:
            last = self._looks.last(path)
            moment = max(time.time_ns(), 0 if mark is None else mark.time_ns, 0 if last is None else last.written + 1)
        write_id = new_write_id() if identified or moment is not None else None
        return said_by(path, mark, getattr(self._settings, "upload_args", {}), write_id=write_id, moment=moment)

    def _asked(self) -> ServerTraits:
        """What the server checks, by all means: by a probe where neither settings nor documentation say it."""
        known = self._traits or self._told()
        return known or (ALL if self._engine.is_aws() else self._engine.traits())

    def _told(self) -> ServerTraits | None:
        return told(self._settings.conditions) if isinstance(self._settings, S3StorageConfig) else None

    def _checks(self, condition: str) -> bool:
        known = self._traits or self._told()
        return self._engine.is_aws() if known is None else bool(getattr(known, condition))

    def _expect(self, path: str, etag: str, condition: str = "source") -> None:
        """Refuse if the object is another version now: not every server checks the condition."""
        look = self._looks.last(path)
        known = look is not None and look.found.etag == etag and time.monotonic() - look.time < JUST_NOW
        if not known and not self._checks(condition) and self.get_metadata(path).etag != etag:
            raise changed(path, self.uri)
