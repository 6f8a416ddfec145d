"""AsyncSeam: a store around another where every operation passes one place.

Read-only, throttled and limited stores are made of it: they say what happens there, and no operation gets by.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from ..._contract._async.content import AnyAsyncContent
from ..._core.models import FileInfo, FolderEntry, FolderInfo, WriteResult
from ..._core.options import WriteOptions, given
from .pairs import ReadStream, SeamFace, charged_content, charged_file, gated_entries, gated_stream
from .proxy import AsyncProxyStore

__all__ = ["CHANGES", "AsyncSeam"]

CHANGES = frozenset(
    {"write", "write_text", "write_atomic", "open_atomic", "abort_uploads", "delete", "delete_folder", "move", "copy"}
)
"""The operations that change what is stored; `presign` does where it is not for reading."""


class AsyncSeam(SeamFace, AsyncProxyStore):
    """Hands every call on to `inner`, within `_call`, and tells `_charge` of the bytes that go either way."""

    _counts_bytes = False
    """Whether `_charge` wants to be told: content and streams are wrapped for that."""

    def _call(self, operation: str) -> AbstractAsyncContextManager[None]:
        """Return what an operation runs in: the call itself, or the opening of a stream or a listing."""
        raise NotImplementedError(f"{type(self).__name__} must say what {operation} passes")

    def _refuse(self, operation: str) -> None:
        """Raise for an operation that must not be, before anything else of it happens."""

    async def _charge(self, count: int) -> None:
        """Be told of so many bytes, after they were read and before they are written."""

    # Reading

    def read(self, path: str, *, version_id: str | None = None) -> ReadStream:
        self._refuse("read")
        return gated_stream(self, "read", lambda: self._inner.read(path, **given(version_id=version_id)))

    async def read_bytes(self, path: str, *, version_id: str | None = None) -> bytes:
        async with self._call("read_bytes"):
            content = await self._inner.read_bytes(path, **given(version_id=version_id))
        await self._charge(len(content))
        return content

    async def read_text(
        self, path: str, *, encoding: str = "utf-8", errors: str = "strict", version_id: str | None = None
    ) -> str:
        return str(await self.read_bytes(path, **given(version_id=version_id)), encoding, errors)

    async def read_into(
        self, path: str, buffer: bytearray | memoryview, start: int = 0, *, version_id: str | None = None
    ) -> int:
        async with self._call("read_into"):
            count = await self._inner.read_into(path, buffer, start, **given(version_id=version_id))
        await self._charge(count)
        return count

    async def read_ranges(
        self, path: str, ranges: Iterable[tuple[int, int]], *, version_id: str | None = None
    ) -> list[bytes]:
        async with self._call("read_ranges"):
            found = await self._inner.read_ranges(path, ranges, **given(version_id=version_id))
        await self._charge(sum(map(len, found)))
        return found

    # Writing

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
        others: dict[str, Any] = given(metadata=metadata, if_match=if_match, options=options)
        async with self._call("write"):
            sent = await charged_content(self, content)
            return await self._inner.write(path, sent, overwrite=overwrite, **others)

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
        content = text.encode(encoding)
        return await self.write(
            path, content, overwrite=overwrite, metadata=metadata, **given(if_match=if_match, options=options)
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
        others: dict[str, Any] = given(metadata=metadata, if_match=if_match, options=options)
        async with self._call("write_atomic"):
            sent = await charged_content(self, content)
            return await self._inner.write_atomic(path, sent, overwrite=overwrite, **others)

    def open_atomic(self, path: str, *, overwrite: bool = False) -> AbstractAsyncContextManager[Any]:
        self._refuse("open_atomic")
        return self._written(self._inner.open_atomic(path, overwrite=overwrite))

    @asynccontextmanager
    async def _written(self, opened: AbstractAsyncContextManager[Any]) -> AsyncIterator[Any]:
        async with self._call("open_atomic"):
            async with opened as file:
                yield charged_file(self, file) if self._counts_bytes else file

    async def abort_uploads(self, older_than: float) -> int:
        async with self._call("abort_uploads"):
            return await self._inner.abort_uploads(older_than)

    async def delete(self, path: str, *, missing_ok: bool = False) -> None:
        async with self._call("delete"):
            await self._inner.delete(path, missing_ok=missing_ok)

    async def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        async with self._call("delete_folder"):
            await self._inner.delete_folder(path, recursive=recursive, missing_ok=missing_ok)

    async def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        async with self._call("move"):
            await self._inner.move(src, dst, overwrite=overwrite)

    async def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        async with self._call("copy"):
            await self._inner.copy(src, dst, overwrite=overwrite)

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
    ) -> AsyncIterator[FileInfo]:
        others: dict[str, Any] = given(start_after=start_after, limit=limit)
        entries = self._inner.list_files(path, recursive=recursive, pattern=pattern, max_depth=max_depth, **others)
        return gated_entries(self, "list_files", entries)

    def list_folders(
        self, path: str, *, pattern: str | None = None, max_depth: int | None = None
    ) -> AsyncIterator[FolderEntry]:
        entries = self._inner.list_folders(path, pattern=pattern, max_depth=max_depth)
        return gated_entries(self, "list_folders", entries)

    def iter_children(self, path: str) -> AsyncIterator[FileInfo | FolderEntry]:
        return gated_entries(self, "iter_children", self._inner.iter_children(path))

    def glob(self, pattern: str) -> AsyncIterator[FileInfo]:
        return gated_entries(self, "glob", self._inner.glob(pattern))

    async def list_uploads(self, prefix: str = "") -> list[tuple[str, str]]:
        async with self._call("list_uploads"):
            return await self._inner.list_uploads(prefix)

    # Information

    async def exists(self, path: str) -> bool:
        async with self._call("exists"):
            return await self._inner.exists(path)

    async def is_file(self, path: str) -> bool:
        async with self._call("is_file"):
            return await self._inner.is_file(path)

    async def is_folder(self, path: str) -> bool:
        async with self._call("is_folder"):
            return await self._inner.is_folder(path)

    async def get_file_info(self, path: str) -> FileInfo:
        async with self._call("get_file_info"):
            return await self._inner.get_file_info(path)

    async def get_folder_info(self, path: str, *, max_depth: int | None = None) -> FolderInfo:
        async with self._call("get_folder_info"):
            return await self._inner.get_folder_info(path, max_depth=max_depth)

    async def head(self, path: str) -> WriteResult:
        async with self._call("head"):
            return await self._inner.head(path)

    async def presign(self, path: str, method: str = "GET", expires: float = 3600) -> str:
        async with self._call("presign" if method == "GET" else "write"):
            return await self._inner.presign(path, method, expires)

    async def ping(self) -> None:
        async with self._call("ping"):
            await self._inner.ping()
