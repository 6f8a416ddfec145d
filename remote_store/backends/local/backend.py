"""AsyncLocalBackend: files below a folder of the local disk, one hop to a worker thread for an operation."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Generic, TypeVar

from ..._contract._async.backend import AsyncBackend
from ..._contract._async.content import AsyncContent, AsyncWritableContent, async_content
from ..._contract.pages import AsyncPages
from ..._contract.threads import in_thread, to_the_end
from ..._core.capability import Capability, CapabilitySet
from ..._core.errors import InvalidConfig
from ..._core.models import FileInfo, FolderEntry, FolderInfo, ResolutionPlan, WriteResult
from .commit import HAS_LOCKS, Staged
from .errors import failure
from .files import BATCH, LocalFiles
from .reading import LocalSource

__all__ = ["AsyncLocalBackend"]

T = TypeVar("T")
Page = Collection[T]

PAGE = 256
"""Entries gathered in one hop at least: small folders share a hop, a large one is a page of its own."""

ABORT_SECONDS = 30.0
"""How long a cancelled write may take to remove its hidden file: one unlink, so this is for a hung mount."""

_ABSENT = {Capability.USER_METADATA} if HAS_LOCKS else {Capability.USER_METADATA, Capability.CONDITIONAL_WRITE}
TWIN_CAPABILITIES = CapabilitySet(set(Capability) - _ABSENT)
"""What the sync twin declares: the same, since its streams are files."""


class AsyncLocalBackend(AsyncBackend):
    """Files below the folder `root` of the local disk, which is made if it is missing.

    Nothing outside `root` can be reached, neither by `..` or absolute paths nor by links, also when a link is put
    there during a call; links that stay inside are followed. A file comes into sight whole: it is written under a
    hidden name in its folder and then renamed, or linked where ``overwrite=False`` must decide a race. With `fsync`
    a write that has returned survives a power failure.

    `if_match` is exact among the users of this library, which share a lock on the folder.
    """

    CAPABILITIES = TWIN_CAPABILITIES

    def __init__(self, root: str, *, fsync: bool = False) -> None:
        text = os.fsdecode(root)
        if not text:
            raise ValueError("root must not be empty; '.' is the current folder")
        if "\0" in text:
            raise ValueError("root must not contain a null byte")
        self._files = LocalFiles(os.path.realpath(text), bool(fsync), "local")
        try:
            self._files.root.make()
        except (FileExistsError, NotADirectoryError):
            raise InvalidConfig(f"root is a file, or lies below one: {text!r}; name a folder") from None
        except OSError as error:
            raise failure(error, text, "local") from error

    @property
    def name(self) -> str:
        """Return ``"local"``."""
        return self._files.name

    @property
    def capabilities(self) -> CapabilitySet:
        """Return all capabilities but USER_METADATA."""
        return self.CAPABILITIES

    @property
    def blocking(self) -> LocalFiles:
        """The same operations as blocking calls."""
        return self._files

    @property
    def _label(self) -> str:
        """The name in errors."""
        return self._files.name

    @_label.setter
    def _label(self, label: str) -> None:
        self._files.name = label

    def _constructor_arguments(self) -> dict[str, object]:
        return {"root": self._files.root.path, "fsync": self._files.fsync}

    def __reduce__(self) -> tuple[Callable[..., AsyncLocalBackend], tuple[str, bool]]:
        return (_rebuild, (self._files.root.path, self._files.fsync))

    # Probes

    async def exists(self, path: str) -> bool:
        """Return whether a file or folder is at `path`; false below a file."""
        return await in_thread(self._files.exists, path)

    async def is_file(self, path: str) -> bool:
        """Return whether a file is at `path`."""
        return await in_thread(self._files.is_file, path)

    async def is_folder(self, path: str) -> bool:
        """Return whether a folder is at `path`; true for the root."""
        return await in_thread(self._files.is_folder, path)

    # Reading

    def read(self, path: str) -> LocalSource:
        """Open a file and return its content as an iterator of chunks, of 256 KiB at first, growing to 1 MiB.

        Raises NotFound and InvalidPath when it is opened.
        """
        return LocalSource(lambda: self._files.opened(path), path, self.name)

    async def read_bytes(self, path: str) -> bytes:
        """Return the whole content of a file. Raises NotFound, and InvalidPath for a folder."""
        return await in_thread(self._files.read_bytes, path)

    async def read_into(self, path: str, buffer: bytearray | memoryview, start: int = 0) -> int:
        """Fill `buffer` with a file's content from offset `start` and return the number of bytes."""
        return await in_thread(self._files.read_into, path, buffer, start)

    async def read_ranges(self, path: str, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Return the bytes of each half-open range (start, stop), in the order given."""
        return await in_thread(self._files.read_ranges, path, ranges)

    # Writing

    async def write(
        self,
        path: str,
        content: AsyncWritableContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
    ) -> WriteResult:
        """Write a file, making the folders above it; readers see the old content or the whole new one.

        Raises AlreadyExists, PreconditionFailed and InvalidPath, where they are known by then before any content
        is taken; NoSpace and PermissionDenied from the disk.
        """
        source = async_content(content)
        whole = source if isinstance(source, bytes) else source.buffer
        if whole is not None:
            return await in_thread(
                lambda: self._files.write(path, whole, overwrite=overwrite, metadata=metadata, if_match=if_match)
            )
        assert isinstance(source, AsyncContent)
        staged = self._files.stage(path, overwrite, metadata, if_match)
        return await self._stream(staged, path, source)

    async def _stream(self, staged: Staged, path: str, source: AsyncContent) -> WriteResult:
        try:
            await in_thread(lambda: self._files.step(path, staged.begin))
            size = 0
            while batch := await source.batch(BATCH):
                size += await in_thread(self._files.step, path, staged.write, batch)
                batch.clear()  # or two batches would be in memory while the next one is pulled
            return await in_thread(self._files.finish, staged, path, size)
        except BaseException:
            await to_the_end(ABORT_SECONDS, lambda: self._files.step(path, staged.abort))
            raise

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

    # Deleting

    async def delete(self, path: str, *, missing_ok: bool = False) -> None:
        """Delete a file. Raises NotFound unless `missing_ok`, and InvalidPath for a folder in any case."""
        await in_thread(lambda: self._files.delete(path, missing_ok=missing_ok))

    async def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        """Delete a folder, with its content if `recursive`; of a linked folder the link alone."""
        await in_thread(lambda: self._files.delete_folder(path, recursive=recursive, missing_ok=missing_ok))

    async def abort_uploads(self, older_than: float, prefix: str = "") -> int:
        """Remove the hidden files that killed writers left below `prefix`, if older than so many seconds."""
        return await in_thread(self._files.abort_uploads, older_than, prefix)

    # Listing

    def list_files(
        self, path: str, *, recursive: bool = False, max_depth: int | None = None
    ) -> AsyncIterator[FileInfo]:
        """Iterate over the files in a folder; linked folders are listed but not descended into."""
        return _paged(self._files.file_pages(path, recursive, max_depth))

    def list_folders(self, path: str) -> AsyncIterator[FolderEntry]:
        """Iterate over the immediate subfolders of a folder."""
        return _paged(iter(lambda: list(self._files.list_folders(path)), None), once=True)

    def iter_children(self, path: str) -> AsyncIterator[FileInfo | FolderEntry]:
        """Iterate over the files and subfolders of a folder, read in one pass."""
        return _paged(iter(lambda: self._files.children(path), None), once=True)

    def glob(self, pattern: str) -> AsyncIterator[FileInfo]:
        """Iterate over the files whose whole key matches `pattern`."""
        return _paged(self._files.glob_pages(pattern))

    # Information

    async def get_file_info(self, path: str) -> FileInfo:
        """Return size, modification time and etag of a file."""
        return await in_thread(self._files.get_file_info, path)

    async def get_folder_info(self, path: str) -> FolderInfo:
        """Return the totals of a folder, at every depth."""
        return await in_thread(self._files.get_folder_info, path)

    # Moving

    async def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Move a file by one rename; by a copy where that is impossible (another file system, a link)."""
        await in_thread(lambda: self._files.move(src, dst, overwrite=overwrite))

    async def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Copy a file with its times and mode, inside the kernel where it can."""
        await in_thread(lambda: self._files.copy(src, dst, overwrite=overwrite))

    # Names

    def native_path(self, path: str) -> str:
        """Return the path on disk, with forward slashes."""
        return self._files.native_path(path)

    def to_key(self, native_path: str) -> str:
        """Return the key of a path on disk; one outside the root comes back as it is."""
        return self._files.to_key(native_path)

    def resolve(self, path: str) -> ResolutionPlan:
        """Return where a key lives: root and absolute path."""
        return self._files.resolve(path)

    # Life cycle

    async def check_health(self) -> None:
        """Raise NotFound if the root is no folder, PermissionDenied if it can't be read."""
        await in_thread(self._files.check_health)

    def __repr__(self) -> str:
        return f"AsyncLocalBackend(root={self._files.root.path!r})"


def _paged(pages: Iterator[Page[T]], *, once: bool = False) -> AsyncPages[T]:
    """Return an async iterator over pages that are made by blocking calls."""
    return AsyncPages(_Pager(pages, once).next_page)


class _Pager(Generic[T]):
    def __init__(self, pages: Iterator[Page[T]], once: bool) -> None:
        self._pages = pages
        self._once = once
        self._ended = False

    async def next_page(self) -> Iterable[T] | None:
        return None if self._ended else await in_thread(self._gather)

    def _gather(self) -> Iterable[T] | None:
        gathered: list[Page[T]] = []
        size = 0
        for page in self._pages:
            gathered.append(page)
            size += len(page)
            if self._once:
                break
            if size >= PAGE:
                return chain.from_iterable(gathered)
        self._ended = True
        return chain.from_iterable(gathered) if size else None


def _rebuild(root: str, fsync: bool) -> AsyncLocalBackend:
    return AsyncLocalBackend(root, fsync=fsync)
