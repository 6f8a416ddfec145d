"""Stores as pyarrow file systems; needs the extra `arrow`."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

try:
    import pyarrow as pa
    from pyarrow import fs
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"remote_store.ext.arrow needs {error.name}; pip install 'remote-store-aio[arrow]'", name=error.name
    ) from error

from .._core.errors import (
    AlreadyExists,
    CapabilityNotSupported,
    InvalidPath,
    NotFound,
    PermissionDenied,
    RemoteStoreError,
)
from .._core.models import FileInfo, known_time
from .._store._sync.store import Store

__all__ = ["StoreFileSystemHandler", "pyarrow_fs"]

_log = logging.getLogger("remote_store.ext.arrow")

THRESHOLD = 64 * 1024 * 1024
"""Bytes: what is smaller is read, or kept for writing, in memory."""


def pyarrow_fs(
    store: Store, *, materialization_threshold: int = THRESHOLD, write_spill_threshold: int = THRESHOLD
) -> fs.PyFileSystem:
    """Return a store as a file system for pyarrow's readers and writers (parquet, CSV, datasets).

    Files up to `materialization_threshold` bytes are read whole when they are opened for random access, larger ones
    by ranges. Output waits until it is closed, above `write_spill_threshold` bytes in a temporary file, and is then
    written over what is there.
    """
    return fs.PyFileSystem(StoreFileSystemHandler(store, materialization_threshold, write_spill_threshold))


_BUILTIN: list[tuple[type[RemoteStoreError], type[Exception]]] = [
    (NotFound, FileNotFoundError),
    (AlreadyExists, FileExistsError),
    (PermissionDenied, PermissionError),
    (InvalidPath, ValueError),
    (CapabilityNotSupported, NotImplementedError),
]


@contextmanager
def _map_errors() -> Iterator[None]:
    """Raise the builtin that pyarrow knows in place of an error of ours."""
    try:
        yield
    except RemoteStoreError as error:
        builtin = next((builtin for ours, builtin in _BUILTIN if isinstance(error, ours)), OSError)
        raise builtin(str(error)) from error


def _normalize(path: str) -> str:
    """Return a key for pyarrow's spelling of a path; `..` is resolved, and stops at the root."""
    names: list[str] = []
    for name in path.replace("\\", "/").split("/"):
        if name == "..":
            del names[-1:]
        elif name not in ("", "."):
            names.append(name)
    return "/".join(names)


class _StoreSink(io.RawIOBase):
    """What is written to it is written to the store when it is closed."""

    def __init__(self, store: Store, path: str, spill_threshold: int) -> None:
        self._store = store
        self._path = path
        self._spool = SpooledTemporaryFile[bytes](max_size=spill_threshold)

    def writable(self) -> bool:
        """Return true."""
        return True

    def write(self, data: Any) -> int:
        """Keep `data` and return its size in bytes."""
        if self.closed:
            raise ValueError("I/O operation on closed file")
        return self._spool.write(data)

    def tell(self) -> int:
        """Return the number of bytes so far."""
        return self._spool.tell()

    def close(self) -> None:
        """Write the file. Closing twice does nothing."""
        if self.closed:
            return
        try:
            self._spool.seek(0)
            with _map_errors():
                self._store.write(self._path, cast(BinaryIO, self._spool), overwrite=True)
        finally:
            self._spool.close()
            super().close()

    def __del__(self) -> None:
        # io.IOBase would close, and so commit, a file that its writer never finished.
        spool = getattr(self, "_spool", None)
        if spool is not None and not self.closed:
            spool.close()
            io.RawIOBase.close(self)


class _ErrorMapped(io.RawIOBase):
    """A read stream whose errors are the builtins that pyarrow knows."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        """Return true."""
        return True

    def seekable(self) -> bool:
        """Return what the stream says."""
        return self._stream.seekable()

    def read(self, size: int | None = -1) -> bytes:
        """Return up to `size` bytes."""
        with _map_errors():
            return self._stream.read(-1 if size is None else size)

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` and return the number of bytes."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position and return it."""
        with _map_errors():
            return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._stream.tell()

    def close(self) -> None:
        """Close the stream."""
        if not self.closed:
            self._stream.close()
            super().close()


