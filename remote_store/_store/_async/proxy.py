"""AsyncProxyStore: a store around another, the base of everything that wraps stores (CONTRACT 147)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn, TypeVar

from ..._contract._async.content import AnyAsyncContent
from ..._core.capability import Capability
from ..._core.models import FileInfo, FolderEntry, FolderInfo, ResolutionPlan, WriteResult
from ..._core.options import WriteOptions, given
from .pairs import ProxyFace, ReadStream
from .store import AsyncStore

__all__ = ["AsyncProxyStore"]

T = TypeVar("T")


class AsyncProxyStore(ProxyFace, AsyncStore):
    """A store that hands every call on to `inner`. Subclasses override what they change.

    A subclass must say by `_wrap_child` how a child of the inner store is wrapped. Closing closes the inner store.
    """

    _inner: AsyncStore

    def __init__(self, inner: AsyncStore) -> None:
        self._inner = inner
        # What people's subclasses read of a store (CONTRACT 160); a double made from the class alone has none of it.
        for name in ("_backend", "_root", "_owns_backend"):
            if hasattr(inner, name):
                setattr(self, name, getattr(inner, name))

    @property
    def inner(self) -> AsyncStore:
        """The wrapped store."""
        return self._inner

    def _wrap_child(self, inner_child: AsyncStore) -> AsyncStore:
        """Return a child of the inner store, wrapped as this store wraps its own."""
        self._no_wrap_child()

    def _no_wrap_child(self) -> NoReturn:
        raise NotImplementedError(f"{type(self).__name__} must override _wrap_child")

    def read(self, path: str, *, version_id: str | None = None) -> ReadStream:
        return self._inner.read(path, **given(version_id=version_id))

    async def read_bytes(self, path: str, *, version_id: str | None = None) -> bytes:
        return await self._inner.read_bytes(path, **given(version_id=version_id))

    async def read_text(
        self, path: str, *, encoding: str = "utf-8", errors: str = "strict", version_id: str | None = None
    ) -> str:
        return await self._inner.read_text(path, encoding=encoding, errors=errors, **given(version_id=version_id))

    async def read_into(
        self, path: str, buffer: bytearray | memoryview, start: int = 0, *, version_id: str | None = None
    ) -> int:
        return await self._inner.read_into(path, buffer, start, **given(version_id=version_id))

    async def read_ranges(
        self, path: str, ranges: Iterable[tuple[int, int]], *, version_id: str | None = None
    ) -> list[bytes]:
        return await self._inner.read_ranges(path, ranges, **given(version_id=version_id))

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
        return await self._inner.write(path, content, overwrite=overwrite, metadata=metadata, **others)

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
        return await self._inner.write_text(
            path, text, encoding=encoding, overwrite=overwrite, metadata=metadata, **others
        )

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
        return await self._inner.write_atomic(path, content, overwrite=overwrite, metadata=metadata, **others)

    def open_atomic(self, path: str, *, overwrite: bool = False) -> AbstractAsyncContextManager[Any]:
        return self._inner.open_atomic(path, overwrite=overwrite)

    async def abort_uploads(self, older_than: float) -> int:
        return await self._inner.abort_uploads(older_than)

    async def delete(self, path: str, *, missing_ok: bool = False) -> None:
        await self._inner.delete(path, missing_ok=missing_ok)

    async def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        await self._inner.delete_folder(path, recursive=recursive, missing_ok=missing_ok)

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
        others = given(start_after=start_after, limit=limit)
        return self._inner.list_files(path, recursive=recursive, pattern=pattern, max_depth=max_depth, **others)

    async def list_uploads(self, prefix: str = "") -> list[tuple[str, str]]:
        return await self._inner.list_uploads(prefix)

    async def presign(self, path: str, method: str = "GET", expires: float = 3600) -> str:
        return await self._inner.presign(path, method, expires)

    def list_folders(
        self, path: str, *, pattern: str | None = None, max_depth: int | None = None
    ) -> AsyncIterator[FolderEntry]:
        return self._inner.list_folders(path, pattern=pattern, max_depth=max_depth)

    def iter_children(self, path: str) -> AsyncIterator[FileInfo | FolderEntry]:
        return self._inner.iter_children(path)

    def glob(self, pattern: str) -> AsyncIterator[FileInfo]:
        return self._inner.glob(pattern)

    async def exists(self, path: str) -> bool:
        return await self._inner.exists(path)

    async def is_file(self, path: str) -> bool:
        return await self._inner.is_file(path)

    async def is_folder(self, path: str) -> bool:
        return await self._inner.is_folder(path)

    async def get_file_info(self, path: str) -> FileInfo:
        return await self._inner.get_file_info(path)

    async def get_folder_info(self, path: str, *, max_depth: int | None = None) -> FolderInfo:
        return await self._inner.get_folder_info(path, max_depth=max_depth)

    async def head(self, path: str) -> WriteResult:
        return await self._inner.head(path)

    async def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        await self._inner.move(src, dst, overwrite=overwrite)

    async def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        await self._inner.copy(src, dst, overwrite=overwrite)

    def child(self, subpath: str) -> AsyncStore:
        return self._wrap_child(self._inner.child(subpath))

    def unwrap(self, type_hint: type[T]) -> T:
        return self._inner.unwrap(type_hint)

    def resolve(self, key: str) -> ResolutionPlan:
        return self._inner.resolve(key)

    def native_path(self, key: str) -> str:
        return self._inner.native_path(key)

    def to_key(self, path: str) -> str:
        return self._inner.to_key(path)

    def supports(self, capability: Capability) -> bool:
        return self._inner.supports(capability)

    async def ping(self) -> None:
        await self._inner.ping()

    async def aclose(self) -> None:
        await self._inner.aclose()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AsyncProxyStore) or type(other) is not type(self):
            return NotImplemented
        return self._inner == other._inner

    def __hash__(self) -> int:
        return hash((type(self), self._inner))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(inner={self._inner!r})"
