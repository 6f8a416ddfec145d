"""Read streams, async side: one object for `async for`, `read(n)` and `readinto` (DECISIONS 6).

The hand-written half of a pair; `_sync/streams.py` is the other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from ..._core.ranges import writable

__all__ = ["AsyncByteSource", "AsyncReadStream"]


class AsyncByteSource(AsyncIterator[bytes]):
    """Base of what our backends return from `read`: an iterator of non-empty chunks that can tell more.

    `size` (bytes) and `etag` are None until `open` has run. Nothing is opened before `open` or the first chunk.
    A source that is dropped needs no clean-up by its user and warns of nothing (CONTRACT 111).
    """

    size: int | None = None
    etag: str | None = None

    @property
    def at_hand(self) -> int:
        """How many of the next chunks are here already; who is on another thread takes them in one crossing."""
        return 0

    async def open(self) -> None:
        """Open the object; NotFound and InvalidPath come here. Opening twice does nothing."""

    async def aclose(self) -> None:
        """Give the resources back. Closing twice does nothing."""


class AsyncReadStream(AsyncIterator[bytes]):
    """An object's content, read forward once.

    Iterate over it for chunks as they come, or call `read` and `readinto`; both may be mixed. It is an async
    context manager, which opens at the start, so that `size` (bytes) and `etag` are known inside; they are None
    before, and where the backend doesn't know them. One task at a time may read.

    Raises NotFound and InvalidPath when it is opened: by ``async with`` or by the first read. Raises ValueError
    once it is closed, and after a read that was cancelled: what that one had taken is lost.
    """

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self._source = source
        self._left = memoryview(b"")
        self._opened = False
        self._ended = False
        self._cut = False
        self._closed = False

    @property
    def size(self) -> int | None:
        """The object's size in bytes, if it is known by now."""
        return getattr(self._source, "size", None)

    @property
    def etag(self) -> str | None:
        """The object's etag, if it is known by now."""
        return getattr(self._source, "etag", None)

    @property
    def closed(self) -> bool:
        """Whether `aclose` has been called."""
        return self._closed

    async def __anext__(self) -> bytes:
        self._check_open()
        if self._left:
            chunk, self._left = bytes(self._left), memoryview(b"")
            return chunk
        while not self._ended:
            try:
                chunk = await self._source.__anext__()
            except BaseException as error:
                # The end or a failure: a later read must not ask a broken source again.
                self._ended = True
                if isinstance(error, StopAsyncIteration):
                    break
                # Cancelled: the next read must not take this for the end of the content.
                self._cut = not isinstance(error, Exception)
                raise
            self._opened = True
            if chunk:
                return chunk
        raise StopAsyncIteration

    async def read(self, size: int | None = -1) -> bytes:
        """Return up to `size` bytes, all that is left for -1 or None, `b""` at the end.

        Fewer than `size` bytes come only at the end.
        """
        self._check_open()
        if size is None or size < 0:
            return b"".join([chunk async for chunk in self])
        pieces: list[memoryview] = []
        while size > 0 and (piece := await self._take(size)):
            pieces.append(piece)
            size -= len(piece)
        return bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)

    async def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill `buffer` as far as the content goes and return the number of bytes; 0 at the end."""
        self._check_open()
        view = writable(buffer)
        done = 0
        while done < len(view) and (piece := await self._take(len(view) - done)):
            view[done : done + len(piece)] = piece
            done += len(piece)
        return done

    async def _take(self, limit: int) -> memoryview:
        """Return the next bytes, at most `limit` and without a copy; empty at the end."""
        if not self._left:
            try:
                self._left = memoryview(await self.__anext__())
            except StopAsyncIteration:
                return self._left
        piece, self._left = self._left[:limit], self._left[limit:]
        return piece

    async def aclose(self) -> None:
        """Close the stream and give the backend's resources back. Closing twice does nothing."""
        self._closed = self._ended = True
        self._left = memoryview(b"")
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()

    async def _open(self) -> None:
        if self._opened:
            return
        if isinstance(self._source, AsyncByteSource):
            await self._source.open()
        else:
            # A plain iterator can't be opened; asking for the first chunk shows whether the object is there.
            self._left = memoryview(await anext(self, b""))
        self._opened = True

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError("I/O operation on closed stream")
        if self._cut:
            raise ValueError("a cancelled read has cut this stream short; open it again")

    async def __aenter__(self) -> Self:
        self._check_open()
        try:
            await self._open()
        except BaseException:
            await self.aclose()  # the block will not run, nor its end
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