class StoreFileSystemHandler(fs.FileSystemHandler):  # type: ignore[misc]  # untyped without the extra
    """What pyarrow asks of a file system, answered by a store; see `pyarrow_fs` for the thresholds (bytes).

    Two are equal if their stores are. Errors are builtins: FileNotFoundError, FileExistsError, PermissionError,
    ValueError, NotImplementedError, else OSError. Folders are made by writing into them.
    """

    def __init__(
        self, store: Store, materialization_threshold: int = THRESHOLD, write_spill_threshold: int = THRESHOLD
    ) -> None:
        self._store = store
        self._materialization_threshold = materialization_threshold
        self._write_spill_threshold = write_spill_threshold
        self._native = _native_opener(store)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StoreFileSystemHandler):
            return NotImplemented
        return self._store == other._store

    def __ne__(self, other: object) -> bool:
        if not isinstance(other, StoreFileSystemHandler):
            return NotImplemented
        return self._store != other._store

    def __hash__(self) -> int:
        return hash(self._store)

    def get_type_name(self) -> str:
        """Return the type's name."""
        return "remote-store"

    @staticmethod
    def normalize_path(path: str) -> str:
        """Return the key for a path."""
        return _normalize(path)

    # Information

    def get_file_info(self, paths: list[str]) -> list[fs.FileInfo]:
        """Return what is at each path: a file, a folder or nothing."""
        return [self._info(_normalize(path)) for path in paths]

    def _info(self, path: str) -> fs.FileInfo:
        try:
            with _map_errors():
                return _arrow_info(self._store.get_file_info(path), path)
        except (FileNotFoundError, ValueError):
            pass  # no file: a folder, or nothing
        kind = fs.FileType.NotFound
        try:
            with _map_errors():
                if self._store.is_folder(path):
                    kind = fs.FileType.Directory
        except FileNotFoundError:
            pass  # gone meanwhile
        return fs.FileInfo(path, type=kind)

    def get_file_info_selector(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        """Return the files and folders below one; FileNotFoundError if it is not there, unless that is allowed."""
        base = _normalize(selector.base_dir)
        try:
            with _map_errors():
                found = self._below(base, selector.recursive)
                if not found and base and not self._store.exists(base):
                    raise NotFound(f"Directory not found: {base}", path=base)
        except FileNotFoundError:
            if not selector.allow_not_found:
                raise
            return []
        return found

    def _below(self, base: str, recursive: bool) -> list[fs.FileInfo]:
        found = [_arrow_info(info, str(info.path)) for info in self._store.list_files(base, recursive=recursive)]
        if recursive:
            folders = sorted({folder for info in found for folder in _folders_of(info.path, base)})
        else:
            folders = [str(entry.path) for entry in self._store.list_folders(base)]
        return found + [fs.FileInfo(folder, type=fs.FileType.Directory) for folder in folders]

    # Reading

    def open_input_stream(self, path: str) -> pa.NativeFile:
        """Open a file to be read forward."""
        with _map_errors():
            return _python_file(self._store.read(_normalize(path)))

    def open_input_file(self, path: str) -> pa.NativeFile:
        """Open a file for random access: by a native file system if the store has one, whole if it is small."""
        key = _normalize(path)
        if self._native is not None:
            return self._native(key)
        with _map_errors():
            if self._store.get_file_info(key).size <= self._materialization_threshold:
                return pa.BufferReader(pa.py_buffer(self._store.read_bytes(key)))
            return _python_file(self._store.read_seekable(key))

    # Writing

    def open_output_stream(self, path: str, metadata: Any = None) -> pa.NativeFile:
        """Open a file that is written when it is closed, over what is there."""
        return pa.PythonFile(_StoreSink(self._store, _normalize(path), self._write_spill_threshold), mode="w")

    def open_append_stream(self, path: str, metadata: Any = None) -> pa.NativeFile:
        """Raise NotImplementedError: stores don't append."""
        raise NotImplementedError("stores can't append to a file")

    # Changing

    def delete_file(self, path: str) -> None:
        """Delete a file."""
        with _map_errors():
            self._store.delete(_normalize(path))

    def create_dir(self, path: str, recursive: bool) -> None:
        """Do nothing: a folder is made by writing into it."""

    def delete_dir(self, path: str) -> None:
        """Delete a folder with all its content; NotImplementedError for the root."""
        key = self._no_root(path)
        with _map_errors():
            self._store.delete_folder(key, recursive=True)

    def delete_dir_contents(self, path: str, missing_dir_ok: bool = False) -> None:
        """Delete all that is in a folder; NotImplementedError for the root."""
        key = self._no_root(path)
        with _map_errors():
            if not self._store.is_folder(key):
                if missing_dir_ok:
                    return
                raise NotFound(f"Directory not found: {key}", path=key)
            for info in list(self._store.list_files(key)):
                self._store.delete(str(info.path), missing_ok=True)
            for entry in list(self._store.list_folders(key)):
                self._store.delete_folder(str(entry.path), recursive=True, missing_ok=True)

    def delete_root_dir_contents(self) -> None:
        """Raise NotImplementedError."""
        self._no_root("")

    def _no_root(self, path: str) -> str:
        key = _normalize(path)
        if not key:
            raise NotImplementedError("deleting all of a store is not supported")
        return key

    def move(self, src: str, dest: str) -> None:
        """Move a file over what is there."""
        with _map_errors():
            self._store.move(_normalize(src), _normalize(dest), overwrite=True)

    def copy_file(self, src: str, dest: str) -> None:
        """Copy a file over what is there."""
        with _map_errors():
            self._store.copy(_normalize(src), _normalize(dest), overwrite=True)


def _native_opener(store: Store) -> Callable[[str], pa.NativeFile] | None:
    """Return how a native pyarrow file system below the store opens a key, None if there is none."""
    try:
        native = store.unwrap(fs.FileSystem)
    except (RemoteStoreError, TypeError, OSError) as error:
        _log.debug("no native file system: %s", error)
        return None
    if not isinstance(native, fs.FileSystem):
        return None
    return lambda key: native.open_input_file(store.native_path(key))


def _python_file(stream: BinaryIO) -> pa.NativeFile:
    return pa.PythonFile(_ErrorMapped(stream), mode="r")


def _arrow_info(info: FileInfo, path: str) -> fs.FileInfo:
    # pyarrow takes None for unknown; the earliest datetime would come out as one of the year 1754.
    time: datetime | None = known_time(info.modified_at)
    return fs.FileInfo(path, type=fs.FileType.File, size=info.size, mtime=time)


def _folders_of(path: str, base: str) -> Iterator[str]:
    """Yield the folders between `base` and a file below it."""
    end = path.rfind("/")
    while end > len(base):
        yield path[:end]
        end = path.rfind("/", 0, end)
