"""What a blocking caller pulls through the portal: chunks of a stream, pages of a listing."""

from __future__ import annotations

import asyncio
import io
import logging
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .._contract._async.streams import AsyncByteSource
from .._contract.pages import AsyncPages
from .._core.errors import BackendClosed
from .portal import LoopThread, Portal
from .running import in_running_loop

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["ChunkStream", "Entries", "Source"]

T = TypeVar("T")

_log = logging.getLogger("remote_store._async_to_sync_adapter")

GULP = 1024 * 1024
"""Bytes that `readall` asks for in one crossing between the threads, and that come along where they are here already."""
PAGE = 256
"""Entries of a listing that cross the threads together."""


class Source:
    """An async iterator of chunks, kept on its loop; at most one `__anext__` is under way."""

    def __init__(self, make: Callable[[], AsyncIterator[bytes]]) -> None:
        self._make = make
        self._chunks: AsyncIterator[bytes] | None = None
        self._turn = asyncio.Lock()
        self.ended = False
        self.size: int | None = None

    @property
    def begun(self) -> bool:
        """Whether there is anything to close."""
        return self._chunks is not None

    @property
    def fill(self) -> Callable[[memoryview, int], Coroutine[Any, Any, int]] | None:
        """What fills a buffer from an offset with the very version that was opened; None where nothing does."""
        return getattr(self._chunks, "fill", None)

    async def open(self) -> list[bytes]:
        """Open the object now, so that NotFound comes now; return what had to be read for that."""
        if self._chunks is None:
            self._chunks = self._make()
        if not isinstance(self._chunks, AsyncByteSource):
            return await self.gather(1)
        await self._chunks.open()
        self.size = self._chunks.size
        return []

    async def gather(self, want: int) -> list[bytes]:
        """Return chunks until they have `want` bytes together, fewer at the end; more if they are here already."""
        found: list[bytes] = []
        room = max(want, GULP)
        async with self._turn:
            if self._chunks is None:
                self._chunks = self._make()
            while not self.ended and (want > 0 or (room > 0 and getattr(self._chunks, "at_hand", 0) > 0)):
                try:
                    chunk = await self._chunks.__anext__()
                except StopAsyncIteration:
                    self.ended = True
                    break
                found.append(chunk)
                want -= len(chunk)
                room -= len(chunk)
        return found

    async def close(self) -> None:
        """Close the iterator; what that raises is logged."""
        self.ended = True
        await _closed(self._chunks, "stream")


