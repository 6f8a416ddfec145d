"""AsyncMemoryBackend: files in this process, for tests, examples and scratch work."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from itertools import islice
from typing import NoReturn, TypeVar

from anyio.lowlevel import checkpoint

from ..._contract._async.backend import AsyncBackend
from ..._contract._async.content import AsyncContent, AsyncWritableContent, async_content
from ..._contract._async.streams import AsyncByteSource
from ..._contract.pages import AsyncPages
from ..._core.capability import Capability, CapabilitySet
from ..._core.models import FileInfo, FolderEntry, FolderInfo, ResolutionPlan, WriteResult
from .tree import GULP, MemoryTree

__all__ = ["AsyncMemoryBackend"]

T = TypeVar("T")

PAGE = 256
"""Entries of a listing between two points where the task can be cancelled."""

_CAPABILITIES = CapabilitySet(set(Capability) - {Capability.GLOB})
TWIN_CAPABILITIES = CapabilitySet(set(_CAPABILITIES) - {Capability.LAZY_READ})
"""What the sync twin declares: its streams seek, and are the whole content (CONTRACT part C)."""


class AsyncMemoryBackend(AsyncBackend):
    """Files in memory, in a tree of folders: no disk, no network, nothing left behind.

    All capabilities but GLOB. It is safe to use from several threads and several event loops at once. Closing it
    keeps the files; they live as long as the object. It can't be pickled: an empty copy would be a silent loss.
    """

    CAPABILITIES = _CAPABILITIES

    def __init__(self) -> None:
        self._tree = MemoryTree("async-memory")

    @property
    def name(self) -> str:
        """Return ``"async-memory"``."""
        return self._label

    @property
    def capabilities(self) -> CapabilitySet:
        """Return all capabilities but GLOB."""
        return self.CAPABILITIES

    @property
    def blocking(self) -> MemoryTree:
        """The tree itself, whose blocking calls never wait for anything."""
        return self._tree

    @property
    def _label(self) -> str:
        """The name in errors, which the sync twin sets to its own (DECISIONS 4)."""
        return self._tree.label

    @_label.setter
    def _label(self, label: str) -> None:
        self._tree.label = label

    # Every operation is a point where the task can be cancelled, and none can be once it has begun.

    async def exists(self, path: str) -> bool:
        """Return whether a file or folder is at `path`; false below a file."""
        await checkpoint()
        return self._tree.exists(path)

    async def is_file(self, path: str) -> bool:
        """Return whether a file is at `path`."""
        await checkpoint()
        return self._tree.is_file(path)

    async def is_folder(self, path: str) -> bool:
        """Return whether a folder is at `path`; true for the root."""
        await checkpoint()
        return self._tree.is_folder(path)

    def read(self, path: str) -> AsyncByteSource:
        """Return the content of a file as of the first read: one chunk, which is not copied (seeds/003)."""
        return _Whole(self._tree, path)

    async def read_bytes(self, path: str) -> bytes:
        """Return the whole content of a file. Raises NotFound, and InvalidPath for a folder."""
        await checkpoint()
        return self._tree.read_bytes(path)

    async def read_into(self, path: str, buffer: bytearray | memoryview, start: int = 0) -> int:
        """Fill `buffer` with a file's content from offset `start` and return the number of bytes."""
        await checkpoint()
        return self._tree.read_into(path, buffer, start)

    async def read_ranges(self, path: str, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Return the bytes of each half-open range (start, stop), all of the same version of the file."""
        await checkpoint()
        return self._tree.read_ranges(path, ranges)

    async def write(
        self,
        path: str,
        content: AsyncWritableContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
    ) -> WriteResult:
        """Write a file whole or not at all: nothing is visible before the content has ended without an error.

        Raises AlreadyExists, PreconditionFailed and InvalidPath, where they are known by then before any content
        is taken.
        """
        taken = async_content(content)
        target = self._tree.target(path, overwrite=overwrite, metadata=metadata, if_match=if_match)
        data = taken if isinstance(taken, bytes) else await _drained(taken)
        await checkpoint()
        return self._tree.commit(target, data)

    async def write_atomic(
        self,
        path: str,
        content: AsyncWritableContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
    ) -> WriteResult:
        """Write a file; the same as `write`, which is atomic here."""
        return await self.write(path, content, overwrite=overwrite, metadata=metadata, if_match=if_match)

    async def abort_uploads(self, older_than: float, prefix: str = "") -> int:
        """Return 0: an interrupted write leaves nothing here."""
        await checkpoint()
        return self._tree.abort_uploads(older_than, prefix)

    async def delete(self, path: str, *, missing_ok: bool = False) -> None:
        """Delete a file. Raises NotFound unless `missing_ok`, and InvalidPath for a folder in any case."""
        await checkpoint()
        self._tree.delete(path, missing_ok=missing_ok)

    async def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        """Delete a folder, with its content if `recursive`, in one step."""
        await checkpoint()
        self._tree.delete_folder(path, recursive=recursive, missing_ok=missing_ok)

    def list_files(
        self, path: str, *, recursive: bool = False, max_depth: int | None = None
    ) -> AsyncIterator[FileInfo]:
        """Iterate over the files in a folder, as they are when the first is asked for."""
        return _paged(self._tree.list_files(path, recursive=recursive, max_depth=max_depth))

    def list_folders(self, path: str) -> AsyncIterator[FolderEntry]:
        """Iterate over the immediate subfolders of a folder."""
        return _paged(self._tree.list_folders(path))

    def iter_children(self, path: str) -> AsyncIterator[FileInfo | FolderEntry]:
        """Iterate over the files and subfolders in a folder."""
        return _paged(self._tree.iter_children(path))

    async def get_file_info(self, path: str) -> FileInfo:
        """Return what is known of a file. Raises NotFound, and InvalidPath for a folder."""
        await checkpoint()
        return self._tree.get_file_info(path)

    async def get_folder_info(self, path: str) -> FolderInfo:
        """Return the totals of a folder, at every depth. Raises NotFound, and InvalidPath for a file."""
        await checkpoint()
        return self._tree.get_folder_info(path)

    async def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Move a file in one step; it keeps its etag, time and metadata."""
        await checkpoint()
        self._tree.move(src, dst, overwrite=overwrite)

    async def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Copy a file with its metadata."""
        await checkpoint()
        self._tree.copy(src, dst, overwrite=overwrite)

    def to_key(self, native_path: str) -> str:
        """Return the key of a native path, which is the key itself."""
        return self._tree.to_key(native_path)

    def native_path(self, path: str) -> str:
        """Return the native path of a key, which is the key itself; `""` for the root."""
        return self._tree.native_path(path)

    def resolve(self, path: str) -> ResolutionPlan:
        """Return where a key lives."""
        return self._tree.resolve(path)

    def unwrap(self, type_hint: type[T]) -> T:
        """Raise CapabilityNotSupported: nothing native lies below."""
        return self._tree.unwrap(type_hint)

    async def check_health(self) -> None:
        """Do nothing: memory is there."""
        await checkpoint()

    async def aclose(self) -> None:
        """Do nothing: the files stay, and the backend goes on working (CONTRACT 90)."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._tree.census()})"

    def __reduce__(self) -> NoReturn:
        self._constructor_arguments()

    def _constructor_arguments(self) -> NoReturn:
        raise TypeError("a memory backend can't be pickled: its files live in this process alone")


class _Whole(AsyncByteSource):
    """A file's content, held from `open` on: whoever overwrites the file does not change what is read here."""

    def __init__(self, tree: MemoryTree, path: str) -> None:
        self._tree = tree
        self._path = path
        self._data: bytes | None = None

    async def open(self) -> None:
        """Look the file up, once."""
        if self._data is None:
            await checkpoint()
            file = self._tree.file(self._path)
            self._data, self.size, self.etag = file.data, len(file.data), file.etag

    async def __anext__(self) -> bytes:
        await self.open()
        data, self._data = self._data, b""
        if not data:
            raise StopAsyncIteration
        return data

    async def aclose(self) -> None:
        """Let the content go."""
        self._data = b""


def _paged(entries: Iterator[T]) -> AsyncPages[T]:
    async def next_page() -> list[T] | None:
        await checkpoint()
        return list(islice(entries, PAGE)) or None

    return AsyncPages(next_page)


async def _drained(content: AsyncContent) -> bytes:
    """Return all of a content; the caller's own task takes it in, so that cancelling it cancels this (CONTRACT 110)."""
    if content.buffer is not None:
        return bytes(content.buffer)
    taken = io.BytesIO()
    while batch := await content.batch(GULP):
        taken.writelines(batch)
    return taken.getvalue()
