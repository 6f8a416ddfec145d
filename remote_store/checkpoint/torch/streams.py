"""Files of a store as blocking streams: one that reads anywhere, one that appears when it has been written."""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING

from ..._core.capability import Capability
from .access import Access

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = ["Draft", "RangeFile"]

HIGH_WATER = 8 << 20
"""Bytes that may wait to be sent before `write` blocks: one part of an upload."""


class RangeFile(io.RawIOBase):
    """An object as a raw, seekable file; meant to stand below an `io.BufferedReader`. One look-up tells its size."""

    def __init__(self, access: Access, key: str) -> None:
        super().__init__()
        self._access = access
        self._key = key
        self._position = 0
        self._size = access.call(access.store.get_file_info, key).size

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the offset of the next byte to be read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to `offset` bytes from the start, the position or the end, and return the new position."""
        if whence not in (io.SEEK_SET, io.SEEK_CUR, io.SEEK_END):
            raise ValueError(f"invalid whence ({whence}, should be 0, 1 or 2)")
        target = (0, self._position, self._size)[whence] + offset
        if target < 0:
            raise ValueError(f"negative seek position {target}")
        self._position = target
        return target

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill `buffer` from the position on and return the number of bytes, 0 at the end."""
        view = memoryview(buffer).cast("B")[: max(0, self._size - self._position)]
        done = self._access.call(self._access.store.read_into, self._key, view, self._position) if view else 0
        self._position += done
        return done


class _AbandonedError(Exception):
    """Ends the content of a write that must not be committed."""


class Draft(io.RawIOBase):
    """A file being written. It appears under its key by `publish`; `abandon` leaves everything as it was.

    Bytes flow straight into the store's own atomic write, a few pieces ahead of it. Closing the stream says only
    that nothing more will be written.
    """

    def __init__(self, access: Access, key: str) -> None:
        super().__init__()
        self._size = 0
        self._abandoned = False
        self._feed = _Feed()
        self._result: Future[None] = Future()
        access.spawn(_write, access, key, self._feed, self._result)

    def writable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the number of bytes written so far."""
        return self._size

    def write(self, data: ReadableBuffer) -> int:
        """Hand over a copy of `data` and return its size in bytes. Raises the write's own error."""
        if self.closed:
            raise ValueError("I/O operation on closed file")
        piece = bytes(memoryview(data).cast("B")) if not isinstance(data, bytes) else data
        # What buffers above still hold comes when they are closed, after the file was given up.
        if not self._abandoned and not self._feed.put(piece):
            self._result.result()
        self._size += len(piece)
        return len(piece)

    def publish(self) -> None:
        """Have the file appear, with all that was written. Raises the write's own error."""
        self._feed.end(None)
        self._result.result()

    def abandon(self) -> None:
        """Give the file up, and wait until nothing is left of it."""
        self._abandoned = True
        self._feed.end(_AbandonedError())
        self._result.exception()


async def _write(access: Access, key: str, feed: _Feed, result: Future[None]) -> None:
    store = access.store
    write = store.write_atomic if store.supports(Capability.ATOMIC_WRITE) else store.write
    try:
        await write(key, iter(feed), overwrite=True)
    except BaseException as error:  # noqa: BLE001  # raised by whoever waits for the result
        feed.leave()
        result.set_exception(error)
    else:
        result.set_result(None)


class _Feed:
    """What one thread writes and another takes as an iterator of pieces."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._changed = threading.Condition()
        self._ended = False
        self._failure: Exception | None = None
        self._gone = False

    def put(self, piece: bytes) -> bool:
        """Hand over a piece as soon as there is room; False if nobody takes any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting < HIGH_WATER or self._gone)
            self._pieces.append(piece)
            self._waiting += len(piece)
            self._changed.notify_all()
            return not self._gone

    def end(self, failure: Exception | None) -> None:
        """Say that all pieces are there, or that the rest will never come."""
        with self._changed:
            self._ended, self._failure = True, failure
            self._changed.notify_all()

    def leave(self) -> None:
        """Say that nobody takes any more."""
        with self._changed:
            self._gone = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pieces or self._ended)
                if self._failure is not None:
                    raise self._failure
                if not self._pieces:
                    return
                piece = self._pieces.popleft()
                self._waiting -= len(piece)
                self._changed.notify_all()
            if piece:
                yield piece
