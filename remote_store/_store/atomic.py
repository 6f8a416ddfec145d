"""The file that an async `open_atomic` hands out: what is written to it flows into one atomic write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio

from .._contract._sync.content import Content

__all__ = ["AsyncAtomicFile"]


class _AbandonedError(Exception):
    """Ends the content of a write that must not be committed."""


class AsyncAtomicFile:
    """A file being written. It appears under its name when the block that opened it ends without an exception.

    Bytes go straight to the backend's own streamed write, one piece at a time: nothing is spooled.
    """

    def __init__(self, put: Callable[[AsyncIterator[bytes]], Awaitable[Any]]) -> None:
        self._put = put
        self._sender, self._receiver = anyio.create_memory_object_stream[bytes](0)
        self._written = 0
        self._abandoned = False
        self._failure: Exception | None = None
        self._ended = anyio.Event()

    async def write(self, data: bytes | bytearray | memoryview) -> int:
        """Write `data` and return its size in bytes. Raises the write's own error, such as AlreadyExists.

        Raises TypeError for text, and ValueError after the block has ended.
        """
        piece = bytes(Content.piece(data, "write()"))
        self._check()
        try:
            if piece:
                await self._sender.send(piece)
        except anyio.BrokenResourceError:
            # The backend gave up in the middle; its reason is set as soon as its write has returned.
            await self._ended.wait()
            self._check()
            raise ValueError("I/O operation on a file whose write has ended") from None
        except anyio.ClosedResourceError:
            raise ValueError("I/O operation on closed file") from None
        self._written += len(piece)
        return len(piece)

    def tell(self) -> int:
        """Return the number of bytes written so far."""
        return self._written

    async def _run(self) -> None:
        """Run the backend's write, fed by `write`; keep its error for whoever waits."""
        try:
            await self._put(_Pieces(self))
        except _AbandonedError:
            return
        except Exception as error:  # noqa: BLE001  # raised by whoever waits
            if not self._abandoned:
                self._failure = error
        finally:
            self._receiver.close()
            self._ended.set()

    def _abandon(self) -> None:
        self._abandoned = True
        self._sender.close()

    async def _finish(self) -> None:
        self._sender.close()
        await self._ended.wait()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure


class _Pieces(AsyncIterator[bytes]):
    def __init__(self, file: AsyncAtomicFile) -> None:
        self._file = file

    async def __anext__(self) -> bytes:
        try:
            return await self._file._receiver.receive()
        except anyio.EndOfStream:
            if self._file._abandoned:
                raise _AbandonedError from None
            raise StopAsyncIteration from None
