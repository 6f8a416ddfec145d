"""A bounded pipe from a task that has bytes to a worker thread that reads them as a file."""

from __future__ import annotations

import io
import threading
from collections import deque
from typing import TYPE_CHECKING

import anyio

from .running import poster

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Pipe", "PipeReader", "Severed"]

HIGH_WATER = 1024 * 1024
"""Bytes that may wait in the pipe before the task has to: enough to keep both sides at work."""


class Severed(Exception):  # it is a message to the reading side, which never leaves the bridge
    """The task that feeds the pipe was cancelled or its content failed: what was read so far is not all."""


class Pipe:
    """What the task and the thread share. The task is never blocked; the thread is, until there are bytes."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._changed = threading.Condition()
        self._room = anyio.Event()
        self._post = poster()
        self._ended = False
        self._failure: BaseException | None = None
        self.reader_gone = False

    # The task's side

    async def put(self, piece: bytes) -> bool:
        """Hand over a piece, as soon as there is room; False if nobody reads any more."""
        with self._changed:
            if self._waiting < HIGH_WATER or self.reader_gone:
                self._append(piece)
                return not self.reader_gone
            self._room = anyio.Event()
        await self._room.wait()
        return await self.put(piece)

    def _append(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._waiting += len(piece)
        self._changed.notify()

    def end(self, failure: BaseException | None = None) -> None:
        """Say that all pieces are there, or that the rest will never come: the reader then raises `failure`."""
        with self._changed:
            self._ended = True
            self._failure = failure
            self._changed.notify()

    # The thread's side

    def take(self) -> bytes:
        """Return the next piece, `b""` at the end. Raises what the content raised."""
        with self._changed:
            while not self._pieces and not self._ended:
                self._changed.wait()
            if self._failure is not None:
                raise self._failure
            if not self._pieces:
                return b""
            piece = self._pieces.popleft()
            was_full = self._waiting >= HIGH_WATER
            self._waiting -= len(piece)
        if was_full:
            self._post(self._let_in)
        return piece

    def leave(self) -> None:
        """Say that nobody reads any more, so that the task does not wait for room for ever."""
        with self._changed:
            self.reader_gone = True
        self._post(self._let_in)

    def _let_in(self) -> None:
        self._room.set()


class PipeReader(io.RawIOBase):
    """The reading end: a binary file that blocks until there are bytes."""

    def __init__(self, pipe: Pipe) -> None:
        super().__init__()
        self._pipe = pipe
        self._left: memoryview = memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill `buffer` from the next piece and return the number of bytes, 0 at the end."""
        view = memoryview(buffer).cast("B")
        if view and not self._left:
            self._left = memoryview(self._pipe.take())
        piece = self._left[: len(view)]
        self._left = self._left[len(piece) :]
        view[: len(piece)] = piece
        return len(piece)

    def read(self, size: int | None = -1) -> bytes:
        """Return up to `size` bytes, all that is left for -1 or None, `b""` at the end; fewer may come earlier."""
        if size is None or size < 0:
            return self.readall()
        if size and not self._left:
            self._left = memoryview(self._pipe.take())
        whole, piece = self._left.obj, self._left[:size]
        self._left = self._left[len(piece) :]
        # A piece that fits goes through as it is, and a large `size` costs no buffer of that length.
        return whole if isinstance(whole, bytes) and len(whole) == len(piece) else piece.tobytes()
