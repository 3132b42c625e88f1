"""A store in one SQLite file: each stored file is a row, each change a transaction."""

import contextlib
import sqlite3
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from autostore.plugins import (
    FileMetadata,
    Mark,
    ParsedUri,
    StorageBackend,
    StorageConfig,
    StorageConnectionError,
    changed,
    compose,
    content_type,
    exists_already,
    not_found,
)

__all__ = ["SQLiteBackend"]

_TABLE = """CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, data BLOB, size INTEGER, etag TEXT, time REAL, mark_time INTEGER, mark_id TEXT
) WITHOUT ROWID"""
_METADATA = "path, size, etag, time, mark_time, mark_id"


class SQLiteBackend(StorageBackend):
    """Rows of `sqlite:///folder/store.db`, made at the first use."""

    def __init__(self, uri: ParsedUri, config: StorageConfig) -> None:
        super().__init__(uri, config)
        self._file = uri.rest

    @contextlib.contextmanager
    def _opened(self, path: str | None = None) -> Iterator[sqlite3.Connection]:
        """One transaction; what goes wrong becomes an error of the library's that names key, place and remedy."""
        try:
            with contextlib.closing(sqlite3.connect(self._file, self.config.timeout)) as database:
                database.execute(_TABLE)
                database.execute("BEGIN IMMEDIATE")
                with database:
                    yield database
        except sqlite3.DatabaseError as error:
            remedy = "Check that the folder exists, that the file is a database, and who else writes to it."
            problem = f"The database cannot be used: {error}"
            raise StorageConnectionError(compose(problem, key=path, uri=self.uri, remedy=remedy)) from error

    def get_metadata(self, path: str) -> FileMetadata:
        """One look at the row."""
        with self._opened(path) as database:
            return self._metadata(path, database)

    def download(self, path: str, file: Path, *, unless_etag: str | None = None) -> FileMetadata | None:
        """One read of the row."""
        with self._opened(path) as database:
            found = self._metadata(path, database)
            if found.etag == unless_etag:
                return None
            (data,) = database.execute("SELECT data FROM files WHERE path = ?", [path]).fetchone()
        file.write_bytes(data)
        return found

    def list_files(self, prefix: str = "") -> Iterator[FileMetadata]:
        """The rows of one moment; SQLite's order of text is that of its UTF-8 bytes."""
        query = f"SELECT {_METADATA} FROM files WHERE substr(path, 1, ?) = ? ORDER BY path"
        with self._opened() as database:
            rows = database.execute(query, [len(prefix), prefix]).fetchall()
        return map(_described, rows)

    def upload(
        self, file: Path, path: str, *, mark: Mark | None = None, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """Replace the row."""
        data, now = file.read_bytes(), datetime.now(UTC).timestamp()
        row = (path, len(data), uuid.uuid4().hex, now, mark and mark.time_ns, mark and mark.id)
        with self._opened(path) as database:
            old = self._etag(path, database)
            if if_absent and old is not None:
                raise exists_already(path, self.uri)
            if if_etag is not None and old != if_etag:
                raise changed(path, self.uri)
            database.execute(f"REPLACE INTO files ({_METADATA}, data) VALUES (?, ?, ?, ?, ?, ?, ?)", [*row, data])
        return _described(row)

    def delete(self, path: str, *, if_etag: str | None = None) -> None:
        """Remove the row."""
        with self._opened(path) as database:
            if if_etag is not None and self._etag(path, database) != if_etag:
                raise changed(path, self.uri)
            database.execute("DELETE FROM files WHERE path = ?", [path])

    def _metadata(self, path: str, database: sqlite3.Connection) -> FileMetadata:
        row = database.execute(f"SELECT {_METADATA} FROM files WHERE path = ?", [path]).fetchone()
        if row is None:
            raise not_found(path, self.uri)
        return _described(row)

    def _etag(self, path: str, database: sqlite3.Connection) -> str | None:
        row = database.execute("SELECT etag FROM files WHERE path = ?", [path]).fetchone()
        return None if row is None else str(row[0])


def _described(row: tuple) -> FileMetadata:
    path, size, etag, time, mark_time, mark_id = row
    return FileMetadata(
        path=path,
        size=size,
        etag=etag,
        modified_time=datetime.fromtimestamp(time, UTC),
        content_type=content_type(path),
        mark=None if mark_time is None else Mark(mark_time, mark_id),
    )
