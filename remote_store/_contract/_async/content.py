"""Content on its way in, async side: every kind a caller may hand over becomes buffers (DESIGN 6).

The hand-written half of a pair; `_sync/content.py` is the other.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable
from inspect import isawaitable, iscoroutinefunction
from typing import Any, Protocol, TypeAlias

from .._sync.content import PIECE, AnyContent, Buffer, Content, flat, refuse_spent, refuse_text
from ..threads import in_thread

__all__ = ["AnyAsyncContent", "AsyncContent", "AsyncWritableContent", "async_content", "portable_async_content"]

AsyncWritableContent: TypeAlias = bytes | AsyncIterator[bytes]
"""What the seed's API takes; stores take every kind that `AsyncContent` lists."""


class AsyncReadableFile(Protocol):
    """A binary file with an async `read`, such as anyio's and aiofiles'."""

    def read(self, size: int, /) -> Awaitable[bytes]:
        """Return up to `size` bytes, `b""` at the end."""


AnyAsyncContent: TypeAlias = AnyContent | AsyncReadableFile | AsyncIterable[Buffer]
"""What an async store's writes take: a buffer, a binary file or an iterable of buffers, sync or async."""


class AsyncContent(AsyncIterator[bytes]):
    """Content as an async stream of buffers.

    Made from any buffer, an iterator of buffers (sync or async), or a readable binary file: one with an async
    `read` (anyio's, aiofiles') or a blocking one, which is read in a worker thread, as a sync iterator is. The
    source is read from where it stands and is not closed. Raises TypeError for anything else, text above all.

    `buffer` is the whole content where it came as one buffer, else None. `steady` says that buffers of a stream don't
    change once they are handed out: a source says so by an attribute of that name, and nobody need copy them then.
    """

    def __init__(self, content: object) -> None:
        self.buffer: memoryview | None = None
        self.steady: bool = getattr(content, "steady", False) is True
        self._left = b""
        # A function, not a bound method: a cycle would keep the caller's buffer until the next garbage collection.
        self._pull = self._chooser(content)

    def _chooser(self, content: object) -> Any:
        refuse_text(content)
        view = flat(content)
        if view is not None:
            self.buffer = view
            return AsyncContent._pull_buffer
        read = getattr(content, "read", None)
        if callable(read):
            self._read = read
            is_async = iscoroutinefunction(read) or hasattr(content, "__aiter__")
            return AsyncContent._pull_async_file if is_async else AsyncContent._pull_blocking_file
        if hasattr(content, "__aiter__"):
            refuse_spent(content)
            self._items = content.__aiter__()
            return AsyncContent._pull_async_items
        self._blocking = Content(content)
        return AsyncContent._pull_blocking

    async def batch(self, want: int) -> list[Buffer]:
        """Return the next buffers, together about `want` bytes; an empty list at the end.

        A buffer that its owner may change comes last in its batch: use the batch up before asking for the next.
        """
        batch: list[Buffer] = await self._pull(self, want)
        return batch

    async def __anext__(self) -> bytes:
        if not self._left:
            batch = await self._pull(self, PIECE)
            if not batch:
                raise StopAsyncIteration
            self._left = batch[0] if len(batch) == 1 and isinstance(batch[0], bytes) else b"".join(batch)
        piece, self._left = self._left, b""
        return piece

    async def _pull_buffer(self, want: int) -> list[Buffer]:
        assert self.buffer is not None
        start = getattr(self, "_offset", 0)
        self._offset = min(start + want, len(self.buffer))
        piece = self.buffer[start : self._offset]
        return [piece] if piece else []

    async def _pull_async_file(self, want: int) -> list[Buffer]:
        return _checked(await self._read(want))

    async def _pull_blocking_file(self, want: int) -> list[Buffer]:
        piece = await in_thread(self._read, want)
        return _checked(await piece if isawaitable(piece) else piece)

    async def _pull_async_items(self, want: int) -> list[Buffer]:
        batch: list[Buffer] = []
        size = 0
        async for item in self._items:
            piece = item if item.__class__ is bytes else Content.piece(item)
            if piece:
                batch.append(piece)
                size += len(piece)
                if size >= want or not isinstance(piece, bytes):
                    break
        return batch

    async def _pull_blocking(self, want: int) -> list[Buffer]:
        return await in_thread(self._blocking.batch, want)


def _checked(piece: object) -> list[Buffer]:
    buffer = Content.piece(piece, "read()")
    return [buffer] if buffer else []


def async_content(content: object) -> bytes | AsyncContent:
    """Return content as a backend of ours wants it: `bytes` as they are, all else as `AsyncContent`."""
    if isinstance(content, (bytes, AsyncContent)):
        return content
    return AsyncContent(content)


def portable_async_content(content: object) -> Any:
    """Return content as any backend takes it: the seed's two kinds as they are, all else as `AsyncContent`."""
    if content.__class__ is bytes:
        return content
    if hasattr(content, "__anext__") and not hasattr(content, "read"):
        return content
    return AsyncContent(content)
