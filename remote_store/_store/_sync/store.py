# Generated from remote_store/_store/_async/store.py by tools/gen_sync.py. Edit that file.
"""Store: a folder of a backend as a store of its own (CONTRACT A2, seeds/003)."""

from __future__ import annotations

from collections.abc import Iterator, Iterable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self, TypeVar

from ..._contract._sync.backend import Backend
from ..._contract._sync.content import AnyContent, portable_content
from ..._contract._sync.backend import Backend as SyncBackend
from ..._core.capability import Capability, CapabilitySet
from ..._core.errors import InvalidPath, NotFound
from ..._core.keys import RemotePath, file_key, folder_key, join, normalize
from ..._core.metadata import checked_metadata
from ..._core.models import FileInfo, FolderEntry, FolderInfo, ResolutionPlan, WriteResult, cut, rebased
from ..._core.options import WriteOptions, given
from ..._core.seconds import checked_seconds
from ..._core.totals import FolderTotals
from ..log import called, completed
from ..rules import (
    checked_depth,
    checked_limit,
    entry_filter,
    folder_missing,
    glob_escape,
    head_of,
    optional,
    write_options,
)
from .pairs import ReadStream, StoreFace, adopt, default, mapped, open_stream, subfolders, wrapped

__all__ = ["Store"]

T = TypeVar("T")


