"""Sending a file's bytes to the disk while more are written: the fsync(2) at the end has less to wait for.

Linux alone has a call for it, sync_file_range(2). It is a hint: fsync still reports what the disk could not take
(`SYNC_FILE_RANGE_WRITE` waits for nothing and takes no error away), so what the call itself says is not needed.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Callable
from functools import cache

__all__ = ["Ahead"]

STEP = 8 * 1024 * 1024
"""Bytes sent at a time: small files go by their fsync alone, large ones in pieces that a disk takes in one stroke."""

SYNC_FILE_RANGE_WRITE = 2


class Ahead:
    """How far a file has been written, and how far it is on its way to the disk."""

    __slots__ = ("_sent", "_written")

    def __init__(self) -> None:
        self._written = 0
        self._sent = 0

    def wrote(self, fd: int, size: int) -> None:
        """Note that `size` bytes more are written; send what waits, once it is enough."""
        self._written += size
        if self._written - self._sent < STEP:
            return
        # A page that is only half full would be sent twice.
        stop = self._written - self._written % mmap.PAGESIZE
        function = _sync_file_range()
        if function is not None:
            function(fd, self._sent, stop - self._sent, SYNC_FILE_RANGE_WRITE)
        self._sent = stop


@cache
def _sync_file_range() -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    function = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return function
