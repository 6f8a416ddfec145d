"""MemoryTree: the blocking half of the memory backend, called by both of its faces."""

from __future__ import annotations

import io
import os
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any, BinaryIO, Final, TypeVar

from ..._contract._sync.content import Content, WritableContent, content_of
from ..._core.condition import ALWAYS, IF_ABSENT, Condition, IfMatch, condition_of
from ..._core.errors import (
    AlreadyExists,
    CapabilityNotSupported,
    DirectoryNotEmpty,
    InvalidPath,
    NotFound,
    PreconditionFailed,
)
from ..._core.keys import RemotePath, join, split
from ..._core.metadata import checked_metadata
from ..._core.models import FileInfo, FolderEntry, FolderInfo, ResolutionPlan, WriteResult
from ..._core.ranges import checked_offset, checked_ranges, writable
from ..._core.seconds import checked_seconds
from .nodes import File, Files, Folder, Node, census, files_in, find, folder_at, locate
from .rules import file_key, no_file, no_folder, node_key, root_refused
from .streams import Draft, Snapshot

__all__ = ["MemoryTree", "Target"]

T = TypeVar("T")

GULP = 4 * 1024 * 1024
"""Bytes asked of streamed content at a time: it all ends in memory, and a large pull is a rare hop to a thread."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a write goes, checked before its content is touched."""

    path: str
    key: str
    condition: Condition
    metadata: dict[str, str] | None


