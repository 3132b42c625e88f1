"""What a backend's tests stand on: the backend, and ways around it, for tests that trust neither."""

from __future__ import annotations

from abc import abstractmethod

import pytest

from autostore.backend import StorageBackend

__all__ = ["BackendRig"]


class BackendRig:
    """A backend, and raw access to its place."""

    @pytest.fixture
    @abstractmethod
    def backend(self) -> StorageBackend:
        """An empty backend."""

    @abstractmethod
    def raw_write(self, backend: StorageBackend, path: str, data: bytes) -> None:
        """Put bytes there without the backend."""

    @abstractmethod
    def raw_read(self, backend: StorageBackend, path: str) -> bytes | None:
        """The bytes that are there, without the backend; None where there are none."""

    def put(self, backend: StorageBackend, path: str, data: bytes, **options: object) -> str:
        """Upload bytes through the backend; returns the ETag."""
        with backend.scratch_file() as file:
            file.write_bytes(data)
            return backend.upload(file, path, **options).etag  # type: ignore[arg-type]

    def get(self, backend: StorageBackend, path: str) -> bytes:
        """Download bytes through the backend."""
        with backend.scratch_file() as file:
            assert backend.download(path, file) is not None
            return file.read_bytes()
