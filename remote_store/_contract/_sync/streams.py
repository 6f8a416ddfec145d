"""Read streams, sync side: seekable streams for backends whose own are not (CONTRACT 37).

The hand-written half of a pair; `_async/streams.py` is the other.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["RangeReader", "SPOOL_BYTES", "seekable", "spooled"]

SPOOL_BYTES = 8 * 1024 * 1024
"""What a spooled copy keeps in memory before it moves to a temporary file (CONTRACT 37)."""

READ_AHEAD = 256 * 1024
"""Bytes that a buffered range reader fetches at a time: one request serves many small reads."""


class RangeReader(io.RawIOBase):
    """A seekable raw stream over an object of known size, which fetches the range that each read asks for.

    `read_into` fills a buffer from an offset and returns the number of bytes; it raises our errors by itself.
    """

    def __init__(self, read_into: Callable[[memoryview, int], int], size: int) -> None:
        super().__init__()
        self._read_into = read_into
        self.size = size
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

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
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}
        if whence not in bases:
            raise ValueError(f"invalid whence ({whence}, should be 0, 1 or 2)")
        target = bases[whence] + offset
        if target < 0:
            raise ValueError(f"negative seek position {target}")
        self._position = target
        return target

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill `buffer` from the position on and return the number of bytes, 0 at the end."""
        self._check_open()
        view = memoryview(buffer).cast("B")[: max(0, self.size - self._position)]
        done = self._read_into(view, self._position) if view else 0
        self._position += done
        return done

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


def seekable(stream: BinaryIO, ranged: Callable[[], RangeReader] | None) -> BinaryIO:
    """Return `stream` if it can seek; else a buffered range reader, if there is one to make; else a spooled copy.

    `stream` is closed unless it is returned, also when the copying fails.
    """
    can_seek = getattr(stream, "seekable", None)  # a third party's stream may have `read` and `close` alone
    if can_seek is not None and can_seek():
        return stream
    if ranged is None:
        return spooled(stream)
    stream.close()
    return cast(BinaryIO, io.BufferedReader(ranged(), READ_AHEAD))


def spooled(stream: BinaryIO) -> BinaryIO:
    """Copy `stream` to a temporary file (in memory up to `SPOOL_BYTES`), close it, and return the copy at 0."""
    copy: Any = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115  # handed to the caller
    try:
        with closing(stream):
            shutil.copyfileobj(stream, copy, READ_AHEAD)
        copy.seek(0)
    except BaseException:
        copy.close()
        raise
    return cast(BinaryIO, copy)