class Store(StoreFace):
    """A store: the folder `root_path` of a backend, with keys relative to it.

    `backend` may be of either kind: one for the other side is wrapped. Every path is checked and joined to the
    root before the backend sees it. A store holds no state of its own: it can be shared, and `child` makes another
    for a subfolder. As a context manager it closes its backend at the end.

    Arguments are checked in one order: values, then capabilities, then paths, all before any I/O.
    """

    _backend: Any
    _root: str
    _owns_backend: bool

    def __init__(self, backend: Backend | SyncBackend, root_path: str = "") -> None:
        self._backend = adopt(backend)
        self._root = normalize(root_path)
        self._owns_backend = True

    # Reading

    def read(self, path: str, *, version_id: str | None = None) -> ReadStream:
        """Open a file and return its content as a stream; `version_id` names an older version, where there are any.

        Raises CapabilityNotSupported and InvalidPath (an empty path, a folder), and NotFound: at once on the sync
        side, when the stream is opened on the other.
        """
        key = self._file("read", path, Capability.READ)
        return open_stream(self._backend, key, **optional(self._backend, version_id=version_id))

    def read_bytes(self, path: str, *, version_id: str | None = None) -> bytes:
        """Return the whole content of a file. Raises NotFound, and InvalidPath for a folder."""
        key = self._file("read_bytes", path, Capability.READ)
        content: bytes = self._backend.read_bytes(key, **optional(self._backend, version_id=version_id))
        return content

    def read_text(
        self, path: str, *, encoding: str = "utf-8", errors: str = "strict", version_id: str | None = None
    ) -> str:
        """Return the whole content of a file as text.

        `encoding` and `errors` are those of `bytes.decode`. Raises NotFound, InvalidPath and UnicodeDecodeError.
        """
        # By our own method, so that a subclass which changes the bytes changes the text too (CONTRACT 39).
        return str(self.read_bytes(path, **given(version_id=version_id)), encoding, errors)

    def read_into(
        self, path: str, buffer: bytearray | memoryview, start: int = 0, *, version_id: str | None = None
    ) -> int:
        """Fill `buffer` with a file's content from offset `start` (bytes) and return the number of bytes.

        Fewer than the buffer's bytes come only where the file ends; 0 past its end. Raises NotFound, InvalidPath,
        ValueError for a negative start, TypeError for a buffer that is read-only or not contiguous.
        """
        key = self._file("read_into", path, Capability.READ)
        others = optional(self._backend, version_id=version_id)
        done: int = default(self._backend, "read_into", Backend)(key, buffer, start, **others)
        return done

    def read_ranges(
        self, path: str, ranges: Iterable[tuple[int, int]], *, version_id: str | None = None
    ) -> list[bytes]:
        """Return the bytes of each half-open range (start, stop), in the order given.

        A range that goes past the end comes out short or empty. Raises NotFound, InvalidPath, and ValueError for a
        range that is reversed or negative.
        """
        key = self._file("read_ranges", path, Capability.READ)
        others = optional(self._backend, version_id=version_id)
        found: list[bytes] = default(self._backend, "read_ranges", Backend)(key, ranges, **others)
        return found

    # Writing

    def write(
        self,
        path: str,
        content: AnyContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
        options: WriteOptions | None = None,
    ) -> WriteResult:
        """Write a file, making the folders above it.

        `content` is a buffer, a binary file (read from where it stands, not closed) or an iterator of buffers.
        `metadata` needs USER_METADATA: text keys and values, together at most 2,048 bytes. `if_match` needs
        CONDITIONAL_WRITE: the file is written only in place of the one that has this etag, whatever `overwrite`
        says. `options` are for object stores: content type, tags and the like.

        Raises AlreadyExists if the file exists and `overwrite` is false, PreconditionFailed if `if_match` does not
        match, InvalidPath for an empty path, a folder at `path` or a file above it, ValueError for bad metadata,
        TypeError for content that is no bytes.
        """
        return self._write("write", Capability.WRITE, path, content, overwrite, metadata, if_match, options)

    def write_text(
        self,
        path: str,
        text: str,
        *,
        encoding: str = "utf-8",
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
        options: WriteOptions | None = None,
    ) -> WriteResult:
        """Write `text` in the given encoding; else as `write`."""
        content = text.encode(encoding)
        return self.write(
            path, content, overwrite=overwrite, metadata=metadata, **given(if_match=if_match, options=options)
        )

    def write_atomic(
        self,
        path: str,
        content: AnyContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
        options: WriteOptions | None = None,
    ) -> WriteResult:
        """Write a file so that readers see the old content or the whole new one (ATOMIC_WRITE); else as `write`."""
        return self._write(
            "write_atomic", Capability.ATOMIC_WRITE, path, content, overwrite, metadata, if_match, options
        )

    def _write(
        self,
        op: str,
        capability: Capability,
        path: str,
        content: AnyContent,
        overwrite: bool,
        metadata: Mapping[str, str] | None,
        if_match: str | None,
        options: WriteOptions | None,
    ) -> WriteResult:
        backend = self._backend
        settings = write_options(overwrite, checked_metadata(metadata) if metadata else None, if_match)
        capabilities = self._require(capability)
        if metadata:
            capabilities.require(Capability.USER_METADATA, backend=backend.name)
        if if_match is not None:
            capabilities.require(Capability.CONDITIONAL_WRITE, backend=backend.name)
        settings |= optional(backend, options=options)
        key = self._key(path)
        called(op, path, backend)
        put = backend.write_atomic if op == "write_atomic" else backend.write
        result: WriteResult = rebased(put(key, portable_content(content), **settings), self._root)
        completed(op, path, backend)
        return result

    def open_atomic(self, path: str, *, overwrite: bool = False) -> AbstractContextManager[Any]:
        """Open a file for writing that appears at `path` when the block ends without an exception.

        After an exception in the block nothing has changed and nothing is left behind. Needs ATOMIC_WRITE. Raises
        AlreadyExists and InvalidPath as `write` does, at the beginning or the end of the block.
        """
        self._require(Capability.ATOMIC_WRITE)
        key = self._key(path)
        called("open_atomic", path, self._backend)
        return self._open_atomic(key, path, overwrite)

    def abort_uploads(self, older_than: float) -> int:
        """Remove what interrupted writes in this store left behind, if it is older than `older_than` seconds.

        Returns how many there were: hidden files on a disk that a killed process did not clean up. Files that can
        be read are never touched; choose an age above that of any write in progress. Raises ValueError for a
        negative age, CapabilityNotSupported where the backend can't tell.
        """
        checked_seconds(older_than, "older_than")
        self._require(Capability.DELETE)
        called("abort_uploads", "", self._backend)
        removed: int = default(self._backend, "abort_uploads", Backend)(older_than, self._root)
        completed("abort_uploads", "", self._backend)
        return removed

    def list_uploads(self, prefix: str = "") -> list[tuple[str, str]]:
        """Return the uploads in parts below a folder that are neither complete nor aborted: (key, id) each.

        Raises CapabilityNotSupported where the backend has none.
        """
        key = self._folder("list_uploads", prefix, Capability.LIST)
        found = default(self._backend, "list_uploads", Backend)(key)
        return [(cut(name, self._root), upload) for name, upload in found]

    def presign(self, path: str, method: str = "GET", expires: float = 3600) -> str:
        """Return a URL by which anybody may ``"GET"`` or ``"PUT"`` a file for `expires` seconds; nothing is sent.

        Raises CapabilityNotSupported where the backend can't, ValueError for another method or time.
        """
        key = self._file("presign", path, Capability.WRITE if method == "PUT" else Capability.READ)
        url: str = default(self._backend, "presign", Backend)(key, method, expires)
        return url

    # Deleting

    def delete(self, path: str, *, missing_ok: bool = False) -> None:
        """Delete a file. Raises NotFound unless `missing_ok`, and InvalidPath for a folder in any case."""
        self._backend.delete(self._file("delete", path, Capability.DELETE), missing_ok=missing_ok)
        completed("delete", path, self._backend)

    def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        """Delete a folder, with its content if `recursive`.

        Raises NotFound unless `missing_ok`, InvalidPath for a file and for the store's root, DirectoryNotEmpty.
        """
        if path in ("", "."):
            raise InvalidPath("Cannot delete the store root", path=path)
        key = self._file("delete_folder", path, Capability.DELETE)
        self._backend.delete_folder(key, recursive=recursive, missing_ok=missing_ok)
        completed("delete_folder", path, self._backend)

    # Listing

    def list_files(
        self,
        path: str,
        *,
        recursive: bool = False,
        pattern: str | None = None,
        max_depth: int | None = None,
        start_after: str | None = None,
        limit: int | None = None,
    ) -> Iterator[FileInfo]:
        """Iterate over the files in a folder, in no promised order; nothing for what is no folder.

        `recursive` includes those of subfolders at every depth. `max_depth`, if given, takes its place: 0 is the
        folder alone, 1 its subfolders too, and so on. `pattern` keeps names that `fnmatch` it, such as ``"*.csv"``.
        `start_after` is a key after which to begin, in the service's order, and `limit` ends after so many files:
        for object stores. Raises ValueError for a negative depth or limit.
        """
        checked_depth(max_depth)
        checked_limit(limit, pattern)
        key = self._folder("list_files", path, Capability.LIST)
        keep = entry_filter(self._root, key, pattern, max_depth)
        after = None if start_after is None else join(self._root, file_key(start_after))
        others = optional(self._backend, start_after=after, limit=limit)
        if max_depth is None:
            return mapped(self._backend.list_files(key, recursive=recursive, **others), keep)
        return mapped(self._backend.list_files(key, recursive=max_depth > 0, max_depth=max_depth, **others), keep)

    def list_folders(
        self, path: str, *, pattern: str | None = None, max_depth: int | None = None
    ) -> Iterator[FolderEntry]:
        """Iterate over the subfolders of a folder, breadth first.

        `max_depth` None or 0 gives the immediate ones, 1 theirs too, and so on. `pattern` keeps names that
        `fnmatch` it; folders that don't are still descended into. Raises ValueError for a negative depth.
        """
        checked_depth(max_depth)
        key = self._folder("list_folders", path, Capability.LIST)
        return mapped(subfolders(self._backend, key, max_depth or 0), entry_filter(self._root, "", pattern, None))

    def iter_children(self, path: str) -> Iterator[FileInfo | FolderEntry]:
        """Iterate over the files and the immediate subfolders of a folder."""
        key = self._folder("iter_children", path, Capability.LIST)
        return mapped(self._backend.iter_children(key), entry_filter(self._root, "", None, None))

    def glob(self, pattern: str) -> Iterator[FileInfo]:
        """Iterate over the files whose whole key matches `pattern`. Needs GLOB.

        `*` and `?` don't cross `/`; `**` stands for any number of folders; `[abc]` and `[!abc]` are classes.
        Raises ValueError where `**` is not a segment of its own.
        """
        self._require(Capability.GLOB)
        called("glob", pattern, self._backend)
        below = join(glob_escape(self._root), pattern) if self._root else pattern
        return mapped(self._backend.glob(below), entry_filter(self._root, "", None, None))

    # Information

    def exists(self, path: str) -> bool:
        """Return whether a file or folder is at `path`."""
        found: bool = self._backend.exists(self._probe("exists", path))
        return found

    def is_file(self, path: str) -> bool:
        """Return whether a file is at `path`."""
        found: bool = self._backend.is_file(self._probe("is_file", path))
        return found

    def is_folder(self, path: str) -> bool:
        """Return whether a folder is at `path`."""
        found: bool = self._backend.is_folder(self._probe("is_folder", path))
        return found

    def get_file_info(self, path: str) -> FileInfo:
        """Return what is known of a file. Raises NotFound, and InvalidPath for a folder."""
        key = self._file("get_file_info", path, Capability.METADATA)
        info: FileInfo = rebased(self._backend.get_file_info(key), self._root)
        return info

    def get_folder_info(self, path: str, *, max_depth: int | None = None) -> FolderInfo:
        """Return the number of files in a folder, their bytes, and the latest modification.

        `max_depth` limits the count: 0 is the folder alone, None every depth. With it LIST is needed, without it
        METADATA. Raises NotFound, InvalidPath for a file, ValueError for a negative depth.
        """
        checked_depth(max_depth)
        key = self._folder("get_folder_info", path, Capability.METADATA if max_depth is None else Capability.LIST)
        relative = RemotePath._trusted(cut(key, self._root))
        if max_depth is None:
            found = self._backend.get_folder_info(key)
            return FolderInfo(relative, found.file_count, found.total_size, found.modified_at, found.extra)
        if relative is not RemotePath.ROOT and not self._backend.is_folder(key):
            raise folder_missing(path, self._backend.is_file(key), self._backend.name)
        totals = FolderTotals()
        for info in self.list_files(path, max_depth=max_depth):
            totals.add(info)
        return totals.info(relative)

    def head(self, path: str) -> WriteResult:
        """Return what a look-up tells of a file, in the shape of a write's result (``source="sidecar"``)."""
        key = self._file("head", path, Capability.METADATA)
        return head_of(rebased(self._backend.get_file_info(key), self._root))

    # Moving

    def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Move a file, making the folders above `dst`; a move onto itself changes nothing.

        Raises NotFound for a missing source, AlreadyExists if `dst` exists and `overwrite` is false, InvalidPath for
        a folder on either side or a file above `dst`. Atomic where the backend has ATOMIC_MOVE.
        """
        self._transfer("move", Capability.MOVE, src, dst, overwrite)

    def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Copy a file; else as `move`."""
        self._transfer("copy", Capability.COPY, src, dst, overwrite)

    def _transfer(self, op: str, capability: Capability, src: str, dst: str, overwrite: bool) -> None:
        backend = self._backend
        source = self._file(op, src, capability)
        target = self._key(dst)
        if source == target:
            self._check_source(src, source)
            return
        transfer = backend.move if op == "move" else backend.copy
        transfer(source, target, overwrite=overwrite)
        completed(op, src, backend)

    def _check_source(self, path: str, key: str) -> None:
        if self._backend.is_file(key):
            return
        if self._backend.is_folder(key):
            raise InvalidPath(f"Source is a directory: {path}", path=path, backend=self._backend.name)
        raise NotFound(f"Source not found: {path}", path=path, backend=self._backend.name)

    # Names

    def child(self, subpath: str) -> Store:
        """Return a store for a subfolder, on the same backend, which closing the child leaves open.

        Raises InvalidPath for an empty path, `..` and NUL.
        """
        child = Store(self._backend, join(self._root, file_key(subpath)))
        child._owns_backend = False
        return child

    def unwrap(self, type_hint: type[T]) -> T:
        """Return the backend's native handle of that type. Raises CapabilityNotSupported if it has none."""
        handle: T = self._backend.unwrap(type_hint)
        return handle

    def resolve(self, key: str) -> ResolutionPlan:
        """Return where a key lives, without any I/O; `""` is the store's root."""
        plan = self._backend.resolve(join(self._root, relative) if (relative := folder_key(key)) else self._root)
        return ResolutionPlan(plan.kind, plan.backend, key, plan.native_path, plan.details)

    def native_path(self, key: str) -> str:
        """Return the backend's native path of a key; the inverse of `to_key`."""
        relative = folder_key(key)
        native: str = self._backend.native_path(join(self._root, relative) if relative else self._root)
        return native

    def to_key(self, path: str) -> str:
        """Return the key of a native path. Raises InvalidPath for one outside the store."""
        key: str = self._backend.to_key(path)
        if not self._root:
            return key
        if key != self._root and not key.startswith(f"{self._root}/"):
            raise InvalidPath(f"Path is not under store root: {path}", path=path, backend=self._backend.name)
        return cut(key, self._root)

    def supports(self, capability: Capability) -> bool:
        """Return whether the backend declares a capability."""
        declared: bool = self._backend.capabilities.supports(capability)
        return declared

    # Life cycle

    def ping(self) -> None:
        """Raise one of our errors if the backend can't be reached or used."""
        called("ping", "", self._backend)
        self._backend.check_health()

    def close(self) -> None:
        """Close the backend, if this store owns it: a child and a registry's store don't. Closing twice is fine."""
        if self._owns_backend:
            self._backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Checks: capability first, then the path

    def _require(self, capability: Capability) -> CapabilitySet:
        capabilities: CapabilitySet = self._backend.capabilities
        if not capabilities.supports(capability):
            capabilities.require(capability, backend=self._backend.name)
        return capabilities

    def _key(self, path: str) -> str:
        key = file_key(path)
        return f"{self._root}/{key}" if self._root else key

    def _file(self, op: str, path: str, capability: Capability) -> str:
        self._require(capability)
        key = self._key(path)
        called(op, path, self._backend)
        return key

    def _folder(self, op: str, path: str, capability: Capability) -> str:
        self._require(capability)
        return self._probe(op, path)

    def _probe(self, op: str, path: str) -> str:
        key = folder_key(path)
        called(op, path, self._backend)
        return join(self._root, key) if key else self._root

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Store) or type(other) is not type(self):
            return NotImplemented
        return wrapped(self._backend) is wrapped(other._backend) and self._root == other._root

    def __hash__(self) -> int:
        return hash((id(wrapped(self._backend)), self._root))

    def __repr__(self) -> str:
        return f"Store(backend={self._backend.name!r}, root_path={self._root!r})"
