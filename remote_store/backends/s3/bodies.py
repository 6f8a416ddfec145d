"""Bodies as both HTTP sessions of aiobotocore send them well (DECISIONS 26)."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator, Sequence

from anyio.lowlevel import checkpoint

__all__ = ["Body", "body_of"]

SLICE = 256 * 1024
"""Bytes handed to the transport at a time: below, calls cost more than the copy; above, aiohttp copies."""
SMALL = 64 * 1024
"""Up to this size plain bytes are as good as anything."""


def body_of(buffers: Sequence[memoryview], size: int) -> bytes | Body:
    """Return what to give the SDK as a body."""
    return b"".join(buffers) if size <= SMALL else Body(buffers, size)


class Body:
    """Buffers as a file: the SDK reads and seeks in it to sign, its transports iterate over it to send.

    It has a length, so that it goes with Content-Length and without aws-chunked. It is never copied as a whole, and
    can be sent again after ``seek(0)``.
    """

    def __init__(self, buffers: Sequence[memoryview], size: int) -> None:
        self._buffers = buffers
        self._size = size
        self._position = 0

    def __len__(self) -> int:
        return self._size

    def __bool__(self) -> bool:
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset, as files do."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, min(base + offset, self._size))
        return self._position

    def read(self, size: int | None = -1) -> bytes | memoryview:
        """Return the next bytes, as a view where one buffer has them all."""
        left = self._size - self._position
        want = left if size is None or size < 0 else min(size, left)
        pieces: list[memoryview] = []
        for piece in self._pieces(want):
            pieces.append(piece)
            want -= len(piece)
            if want <= 0:
                break
        self._position += sum(map(len, pieces))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _pieces(self, limit: int) -> Iterator[memoryview]:
        """Yield views from the position on, at most `limit` bytes in all."""
        start = self._position
        for buffer in self._buffers:
            if start >= len(buffer):
                start -= len(buffer)
                continue
            piece = buffer[start : start + limit]
            start = 0
            limit -= len(piece)
            if piece:
                yield piece
            if limit <= 0:
                return

    def __iter__(self) -> Iterator[memoryview]:
        for buffer in self._buffers:
            for start in range(0, len(buffer), SLICE):
                yield buffer[start : start + SLICE]

    async def __aiter__(self) -> AsyncIterator[memoryview]:
        for piece in self:
            yield piece
            await checkpoint()
