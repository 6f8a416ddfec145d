"""Blocking stores for async functions: where a sync function needs concurrency, it runs its original on a loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, TypeVar

from .._bridge.portal import Portal
from .._bridge.to_async import SyncBackendAdapter
from .._bridge.twins import LoopTwin, original_of
from .._contract._sync.backend import Backend
from .._contract._sync.content import WritableContent
from .._core.capability import Capability, CapabilitySet
from .._core.models import FileInfo, FolderEntry, FolderInfo, ResolutionPlan, WriteResult
from .._core.options import WriteOptions, given
from .._store._async.store import AsyncStore
from .._store._sync.store import Store

__all__ = ["lifted", "on_loop"]

T = TypeVar("T")

CLOSE_SECONDS = 30.0
"""How long the connections of a loop that was made for one call may take to close."""
_OWN = frozenset({"_backend", "_root", "_owns_backend"})
"""What a store that nobody has touched has in its `__dict__`."""


def on_loop(function: Callable[..., Awaitable[T]], stores: list[Store], *args: Any, **options: Any) -> T:
    """Return what ``function(*stores, *args, **options)`` returns, the stores seen as async ones.

    It runs on the loop of the store's backend, if that has one, so that its connections are used; several stores,
    and those without a loop, get one for this call.
    """
    views = [lifted(store) for store in stores]
    first = getattr(stores[0], "_backend", None) if _untouched(stores[0]) else None
    if len({id(getattr(store, "_backend", None)) for store in stores}) == 1 and isinstance(first, LoopTwin):
        return first._run(function, *views, *args, **options)
    portal = Portal("remote_store.ext")
    try:
        return portal.loop_thread().call(function, *views, *args, **options)
    finally:
        portal.close(_nothing, CLOSE_SECONDS, for_good=True)


async def _nothing() -> None:
    """Close nothing: the stores are their owners'."""


def lifted(store: Store) -> AsyncStore:
    """Return an async view of a blocking store.

    A plain store lends its backend, or the async original of that. Wrapped, subclassed and patched stores are called
    as they are, in worker threads.
    """
    if _untouched(store) and isinstance(store._backend, Backend):
        return AsyncStore(store._backend, store._root)
    return AsyncStore(SyncBackendAdapter(StoreBackend(store)))


def _untouched(store: Store) -> bool:
    if type(store) is not Store or not vars(store).keys() <= _OWN:
        return False
    backend = store._backend
    return not isinstance(backend, LoopTwin) or original_of(backend) is not None


