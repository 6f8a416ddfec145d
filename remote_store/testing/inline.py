"""A blocking backend seen as an async one that never waits: how one check serves both faces.

Nothing here runs on a loop or in a thread, so what a check sees is what the blocking backend itself does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, BinaryIO, TypeVar

from .._contract._async.backend import AsyncBackend
from .._contract._sync.backend import Backend
from .._contract._sync.content import PIECE, Content
from .._core.capability import CapabilitySet
from .._core.models import FileInfo, FolderEntry, FolderInfo, ResolutionPlan, WriteResult

__all__ = ["InlineBackend", "InlineItems", "InlineStream", "drive", "inline_content"]

T = TypeVar("T")


def drive(work: Awaitable[T]) -> T:
    """Run a coroutine that never waits, without an event loop, and return its result."""
    step = work.__await__()
    try:
        next(step)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("something waited for a loop where none runs")


class InlineItems(AsyncIterator[T]):
    """A blocking iterator seen as an async one."""

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items

    async def __anext__(self) -> T:
        for item in self._items:
            return item
        raise StopAsyncIteration


class InlineStream(AsyncIterator[bytes]):
    """An open binary file seen as an async iterator of chunks; it closes the file at the end and on errors."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    async def __anext__(self) -> bytes:
        try:
            chunk = self._stream.read(PIECE)
        except BaseException:
            self._stream.close()
            raise
        assert isinstance(chunk, bytes), f"read(n) gave {type(chunk).__name__}, not bytes"
        if chunk:
            return chunk
        self._stream.close()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the file."""
        self._stream.close()


def inline_content(content: Any) -> Any:
    """Return content for a blocking backend: an async iterator becomes a readable file, all else stays."""
    if not hasattr(content, "__aiter__"):
        return content
    return Content(_pulled(content.__aiter__()))


def _pulled(items: AsyncIterator[Any]) -> Iterator[Any]:
    while True:
        try:
            yield drive(items.__anext__())
        except StopAsyncIteration:
            return


class InlineBackend(AsyncBackend):
    """A `Backend` whose calls run where they are awaited."""

    def __init__(self, inner: Backend) -> None:
        self._inner = inner
        self.close_is_terminal: bool = inner.close_is_terminal  # type: ignore[misc]  # the instance tells of another class

    @property
    def name(self) -> str:
        """The inner backend's name."""
        return self._inner.name

    @property
    def capabilities(self) -> CapabilitySet:
        """The inner backend's capabilities."""
        return self._inner.capabilities

    async def exists(self, path: str) -> bool:
        return self._inner.exists(path)

    async def is_file(self, path: str) -> bool:
        return self._inner.is_file(path)

    async def is_folder(self, path: str) -> bool:
        return self._inner.is_folder(path)

    def read(self, path: str) -> AsyncIterator[bytes]:
        return InlineStream(self._inner.read(path))

    async def read_bytes(self, path: str) -> bytes:
        return self._inner.read_bytes(path)

    async def read_into(self, path: str, buffer: Any, start: int = 0) -> int:
        return self._inner.read_into(path, buffer, start)

    async def read_ranges(self, path: str, ranges: Any) -> list[bytes]:
        return self._inner.read_ranges(path, ranges)

    async def write(
        self,
        path: str,
        content: Any,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
    ) -> WriteResult:
        return _written(self._inner.write, path, content, overwrite, metadata, if_match)

    async def write_atomic(
        self,
        path: str,
        content: Any,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
    ) -> WriteResult:
        return _written(self._inner.write_atomic, path, content, overwrite, metadata, if_match)

    async def abort_uploads(self, older_than: float, prefix: str = "") -> int:
        return self._inner.abort_uploads(older_than, prefix)

    async def list_uploads(self, prefix: str = "") -> list[tuple[str, str]]:
        return self._inner.list_uploads(prefix)

    async def presign(self, path: str, method: str = "GET", expires: float = 3600) -> str:
        return self._inner.presign(path, method, expires)

    async def delete(self, path: str, *, missing_ok: bool = False) -> None:
        self._inner.delete(path, missing_ok=missing_ok)

    async def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        self._inner.delete_folder(path, recursive=recursive, missing_ok=missing_ok)

    def list_files(
        self, path: str, *, recursive: bool = False, max_depth: int | None = None
    ) -> AsyncIterator[FileInfo]:
        return InlineItems(iter(self._inner.list_files(path, recursive=recursive, max_depth=max_depth)))

    def list_folders(self, path: str) -> AsyncIterator[FolderEntry]:
        return InlineItems(iter(self._inner.list_folders(path)))

    def iter_children(self, path: str) -> AsyncIterator[FileInfo | FolderEntry]:
        return InlineItems(iter(self._inner.iter_children(path)))

    def glob(self, pattern: str) -> AsyncIterator[FileInfo]:
        return InlineItems(iter(self._inner.glob(pattern)))

    async def get_file_info(self, path: str) -> FileInfo:
        return self._inner.get_file_info(path)

    async def get_folder_info(self, path: str) -> FolderInfo:
        return self._inner.get_folder_info(path)

    async def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        self._inner.move(src, dst, overwrite=overwrite)

    async def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        self._inner.copy(src, dst, overwrite=overwrite)

    def to_key(self, native_path: str) -> str:
        return self._inner.to_key(native_path)

    def native_path(self, path: str) -> str:
        return self._inner.native_path(path)

    def resolve(self, path: str) -> ResolutionPlan:
        return self._inner.resolve(path)

    async def check_health(self) -> None:
        self._inner.check_health()

    async def aclose(self) -> None:
        self._inner.close()

    def unwrap(self, type_hint: type[T]) -> T:
        return self._inner.unwrap(type_hint)


def _written(
    write: Callable[..., WriteResult],
    path: str,
    content: Any,
    overwrite: bool,
    metadata: Mapping[str, str] | None,
    if_match: str | None,
) -> WriteResult:
    condition = {} if if_match is None else {"if_match": if_match}
    return write(path, inline_content(content), overwrite=overwrite, metadata=metadata, **condition)
