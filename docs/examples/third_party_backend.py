"""A third-party backend: files as rows of an SQLite table.

It implements what a `Backend` must have and nothing more; the rest comes from the base class. SQLite has keys and no
folders, so a folder is there as long as a key below it is, as on S3.
"""

from __future__ import annotations

import io
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

from remote_store import (
    AlreadyExists,
    Backend,
    BackendUnavailable,
    Capability,
    CapabilityNotSupported,
    CapabilitySet,
    DirectoryNotEmpty,
    FileInfo,
    FolderEntry,
    FolderInfo,
    InvalidPath,
    NotFound,
    RemotePath,
    WriteResult,
)

TABLE = "CREATE TABLE IF NOT EXISTS files (key TEXT PRIMARY KEY, data BLOB NOT NULL, modified REAL NOT NULL)"
NOW = "(julianday('now') - 2440587.5) * 86400.0"  # seconds since 1970
INSERT = f"INSERT INTO files VALUES (?, ?, {NOW})"
REPLACE = f"{INSERT} ON CONFLICT (key) DO UPDATE SET data = excluded.data, modified = excluded.modified"
BELOW = "SELECT key, length(data), modified FROM files WHERE key >= ? AND key < ?"
LAST = chr(0x10FFFF)  # after every key


class SQLiteBackend(Backend):
    """Files in one SQLite database, which is opened when it is first needed."""

    type_name = "sqlite"
    CAPABILITIES = CapabilitySet(
        {
            Capability.READ,
            Capability.WRITE,
            Capability.ATOMIC_WRITE,
            Capability.DELETE,
            Capability.LIST,
            Capability.METADATA,
            Capability.MOVE,
            Capability.COPY,
            Capability.SEEKABLE_READ,
        }
    )

    def __init__(self, file: str) -> None:
        self._file = file
        self._lock = threading.RLock()
        self._database: sqlite3.Connection | None = None

    @property
    def name(self) -> str:
        return "sqlite"

    @property
    def capabilities(self) -> CapabilitySet:
        return self.CAPABILITIES

    # Errors and keys: one place each

    @contextmanager
    def _transaction(self, path: str) -> Iterator[sqlite3.Connection]:
        """Give the database for one transaction, and turn SQLite's errors into ours."""
        with self._lock:
            try:
                if self._database is None:
                    self._database = sqlite3.connect(self._file, check_same_thread=False)
                    self._database.execute(TABLE)
                with self._database as database:
                    yield database
            except sqlite3.Error as error:
                raise BackendUnavailable(f"SQLite: {error}", path=path, backend=self.name) from error

    def _key(self, path: str) -> str:
        """Return the key that `path` means, `""` for the root."""
        if path in ("", "."):
            return ""
        try:
            path.encode()
            if path.startswith(("/", "\\")):
                raise ValueError("Absolute paths are not keys")
            return str(RemotePath(path))
        except ValueError as error:  # InvalidPath and UnicodeEncodeError are ValueErrors
            raise InvalidPath(f"Not a key: {error}", path=path, backend=self.name) from None

    def _file_key(self, path: str) -> str:
        if key := self._key(path):
            return key
        raise InvalidPath("Path must not be empty: it is the root", path=path, backend=self.name)

    def _missing(self, path: str, what: str = "File") -> Exception:
        """Return the error for a file that is not there: a folder may be."""
        if self.is_folder(path):
            return InvalidPath(f"Path is a folder, not a file: {path}", path=path, backend=self.name)
        return NotFound(f"{what} not found: {path}", path=path, backend=self.name)

    def _rows(self, folder: str, start: str = "") -> list[Any]:
        """Return key, size and time of all files below a folder."""
        prefix = f"{folder}/" if folder else ""
        with self._transaction(folder) as database:
            return database.execute(BELOW, (prefix + start, prefix + LAST)).fetchall()

    # Probes

    def exists(self, path: str) -> bool:
        return self.is_file(path) or self.is_folder(path)

    def is_file(self, path: str) -> bool:
        key = self._key(path)
        with self._transaction(path) as database:
            return database.execute("SELECT 1 FROM files WHERE key = ?", (key,)).fetchone() is not None

    def is_folder(self, path: str) -> bool:
        key = self._key(path)
        return not key or bool(self._rows(key))

    # Reading and writing

    def read(self, path: str) -> BinaryIO:
        return io.BytesIO(self.read_bytes(path))

    def read_bytes(self, path: str) -> bytes:
        key = self._file_key(path)
        with self._transaction(path) as database:
            row = database.execute("SELECT data FROM files WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise self._missing(path)
        return cast(bytes, row[0])

    def write(
        self,
        path: str,
        content: Any,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
    ) -> WriteResult:
        key = self._file_key(path)
        if metadata or if_match:
            missing = Capability.USER_METADATA if metadata else Capability.CONDITIONAL_WRITE
            raise CapabilityNotSupported("not supported", path=path, backend=self.name, capability=missing.value)
        # All of it, before anything is changed; memoryview refuses what is no bytes.
        data = content if isinstance(content, bytes) else bytes(memoryview(content.read()))
        try:
            with self._transaction(path) as database:
                database.execute(REPLACE if overwrite else INSERT, (key, data))
        except BackendUnavailable as error:
            if isinstance(error.__cause__, sqlite3.IntegrityError):  # the key is taken: SQLite decided it, no look did
                raise AlreadyExists(f"File already exists: {path}", path=path, backend=self.name) from None
            raise
        return WriteResult(RemotePath(key), len(data))

    write_atomic = write  # a transaction is

    @contextmanager
    def open_atomic(self, path: str, *, overwrite: bool = False) -> Iterator[BinaryIO]:
        if self.is_file(self._file_key(path)) and not overwrite:
            raise AlreadyExists(f"File already exists: {path}", path=path, backend=self.name)
        buffer = io.BytesIO()
        yield buffer
        self.write(path, buffer.getvalue(), overwrite=overwrite)

    # Deleting

    def delete(self, path: str, *, missing_ok: bool = False) -> None:
        key = self._file_key(path)
        with self._transaction(path) as database:
            deleted = database.execute("DELETE FROM files WHERE key = ?", (key,)).rowcount
        if not deleted:
            error = self._missing(path)
            if not (missing_ok and isinstance(error, NotFound)):
                raise error

    def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        key = self._file_key(path)
        with self._lock:
            if self.is_file(path):
                raise InvalidPath(f"Path is a file, not a folder: {path}", path=path, backend=self.name)
            if not self._rows(key):
                if missing_ok:
                    return
                raise NotFound(f"Folder not found: {path}", path=path, backend=self.name)
            if not recursive:
                raise DirectoryNotEmpty(f"Folder is not empty: {path}", path=path, backend=self.name)
            with self._transaction(path) as database:
                database.execute("DELETE FROM files WHERE key >= ? AND key < ?", (f"{key}/", f"{key}/{LAST}"))

    # Listing and information

    def list_files(self, path: str, *, recursive: bool = False, max_depth: int | None = None) -> Iterator[FileInfo]:
        folder = self._key(path)
        levels = max_depth if recursive else 0
        for key, size, modified in self._rows(folder):
            if levels is None or key.count("/", len(folder) + 1 if folder else 0) <= levels:
                yield self._info(key, size, modified)

    def list_folders(self, path: str) -> Iterator[FolderEntry]:
        folder = self._key(path)
        start = len(folder) + 1 if folder else 0
        names = {key[start:].partition("/")[0] for key, _, _ in self._rows(folder) if "/" in key[start:]}
        for name in sorted(names):
            yield FolderEntry(RemotePath(f"{folder}/{name}"), name)

    def get_file_info(self, path: str) -> FileInfo:
        key = self._file_key(path)
        with self._transaction(path) as database:
            row = database.execute(BELOW, (key, key + "\0")).fetchone()
        if row is None:
            raise self._missing(path)
        return self._info(*row)

    def get_folder_info(self, path: str) -> FolderInfo:
        key = self._key(path)
        rows = self._rows(key)
        if not rows and key:
            if self.is_file(path):
                raise InvalidPath(f"Path is a file, not a folder: {path}", path=path, backend=self.name)
            raise NotFound(f"Folder not found: {path}", path=path, backend=self.name)
        times = [datetime.fromtimestamp(modified, UTC) for _, _, modified in rows]
        size = sum(size for _, size, _ in rows)
        return FolderInfo(RemotePath.from_backend_path(key), len(rows), size, max(times, default=None))

    @staticmethod
    def _info(key: str, size: int, modified: float) -> FileInfo:
        path = RemotePath(key)
        return FileInfo(path, path.name, size, datetime.fromtimestamp(modified, UTC))

    # Moving

    def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        with self._lock:  # nobody sees both, or neither
            self.copy(src, dst, overwrite=overwrite)
            if self._key(src) != self._key(dst):
                self.delete(src)

    def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        target = self._file_key(dst)
        with self._lock:
            if not self.is_file(self._file_key(src)):
                raise self._missing(src, "Source")
            if self._key(src) != target:
                self.write(dst, self.read_bytes(src), overwrite=overwrite)

    def close(self) -> None:
        """Close the database; the next call opens it again."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None