class ChunkStream(io.RawIOBase):
    """A raw, forward-only stream over an async iterator of chunks, which are pulled as they are read.

    `admit` is asked at each pull and refuses by raising (a running event loop).
    An error in mid-stream comes once; after it the stream is at its end.
    """

    def __init__(self, portal: Portal, admit: Callable[[], None], source: Source, path: str) -> None:
        super().__init__()
        self._portal = portal
        self._admit = admit
        self._source = source
        self._path = path
        self._thread: LoopThread | None = None
        self._left: memoryview = memoryview(b"")
        self._ended = False
        self._dropped = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def open_now(self) -> None:
        """Open the object, so that NotFound and InvalidPath come now."""
        self._admit()
        self._thread = self._portal.loop_thread()
        try:
            self._left = memoryview(b"".join(self._thread.call(self._source.open)))
        except BaseException:
            self._ended = True
            raise

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill `buffer` from the next chunk and return the number of bytes, 0 at the end."""
        view = memoryview(buffer).cast("B")
        self._check_open()
        if view and not self._left:
            self._left = memoryview(self._pull(1))
        piece = self._left[: len(view)]
        self._left = self._left[len(piece) :]
        view[: len(piece)] = piece
        return len(piece)

    def read(self, size: int | None = -1) -> bytes:
        """Return up to `size` bytes, all that is left for -1 or None; fewer only at the end."""
        if size is None or size < 0:
            return self.readall()
        self._check_open()
        if len(self._left) < size:
            more = self._pull(size - len(self._left))
            self._left = memoryview(self._left.tobytes() + more if self._left else more)
        piece, self._left = self._left[:size], self._left[size:]
        return _whole(piece)

    def readall(self) -> bytes:
        """Return all that is left."""
        self._check_open()
        pieces = [self._left.tobytes()]
        self._left = memoryview(b"")
        while more := self._pull(GULP):
            pieces.append(more)
        return b"".join(pieces)

    def peek(self, size: int = 0) -> bytes:
        """Return bytes that are here already, or a chunk of them, without moving on; it makes lines fast."""
        self._check_open()
        if not self._left:
            self._left = memoryview(self._pull(1))
        return self._left.tobytes()

    def _pull(self, want: int) -> bytes:
        if self._ended:
            return b""
        self._admit()
        try:
            if self._thread is None:
                self._thread = self._portal.loop_thread()
            chunks = self._thread.call(self._source.gather, want)
        except BaseException:
            # What is left must not be taken for the rest of the file; the next read must not ask a broken source.
            self._ended = True
            self._left = memoryview(b"")
            raise
        self._ended = self._source.ended
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")

    # The end

    def close(self) -> None:
        """Close the stream and its source. Closing twice does nothing; errors of the source are logged."""
        if self.closed:
            return
        super().close()
        self._left = memoryview(b"")
        self._ended = True
        if self._thread is None or not self._source.begun:
            return
        if self._dropped or in_running_loop():
            self._thread.spawn(self._source.close)  # nobody may wait here
            return
        try:
            self._thread.call(self._source.close)
        except BackendClosed as error:
            _log.debug("stream aclose raised %r", error)

    def _dealloc_warn(self, wrapper: object) -> None:
        """Called by a buffered reader around this stream that is collected: closing must not wait then."""
        self._dropped = True
        self._warn(wrapper)

    def __del__(self) -> None:
        if not self.closed:
            self._dropped = True
            self._warn(self)
            self.close()

    def _warn(self, dropped: object) -> None:
        if self._source.begun and not self._ended:
            warnings.warn(f"unclosed stream of {self._path!r}", ResourceWarning, source=dropped, stacklevel=2)


def _whole(piece: memoryview) -> bytes:
    """Return a view's bytes without a copy where the view is the whole object."""
    owner = piece.obj
    return owner if isinstance(owner, bytes) and len(owner) == len(piece) else piece.tobytes()


class Entries(Iterator[T]):
    """A listing that crosses the threads by page. After an error it is at its end."""

    def __init__(self, portal: Portal, admit: Callable[[], None], make: Callable[[], AsyncIterator[T]]) -> None:
        self._portal = portal
        self._admit = admit
        self._pages = Pages(make)
        self._thread: LoopThread | None = None
        self._page: Iterator[T] = iter(())

    def __next__(self) -> T:
        for entry in self._page:
            return entry
        if self._pages.ended:
            error, self._pages.error = self._pages.error, None
            raise error or StopIteration
        self._turn()
        return self.__next__()

    def _turn(self) -> None:
        self._admit()
        try:
            if self._thread is None:
                self._thread = self._portal.loop_thread()
            self._page = iter(self._thread.call(self._pages.turn))
        except BaseException:
            self._pages.ended = True
            raise

    def __del__(self) -> None:
        if self._thread is not None and not self._pages.ended:
            self._thread.spawn(self._pages.close)


class Pages(Generic[T]):
    """An async iterator of entries, kept on its loop and asked for up to `PAGE` of them at a time."""

    def __init__(self, make: Callable[[], AsyncIterator[T]]) -> None:
        self._make = make
        self._entries: AsyncIterator[T] | None = None
        self.ended = False
        self.error: BaseException | None = None
        """What came after the last entries; they are handed out first."""

    async def turn(self) -> Sequence[T]:
        """Return the next entries, none at the end."""
        if self._entries is None:
            self._entries = self._make()
        if isinstance(self._entries, AsyncPages):
            page: Sequence[T] = await self._entries.page()
            self.ended = not page
            return page
        found: list[T] = []
        while len(found) < PAGE and not self.ended:
            try:
                found.append(await self._entries.__anext__())
            except StopAsyncIteration:
                self.ended = True
            except Exception as error:  # noqa: BLE001  # raised at its place in the listing
                self.ended, self.error = True, error
        return found

    async def close(self) -> None:
        """Close the iterator of a listing that was dropped; what that raises is logged."""
        await _closed(self._entries, "listing")


async def _closed(iterator: object, what: str) -> None:
    """Close an async iterator; whoever used it is done with it, so that an error is only logged (CONTRACT 103)."""
    close = getattr(iterator, "aclose", None)
    if close is None:
        return
    try:
        await close()
    except Exception as error:  # noqa: BLE001  # a backend's own business
        _log.debug("%s aclose raised %r", what, error)