class StoreBackend(Backend):
    """A blocking store in the place of a backend, so that everything a backend fits into takes it."""

    CAPABILITIES = CapabilitySet(Capability)

    def __init__(self, store: Store) -> None:
        self._store = store
        self._declared = CapabilitySet({capability for capability in Capability if store.supports(capability)})

    @property
    def name(self) -> str:
        """Return the name of the store's backend."""
        backend = getattr(self._store, "_backend", None)
        return str(getattr(backend, "name", type(self._store).__name__))

    @property
    def capabilities(self) -> CapabilitySet:
        """Return what the store says it supports."""
        return self._declared

    @property
    def native_options(self) -> frozenset[str]:
        """Return all optional keywords: the store refuses what its own backend doesn't take."""
        return frozenset({"options", "version_id", "start_after", "limit"})

    def exists(self, path: str) -> bool:
        """Return whether a file or folder is at `path`."""
        return self._store.exists(path)

    def is_file(self, path: str) -> bool:
        """Return whether a file is at `path`."""
        return self._store.is_file(path)

    def is_folder(self, path: str) -> bool:
        """Return whether a folder is at `path`."""
        return self._store.is_folder(path)

    def read(self, path: str, *, version_id: str | None = None) -> BinaryIO:
        """Open a file and return its content as a stream."""
        return self._store.read(path, **given(version_id=version_id))

    def read_bytes(self, path: str, *, version_id: str | None = None) -> bytes:
        """Return the whole content of a file."""
        return self._store.read_bytes(path, **given(version_id=version_id))

    def read_into(
        self, path: str, buffer: bytearray | memoryview, start: int = 0, *, version_id: str | None = None
    ) -> int:
        """Fill `buffer` with a file's content from offset `start` on."""
        return self._store.read_into(path, buffer, start, **given(version_id=version_id))

    def read_ranges(
        self, path: str, ranges: Iterable[tuple[int, int]], *, version_id: str | None = None
    ) -> list[bytes]:
        """Return the bytes of each half-open range."""
        return self._store.read_ranges(path, ranges, **given(version_id=version_id))

    def write(
        self,
        path: str,
        content: WritableContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
        options: WriteOptions | None = None,
    ) -> WriteResult:
        """Write a file."""
        others: dict[str, Any] = given(metadata=metadata, if_match=if_match, options=options)
        return self._store.write(path, content, overwrite=overwrite, **others)

    def write_atomic(
        self,
        path: str,
        content: WritableContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
        options: WriteOptions | None = None,
    ) -> WriteResult:
        """Write a file whole or not at all."""
        others: dict[str, Any] = given(metadata=metadata, if_match=if_match, options=options)
        return self._store.write_atomic(path, content, overwrite=overwrite, **others)

    def open_atomic(self, path: str, *, overwrite: bool = False) -> AbstractContextManager[BinaryIO]:
        """Open a file for writing that appears at the end of its block."""
        return self._store.open_atomic(path, overwrite=overwrite)

    def presign(self, path: str, method: str = "GET", expires: float = 3600) -> str:
        """Return a URL for one operation."""
        return self._store.presign(path, method, expires)

    def list_uploads(self, prefix: str = "") -> list[tuple[str, str]]:
        """Return the uploads in parts that are in progress."""
        return self._store.list_uploads(prefix)

    def abort_uploads(self, older_than: float, prefix: str = "") -> int:
        """Remove what interrupted writes left behind."""
        return self._store.abort_uploads(older_than)

    def delete(self, path: str, *, missing_ok: bool = False) -> None:
        """Delete a file."""
        self._store.delete(path, missing_ok=missing_ok)

    def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        """Delete a folder."""
        self._store.delete_folder(path, recursive=recursive, missing_ok=missing_ok)

    def list_files(
        self,
        path: str,
        *,
        recursive: bool = False,
        max_depth: int | None = None,
        start_after: str | None = None,
        limit: int | None = None,
    ) -> Iterator[FileInfo]:
        """Iterate over the files in a folder."""
        others: dict[str, Any] = given(max_depth=max_depth, start_after=start_after, limit=limit)
        return self._store.list_files(path, recursive=recursive, **others)

    def list_folders(self, path: str) -> Iterator[FolderEntry]:
        """Iterate over the immediate subfolders."""
        return self._store.list_folders(path)

    def iter_children(self, path: str) -> Iterator[FileInfo | FolderEntry]:
        """Iterate over files and immediate subfolders."""
        return self._store.iter_children(path)

    def glob(self, pattern: str) -> Iterator[FileInfo]:
        """Iterate over the files that match `pattern`."""
        return self._store.glob(pattern)

    def get_file_info(self, path: str) -> FileInfo:
        """Return what is known of a file."""
        return self._store.get_file_info(path)

    def get_folder_info(self, path: str) -> FolderInfo:
        """Return the totals of a folder."""
        return self._store.get_folder_info(path)

    def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Move a file."""
        self._store.move(src, dst, overwrite=overwrite)

    def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Copy a file."""
        self._store.copy(src, dst, overwrite=overwrite)

    def to_key(self, native_path: str) -> str:
        """Return the key of a native path."""
        return self._store.to_key(native_path)

    def native_path(self, path: str) -> str:
        """Return the native path of a key."""
        return self._store.native_path(path)

    def resolve(self, path: str) -> ResolutionPlan:
        """Return where a key lives."""
        return self._store.resolve(path)

    def unwrap(self, type_hint: type[T]) -> T:
        """Return the native handle of that type."""
        return self._store.unwrap(type_hint)

    def check_health(self) -> None:
        """Raise one of our errors if the store can't be used."""
        self._store.ping()
