"""Reading files: whole, by ranges, and as streams on both sides."""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, cast

from ..._contract._async.streams import AsyncByteSource
from ..._contract.threads import in_thread
from ..._core.ranges import Range
from .errors import failure
from .state import etag_of

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["CHUNK", "LocalSource", "fill", "open_stream", "read_all", "read_range"]

CHUNK = 256 * 1024
"""Bytes of the first chunk handed out, and of the first batch."""

PIECES = 8
"""Chunks of a large batch: with 1 MiB each of 8 MiB a read costs 0.87 x what it does with 256 KiB each."""

STREAM_BUFFER = 64 * 1024
"""Bytes that a sync stream reads ahead; what is read in larger pieces goes straight to the caller's buffer."""

MAX_BATCH = 8 * 1024 * 1024
"""Bytes read in one hop to a worker at most: at 8 MiB a hop costs 12 % of a plain read, at 256 KiB 8 x (DECISIONS 13)."""

MAX_READ = 0x7FFF_F000
"""What read(2) gives at most in one call."""


def read_all(fd: int, size: int) -> bytes:
    """Return all of a file that had `size` bytes when it was opened."""
    data = os.read(fd, min(size + 1, MAX_READ))
    if len(data) == size:
        return data
    pieces = [data]
    while data:
        data = os.read(fd, MAX_READ if size > MAX_READ else CHUNK)
        pieces.append(data)
    return b"".join(pieces)


def read_range(fd: int, wanted: Range, size: int) -> bytes:
    """Return the bytes of a range, cut at the end of the file."""
    start, stop = min(wanted[0], size), min(wanted[1], size)
    data = os.pread(fd, min(stop - start, MAX_READ), start) if stop > start else b""
    if len(data) in (stop - start, 0):
        return data
    return data + read_range(fd, (start + len(data), stop), size)


def fill(fd: int, view: memoryview, start: int) -> int:
    """Fill `view` from offset `start` on; return the number of bytes, fewer only at the end of the file."""
    done = 0
    while done < len(view):
        count = os.preadv(fd, [view[done : done + MAX_READ]], start + done)
        if count == 0:
            break
        done += count
    return done


# The sync stream


class _RawFile(io.FileIO):
    """A raw file whose errors are ours."""

    def __init__(self, fd: int, key: str, backend: str) -> None:
        super().__init__(fd, "rb")
        self._key = key
        self._backend = backend

    def readinto(self, buffer: WriteableBuffer) -> int:  # never None: the file is blocking
        try:
            return cast(int, super().readinto(buffer))
        except OSError as error:
            raise failure(error, self._key, self._backend) from error

    def readall(self) -> bytes:
        try:
            return super().readall() or b""
        except OSError as error:
            raise failure(error, self._key, self._backend) from error


class LocalStream(io.BufferedReader):
    """A file opened for reading, seekable; `size` (bytes) and `etag` are those it had when it was opened."""

    def __init__(self, raw: io.RawIOBase, state: os.stat_result) -> None:
        super().__init__(raw, STREAM_BUFFER)
        self.size: int = state.st_size
        self.etag: str = etag_of(state)


def open_stream(fd: int, state: os.stat_result, key: str, backend: str) -> BinaryIO:
    """Return a stream that owns `fd`."""
    return cast(BinaryIO, LocalStream(_RawFile(fd, key, backend), state))


# The async stream


class LocalSource(AsyncByteSource):
    """A file's chunks, read in a worker: a batch a hop, which doubles up to 8 MiB as the reading goes on.

    It holds a raw descriptor of a regular file opened for reading, which is closed at the end, by `aclose`, or when
    the object dies (DECISIONS 16).
    """

    size: int | None
    etag: str | None

    def __init__(self, opened: Callable[[], tuple[int, os.stat_result]], key: str, backend: str) -> None:
        self._opened = opened
        self._key = key
        self._backend = backend
        self._fd = -1
        self._batch = CHUNK
        self._left = 0
        self._chunks: deque[bytes] = deque()
        self._is_open = self._ended = False

    async def open(self) -> None:
        """Open the file, unless that has been done."""
        if not self._is_open:
            await in_thread(self._open)

    async def __anext__(self) -> bytes:
        if not self._chunks:
            if self._ended:
                raise StopAsyncIteration
            await in_thread(self._fetch)
            if not self._chunks:
                raise StopAsyncIteration
        return self._chunks.popleft()

    async def aclose(self) -> None:
        """Close the file; this never blocks, since nothing is left to be written."""
        self._chunks.clear()
        self._close()

    def _open(self) -> None:
        fd, state = self._opened()
        self.size, self.etag = state.st_size, etag_of(state)
        self._fd, self._left, self._is_open = fd, state.st_size, True

    def _fetch(self) -> None:
        """Read the next batch; at the end of the file close it in the same hop."""
        if not self._is_open:
            self._open()
        size, left = max(CHUNK, self._batch // PIECES), self._batch
        try:
            while left > 0 and not self._ended:
                chunk = os.read(self._fd, size)
                if chunk:
                    self._chunks.append(chunk)
                left -= size
                self._left -= len(chunk)
                if not chunk or (len(chunk) < size and self._left <= 0):
                    self._close()
        except OSError as error:
            self._close()
            raise failure(error, self._key, self._backend) from error
        self._batch = min(self._batch * 2, MAX_BATCH)

    def _close(self) -> None:
        self._ended = True
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        if self._fd >= 0:
            self._close()
