"""A stream that goes forward over one open object until somebody seeks, and fetches ranges from then on."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

from .portal import Portal
from .pulled import ChunkStream, Source

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["SeekingStream"]


class SeekingStream(ChunkStream):
    """A raw, seekable stream; meant to stand below an `io.BufferedReader`, which makes ranges large.

    `read_into` fills a buffer from an offset and returns the number of bytes; `find_size` is asked only where the
    source does not know its size.
    """

    def __init__(
        self,
        portal: Portal,
        admit: Callable[[], None],
        source: Source,
        path: str,
        *,
        read_into: Callable[[memoryview, int], int],
        find_size: Callable[[], int],
    ) -> None:
        super().__init__(portal, admit, source, path)
        self._read_into = read_into
        self._find_size = find_size
        self._position = 0
        self._jumped = False

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the offset of the next byte to be read."""
        self._check_open()
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to `offset` bytes from the start, the position or the end, and return the new position."""
        self._check_open()
        if whence not in (io.SEEK_SET, io.SEEK_CUR, io.SEEK_END):
            raise ValueError(f"invalid whence ({whence}, should be 0, 1 or 2)")
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position}.get(whence)
        target = (self._size() if base is None else base) + offset
        if target < 0:
            raise ValueError(f"negative seek position {target}")
        if 0 <= target - self._position <= len(self._left):
            self._left = self._left[target - self._position :]
        elif not self._jumped:
            self._jumped = True
            self._release()
        self._position = target
        return target

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill `buffer` from the position on and return the number of bytes, 0 at the end."""
        self._check_open()
        view = memoryview(buffer).cast("B")
        done = self._read_into(view, self._position) if self._jumped and view else super().readinto(view)
        self._position += done
        return done

    def read(self, size: int | None = -1) -> bytes:
        """Return up to `size` bytes, all that is left for -1 or None."""
        if size is None or size < 0:
            return self.readall()
        buffer = bytearray(size)
        return bytes(memoryview(buffer)[: self.readinto(buffer)])

    def readall(self) -> bytes:
        """Return all from the position on."""
        self._check_open()
        rest = self.read(max(0, self._size() - self._position)) if self._jumped else super().readall()
        if not self._jumped:
            self._position += len(rest)
        return rest

    def _size(self) -> int:
        if self._source.size is None:
            self._source.size = self._find_size()
        return self._source.size

    def _release(self) -> None:
        """Give the open object back without waiting: nothing more is read from it."""
        self._left = memoryview(b"")
        self._ended = True
        if self._thread is not None:
            self._thread.spawn(self._source.close)
