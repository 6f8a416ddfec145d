"""AsyncCachedStore: a store that remembers what it has read, for a while."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from ..._contract._async.content import AnyAsyncContent
from ..._core.errors import BackendUnavailable, RemoteStoreError
from ..._core.models import FileInfo, FolderEntry, FolderInfo, WriteResult, cut
from ..._core.options import WriteOptions, given
from ..._store._async.proxy import AsyncProxyStore
from ..._store._async.store import AsyncStore
from .._caching import MISSING, CacheBackend, CacheStats, MemoryCache, Shelf, cache_path
from .pairs import CachedFace, deferred

__all__ = ["AsyncCachedStore", "cache"]

T = TypeVar("T")


def cache(
    store: AsyncStore,
    *,
    ttl: float = 300.0,
    max_content_size: int | None = None,
    max_listing_size: int | None = None,
    max_entries: int | None = None,
    cache_backend: CacheBackend | None = None,
) -> AsyncCachedStore:
    """Return a store that keeps what it has read of `store` for `ttl` seconds.

    Kept are probes (also negative ones), `read_bytes` and `read_text`, infos and listings; streams, `head`, ranges
    and errors are not. Content above `max_content_size` bytes and listings above `max_listing_size` entries are not
    kept either. `max_entries` bounds the number of answers: the least recently used one gives way. None means no
    limit. A change made through this store or its children drops what it may have changed; changes made elsewhere
    are seen when the answers have expired.

    `cache_backend` takes the place of a `MemoryCache`, and `max_entries` is then its own business. Raises ValueError
    for a limit that is not positive.
    """
    limits = {
        "ttl": ttl,
        "max_content_size": max_content_size,
        "max_listing_size": max_listing_size,
        "max_entries": max_entries,
    }
    for name, limit in limits.items():
        if limit is not None and not limit > 0:
            raise ValueError(f"{name} must be positive, not {limit}")
    kept_in = cache_backend if cache_backend is not None else MemoryCache(max_entries=max_entries)
    return AsyncCachedStore(store, Shelf(kept_in, ttl), ttl, max_content_size, max_listing_size)


class AsyncCachedStore(CachedFace, AsyncProxyStore):
    """A store that remembers what it has read; made by `cache`. Its children share what it remembers."""

    def __init__(
        self,
        inner: AsyncStore,
        shelf: Shelf,
        ttl: float,
        max_content_size: int | None,
        max_listing_size: int | None,
        prefix: str = "",
    ) -> None:
        super().__init__(inner)
        self._shelf = shelf
        self._ttl = ttl
        self._max_content_size = max_content_size
        self._max_listing_size = max_listing_size
        self._prefix = prefix

    @property
    def stats(self) -> CacheStats:
        """How often there was an answer, how often not, and how many there are now; children count together."""
        return CacheStats(self._shelf.hits, self._shelf.misses, self._shelf.cache.size())

    def invalidate(self, path: str) -> None:
        """Forget what is known about `path` and the folders above it, and all listings."""
        self._shelf.changed(cache_path(self._prefix, path))

    def clear_cache(self) -> None:
        """Forget everything."""
        self._shelf.clear()

    def _wrap_child(self, inner_child: AsyncStore) -> AsyncStore:
        below = cut(inner_child._root, self._inner._root) if self._inner._root else inner_child._root
        return AsyncCachedStore(
            inner_child,
            self._shelf,
            self._ttl,
            self._max_content_size,
            self._max_listing_size,
            cache_path(self._prefix, below),
        )

    def _slot(self, method: str, path: str, *others: object) -> Any:
        return (method, cache_path(self._prefix, path), *map(str, others))

    # Reading: what is kept

    async def read_bytes(self, path: str, *, version_id: str | None = None) -> bytes:
        if version_id is not None:
            return await self._inner.read_bytes(path, version_id=version_id)
        key = self._slot("read_bytes", path)
        found = self._shelf.get(key)
        if found is MISSING:
            asked_at = self._shelf.changes
            found = await self._inner.read_bytes(path)
            if self._max_content_size is None or len(found) <= self._max_content_size:
                self._shelf.keep(key, found, asked_at)
        content: bytes = found
        return content

    async def read_text(
        self, path: str, *, encoding: str = "utf-8", errors: str = "strict", version_id: str | None = None
    ) -> str:
        return str(await self.read_bytes(path, **given(version_id=version_id)), encoding, errors)

    async def exists(self, path: str) -> bool:
        key = self._slot("exists", path)
        found = self._shelf.get(key)
        if found is MISSING:
            asked_at = self._shelf.changes
            found = await self._inner.exists(path)
            self._shelf.keep(key, found, asked_at)
        return bool(found)

    async def is_file(self, path: str) -> bool:
        key = self._slot("is_file", path)
        found = self._shelf.get(key)
        if found is MISSING:
            asked_at = self._shelf.changes
            found = await self._inner.is_file(path)
            self._shelf.keep(key, found, asked_at)
        return bool(found)

    async def is_folder(self, path: str) -> bool:
        key = self._slot("is_folder", path)
        found = self._shelf.get(key)
        if found is MISSING:
            asked_at = self._shelf.changes
            found = await self._inner.is_folder(path)
            self._shelf.keep(key, found, asked_at)
        return bool(found)

    async def get_file_info(self, path: str) -> FileInfo:
        key = self._slot("get_file_info", path)
        found = self._shelf.get(key)
        if found is MISSING:
            asked_at = self._shelf.changes
            found = await self._inner.get_file_info(path)
            self._shelf.keep(key, found, asked_at)
        info: FileInfo = found
        return info

    async def get_folder_info(self, path: str, *, max_depth: int | None = None) -> FolderInfo:
        key = self._slot("get_folder_info", path, max_depth)
        found = self._shelf.get(key)
        if found is MISSING:
            asked_at = self._shelf.changes
            found = await self._inner.get_folder_info(path, max_depth=max_depth)
            self._shelf.keep(key, found, asked_at)
        info: FolderInfo = found
        return info

    # Listings

    def list_files(
        self,
        path: str,
        *,
        recursive: bool = False,
        pattern: str | None = None,
        max_depth: int | None = None,
        start_after: str | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[FileInfo]:
        others: dict[str, Any] = given(start_after=start_after, limit=limit)
        start = partial(
            self._inner.list_files, path, recursive=recursive, pattern=pattern, max_depth=max_depth, **others
        )
        if others:
            return start()
        # With a depth `recursive` means nothing; "*" stands for no pattern, with which it is one.
        deep = recursive if max_depth is None else "depth"
        return self._listing(self._slot("list_files", path, deep, pattern or "*", max_depth), start)

    def list_folders(
        self, path: str, *, pattern: str | None = None, max_depth: int | None = None
    ) -> AsyncIterator[FolderEntry]:
        start = partial(self._inner.list_folders, path, pattern=pattern, max_depth=max_depth)
        return self._listing(self._slot("list_folders", path, pattern or "*", max_depth), start)

    def iter_children(self, path: str) -> AsyncIterator[FileInfo | FolderEntry]:
        return self._listing(self._slot("iter_children", path), partial(self._inner.iter_children, path))

    def glob(self, pattern: str) -> AsyncIterator[FileInfo]:
        # The prefix apart: a pattern is no key, and must not be normalised like one.
        return self._listing(("glob", pattern, self._prefix), partial(self._inner.glob, pattern))

    def _listing(self, key: Any, start: Callable[[], AsyncIterator[T]]) -> AsyncIterator[T]:
        found = self._shelf.get(key)
        if found is not MISSING:

            async def known() -> tuple[T, ...]:
                kept: tuple[T, ...] = found
                return kept

            return deferred(known)
        asked_at = self._shelf.changes
        entries = start()

        async def load() -> tuple[T, ...]:
            listed = tuple([entry async for entry in entries])
            if self._max_listing_size is None or len(listed) <= self._max_listing_size:
                self._shelf.keep(key, listed, asked_at)
            return listed

        return deferred(load)

    # Changes: what they may have made untrue is forgotten

    def _in_doubt(self, error: BaseException) -> bool:
        """Return whether a change may have been made although it raised."""
        return not isinstance(error, RemoteStoreError) or isinstance(error, BackendUnavailable)

    async def _change(self, path: str | None, call: Callable[[], Any]) -> Any:
        """Make a change, then forget what is known about `path`, or everything for None."""
        try:
            result = await call()
        except BaseException as error:
            if self._in_doubt(error):
                self._forget(path)
            raise
        self._forget(path)
        return result

    def _forget(self, path: str | None) -> None:
        if path is None:
            self.clear_cache()
        else:
            self.invalidate(path)

    async def write(
        self,
        path: str,
        content: AnyAsyncContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
        options: WriteOptions | None = None,
    ) -> WriteResult:
        others: dict[str, Any] = given(if_match=if_match, options=options)
        call = partial(self._inner.write, path, content, overwrite=overwrite, metadata=metadata, **others)
        result: WriteResult = await self._change(path, call)
        return result

    async def write_text(
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
        others: dict[str, Any] = given(if_match=if_match, options=options)
        call = partial(
            self._inner.write_text, path, text, encoding=encoding, overwrite=overwrite, metadata=metadata, **others
        )
        result: WriteResult = await self._change(path, call)
        return result

    async def write_atomic(
        self,
        path: str,
        content: AnyAsyncContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
        options: WriteOptions | None = None,
    ) -> WriteResult:
        others: dict[str, Any] = given(if_match=if_match, options=options)
        call = partial(self._inner.write_atomic, path, content, overwrite=overwrite, metadata=metadata, **others)
        result: WriteResult = await self._change(path, call)
        return result

    @asynccontextmanager
    async def open_atomic(self, path: str, *, overwrite: bool = False) -> AsyncIterator[Any]:
        async with self._inner.open_atomic(path, overwrite=overwrite) as file:
            yield file
        self.invalidate(path)

    async def delete(self, path: str, *, missing_ok: bool = False) -> None:
        await self._change(path, partial(self._inner.delete, path, missing_ok=missing_ok))

    async def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        call = partial(self._inner.delete_folder, path, recursive=recursive, missing_ok=missing_ok)
        await self._change(None, call)

    async def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        await self._change(None, partial(self._inner.move, src, dst, overwrite=overwrite))

    async def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        await self._change(None, partial(self._inner.copy, src, dst, overwrite=overwrite))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AsyncCachedStore) or type(other) is not type(self):
            return NotImplemented
        return self._inner == other._inner and self._shelf is other._shelf

    def __hash__(self) -> int:
        return hash((type(self), self._inner, id(self._shelf)))

    def __repr__(self) -> str:
        limits = {"max_content_size": self._max_content_size, "max_listing_size": self._max_listing_size}
        told = "".join(f", {name}={limit}" for name, limit in limits.items() if limit is not None)
        return f"{type(self).__name__}(inner={self._inner!r}, ttl={self._ttl}{told})"