class MemoryTree:
    """Files in nested dicts behind one lock.

    Every operation walks from the root by the segments of its key, so that none looks at keys it was not asked
    for. Files are immutable and handed out as they are: a reader keeps what it has opened (CONTRACT 151). No
    content is read and no caller's code runs under the lock. `label` is the name that errors give the backend.
    """

    def __init__(self, label: str = "memory") -> None:
        self.label = label
        self._root = Folder()
        self._lock = threading.Lock()
        # Etags of two trees never agree by chance; within one tree the count makes them differ.
        self._salt = os.urandom(4).hex()
        self._writes = count(1)
        _trees.add(self)

    # Probes

    def exists(self, path: str) -> bool:
        """Return whether a file or folder is at `path`."""
        return self._at(path) is not None

    def is_file(self, path: str) -> bool:
        """Return whether a file is at `path`."""
        return isinstance(self._at(path), File)

    def is_folder(self, path: str) -> bool:
        """Return whether a folder is at `path`; true for the root."""
        return isinstance(self._at(path), Folder)

    def _at(self, path: str) -> Node | None:
        key = node_key(path, self.label)
        with self._lock:
            return find(self._root, key)

    # Reading

    def file(self, path: str) -> File:
        """Return the file at `path` as it is now."""
        key = file_key(path, self.label)
        with self._lock:
            node = find(self._root, key)
        if not isinstance(node, File):
            raise no_file(path, self.label, is_folder=node is not None)
        return node

    def read(self, path: str) -> BinaryIO:
        """Open a file: a seekable snapshot of its content, which is not copied."""
        return Snapshot(self.file(path).data)

    def read_bytes(self, path: str) -> bytes:
        """Return the whole content of a file."""
        return self.file(path).data

    def read_into(self, path: str, buffer: bytearray | memoryview, start: int = 0) -> int:
        """Fill `buffer` from offset `start` and return the number of bytes."""
        view, start = writable(buffer), checked_offset(start)
        piece = memoryview(self.file(path).data)[start : start + len(view)]
        view[: len(piece)] = piece
        return len(piece)

    def read_ranges(self, path: str, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Return the bytes of each half-open range, all of the same version."""
        wanted = checked_ranges(ranges)
        data = self.file(path).data
        return [data[start:stop] for start, stop in wanted]

    # Writing: decide early, take the content in, decide again and put it in place

    def write(
        self,
        path: str,
        content: WritableContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
    ) -> WriteResult:
        """Write a file whole or not at all."""
        taken = content_of(content)
        target = self.target(path, overwrite=overwrite, metadata=metadata, if_match=if_match)
        return self.commit(target, taken if isinstance(taken, bytes) else _drained(taken))

    write_atomic = write

    @contextmanager
    def open_atomic(self, path: str, *, overwrite: bool = False) -> Iterator[BinaryIO]:
        """Open a file that appears when the block ends without an exception."""
        target = self.target(path, overwrite=overwrite)
        with Draft() as draft:
            yield draft
        self.commit(target, draft.content)

    def target(
        self,
        path: str,
        *,
        overwrite: bool,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
    ) -> Target:
        """Check a write's arguments and whether it can go to `path` as things stand."""
        metadata, condition = checked_metadata(metadata), condition_of(overwrite, if_match)
        target = Target(path, file_key(path, self.label), condition, metadata)
        with self._lock:
            self._admit(path, target.key, condition)
        return target

    def commit(self, target: Target, data: bytes) -> WriteResult:
        """Put a file in place, unless what is there by now forbids it."""
        data = data if data.__class__ is bytes else bytes(data)
        with self._lock:
            self._admit(target.path, target.key, target.condition)
            file = self._put(target.key, data, target.metadata)
        return WriteResult(
            RemotePath._trusted(target.key),
            len(data),
            "native",
            etag=file.etag,
            last_modified=file.modified_at,
            metadata=None if target.metadata is None else dict(target.metadata),
        )

    def _admit(self, path: str, key: str, condition: Condition) -> None:
        """Raise unless a file may be put at `key` (CONTRACT 43, 44)."""
        node, blocking = locate(self._root, key)
        if isinstance(node, Folder):
            raise InvalidPath(f"The path exists as a directory: {path}", path=path, backend=self.label)
        if blocking is not None:
            text = f"Cannot write {path}: its ancestor {blocking} exists as a file"
            raise InvalidPath(text, path=path, backend=self.label)
        if condition is IF_ABSENT and node is not None:
            raise AlreadyExists(f"File already exists: {path}", path=path, backend=self.label)
        if isinstance(condition, IfMatch) and (node is None or node.etag != condition.etag):
            state = "is missing" if node is None else f"has etag {node.etag}"
            text = f"if_match={condition.etag!r} does not hold: {path} {state}"
            raise PreconditionFailed(text, path=path, backend=self.label)

    def _put(self, key: str, data: bytes, metadata: Mapping[str, str] | None) -> File:
        file = File(data, datetime.now(UTC), f"{self._salt}{next(self._writes):08x}", metadata or None)
        folder, name = split(key)
        folder_at(self._root, folder)[name] = file
        return file

    def abort_uploads(self, older_than: float, prefix: str = "") -> int:
        """Return 0: an interrupted write leaves nothing here, so that there is never anything to remove."""
        checked_seconds(older_than, "older_than")
        node_key(prefix, self.label)
        return 0

    # Deleting

    def delete(self, path: str, *, missing_ok: bool = False) -> None:
        """Delete a file."""
        folder, name = split(file_key(path, self.label))
        with self._lock:
            parent = find(self._root, folder)
            node = parent.get(name) if isinstance(parent, Folder) else None
            if isinstance(node, File) and isinstance(parent, Folder):
                del parent[name]
                return
        if node is not None or not missing_ok:
            raise no_file(path, self.label, is_folder=node is not None)

    def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        """Delete a folder, with its content if `recursive`."""
        root_refused(path, self.label)
        folder, name = split(node_key(path, self.label))
        with self._lock:
            parent = find(self._root, folder)
            node = parent.get(name) if isinstance(parent, Folder) else None
            if node and isinstance(node, Folder) and not recursive:
                raise DirectoryNotEmpty(f"Folder not empty: {path}", path=path, backend=self.label)
            if isinstance(node, Folder) and isinstance(parent, Folder):
                # Freed after the lock is given back: `node` still holds what may be many files.
                del parent[name]
                return
        if node is not None or not missing_ok:
            raise no_folder(path, self.label, is_file=node is not None)

    # Listing: the names are checked at the call, the snapshot is taken when the first entry is asked for

    def list_files(self, path: str, *, recursive: bool = False, max_depth: int | None = None) -> Iterator[FileInfo]:
        """Iterate over the files in a folder, and in those below it if `recursive`."""
        if max_depth is not None and max_depth < 0:
            raise ValueError(f"max_depth must be >= 0, not {max_depth}")
        return self._list_files(node_key(path, self.label), max_depth if recursive else 0)

    def list_folders(self, path: str) -> Iterator[FolderEntry]:
        """Iterate over the immediate subfolders of a folder."""
        return self._list_folders(node_key(path, self.label))

    def iter_children(self, path: str) -> Iterator[FileInfo | FolderEntry]:
        """Iterate over the files and subfolders in a folder."""
        return self._iter_children(node_key(path, self.label))

    def _list_files(self, key: str, levels: int | None) -> Iterator[FileInfo]:
        for prefix, files in self._files(key, levels):
            for name, file in files:
                yield _listed(prefix, name, file)

    def _list_folders(self, key: str) -> Iterator[FolderEntry]:
        for name, node in self._entries(key):
            if isinstance(node, Folder):
                yield FolderEntry(RemotePath._trusted(join(key, name)), name)

    def _iter_children(self, key: str) -> Iterator[FileInfo | FolderEntry]:
        for name, node in self._entries(key):
            if isinstance(node, File):
                yield _listed(key, name, node)
            else:
                yield FolderEntry(RemotePath._trusted(join(key, name)), name)

    def _files(self, key: str, levels: int | None) -> list[Files]:
        with self._lock:
            node = find(self._root, key)
            return files_in(node, key, levels) if isinstance(node, Folder) else []

    def _entries(self, key: str) -> list[tuple[str, Node]]:
        with self._lock:
            node = find(self._root, key)
            return list(node.items()) if isinstance(node, Folder) else []

    # Information

    def get_file_info(self, path: str) -> FileInfo:
        """Return what is known of a file."""
        file, key = self.file(path), node_key(path, self.label)
        metadata = dict(file.metadata) if file.metadata else None
        name = split(key)[1]
        return FileInfo(
            RemotePath._trusted(key), name, len(file.data), file.modified_at, etag=file.etag, metadata=metadata
        )

    def get_folder_info(self, path: str) -> FolderInfo:
        """Return the totals of a folder, at every depth."""
        key = node_key(path, self.label)
        with self._lock:
            node = find(self._root, key)
            pages = files_in(node, key, None) if isinstance(node, Folder) else []
        if not isinstance(node, Folder):
            raise no_folder(path, self.label, is_file=node is not None)
        files = [file for _, page in pages for _, file in page]
        latest = max((file.modified_at for file in files), default=None)
        return FolderInfo(RemotePath._trusted(key), len(files), sum(len(file.data) for file in files), latest)

    # Moving

    def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Move a file; it stays what it was, etag and time included."""
        source, target = file_key(src, self.label), file_key(dst, self.label)
        with self._lock:
            file = self._route(src, source, dst, target, overwrite)
            if source == target:
                return
            # There first and gone second: at no moment, a fork included, is the file nowhere.
            folder, name = split(target)
            folder_at(self._root, folder)[name] = file
            folder, name = split(source)
            del folder_at(self._root, folder)[name]

    def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Copy a file with its metadata; the copy has an etag and a time of its own."""
        source, target = file_key(src, self.label), file_key(dst, self.label)
        with self._lock:
            file = self._route(src, source, dst, target, overwrite)
            if source != target:
                self._put(target, file.data, file.metadata)

    def _route(self, src: str, source: str, dst: str, target: str, overwrite: bool) -> File:
        """Return the file to move or copy, after the checks in the order of CONTRACT 74."""
        file = find(self._root, source)
        if file is None:
            raise NotFound(f"Source not found: {src}", path=src, backend=self.label)
        if isinstance(file, Folder):
            raise InvalidPath(f"Source is a directory: {src}", path=src, backend=self.label)
        if source != target:
            self._admit(dst, target, ALWAYS if overwrite else IF_ABSENT)
        return file

    # Names and life cycle

    def to_key(self, native_path: str) -> str:
        """Return the key of a native path, which is the key itself."""
        return "" if native_path == "." else native_path

    def native_path(self, path: str) -> str:
        """Return the native path of a key, which is the key itself; `""` for the root."""
        return "" if path == "." else path

    def resolve(self, path: str) -> ResolutionPlan:
        """Return where a key lives."""
        return ResolutionPlan(self.label, self.label, path, self.native_path(path), {})

    def unwrap(self, type_hint: type[T]) -> T:
        """Raise CapabilityNotSupported: nothing native lies below."""
        wanted = getattr(type_hint, "__name__", str(type_hint))
        text = f"Backend '{self.label}' does not expose native handle of type {wanted}"
        raise CapabilityNotSupported(text, backend=self.label, capability="unwrap")

    def check_health(self) -> None:
        """Do nothing: memory is there."""

    def close(self) -> None:
        """Do nothing: the files stay, and the tree goes on working (CONTRACT 90)."""

    def census(self) -> str:
        """Return the numbers of files and folders as a `repr` shows them (CONTRACT 112)."""
        with self._lock:
            files, folders = census(self._root)
        return f"files={files}, folders={folders}"


def _drained(content: Content) -> bytes:
    """Return all of a content."""
    if content.buffer is not None:
        return bytes(content.buffer)
    taken = io.BytesIO()
    while batch := content.batch(GULP):
        taken.writelines(batch)
    # Shares the buffer with the stream, which is dropped: the content is in memory once.
    return taken.getvalue()


def _listed(folder: str, name: str, file: File) -> FileInfo:
    info = FileInfo.deferred(folder, name, len(file.data), file, _COMPUTED)
    if file.metadata:
        vars(info)["metadata"] = dict(file.metadata)
    return info


_COMPUTED: Final[dict[str, Any]] = {"modified_at": lambda file: file.modified_at, "etag": lambda file: file.etag}

# A child process has the forking thread alone: a lock that another one held would stay locked for ever. Changes are
# made in steps that each leave a whole tree, so that taking the lock away breaks nothing.
_trees: weakref.WeakSet[MemoryTree] = weakref.WeakSet()


def _unlock_all() -> None:
    for tree in list(_trees):
        tree._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_all)
