"""Bodies received straight into memory, on asyncio: in aiohttp's place, from its head to its end.

aiohttp hands a body out in `bytes` that it makes of other `bytes`: two copies, fresh memory and a turn of the loop for each
256 KiB. A transport of asyncio can instead fill a buffer that we give it (asyncio.BufferedProtocol). So the protocol of
the connection is exchanged while the rest of a body of known length comes in, and put back for the next answer.
"""

from __future__ import annotations

import asyncio
import select
import sys
from typing import Any

from .pace import too_slow

__all__ = ["BodyReceiver", "taken_over"]

WORTHWHILE = 64 * 1024
"""Bytes still to come below which the exchange costs more than it saves."""


def taken_over(response: Any, left: int) -> BodyReceiver | None:
    """Receive the last `left` bytes of an aiohttp response's body; None where that can't be done, or is not worth it.

    Whatever has come already must have been read from the response.
    """
    connection, content, headers = response.connection, response.content, response.headers
    if left < WORTHWHILE or sys.platform == "win32":  # the proactor's transports don't keep to the buffer's length
        return None
    if connection is None or connection.transport is None or content.is_eof() or "Transfer-Encoding" in headers:
        return None
    if content.total_bytes + left != int(headers.get("Content-Length", -1)):
        return None
    return BodyReceiver(response, left)


class BodyReceiver(asyncio.BufferedProtocol):
    """The protocol of a connection until `left` bytes have arrived. Reading is paused but while `receive` waits."""

    def __init__(self, response: Any, left: int) -> None:
        self.left = left
        self._content = response.content
        self._handler = response.connection.protocol
        self._transport = response.connection.transport
        self._loop = asyncio.get_running_loop()
        self._view = memoryview(b"")
        self._filled = 0
        self._full = False
        self._over = False
        self._begun = self._moved = 0.0
        self._arrived: asyncio.Future[None] | None = None
        self._clock: asyncio.TimerHandle | None = None
        self._handler.pause_reading()  # which also stops its clock for stalls; ours goes on
        self._transport.set_protocol(self)

    async def receive(self, view: memoryview, *, full: bool) -> int:
        """Put the next bytes into `view`: until it is full, or else as many as are there.

        Returns how many: fewer, or 0, at the body's end and if the connection was lost.
        Raises TimeoutError when nothing comes for as long as aiohttp would have waited.
        """
        self._view, self._filled, self._full = view[: self.left], 0, full
        if self._over or not self.left:
            return 0
        self._arrived = self._loop.create_future()
        self._begun = self._moved = self._loop.time()
        self._transport.resume_reading()
        self._watch()
        try:
            await self._arrived
        finally:
            self._transport.pause_reading()
            self._arrived, self._view = None, memoryview(b"")
            self.left -= self._filled
            if self._clock is not None:
                self._clock.cancel()
        return self._filled

    def _watch(self) -> None:
        """End a wait in which nothing has come for too long; else look again when it may have been too long."""
        limit: float | None = self._handler.read_timeout
        if not limit or self._arrived is None:
            return
        due, now = self._moved + limit, self._loop.time()
        if too_slow(now - self._begun, self._filled):
            self._arrived.set_exception(
                TimeoutError(f"the body trickles: {self._filled} bytes in {now - self._begun:.0f} s")
            )
        elif now < due:
            self._clock = self._loop.call_at(due, self._watch)
        elif not self._arrived.done():
            self._arrived.set_exception(TimeoutError(f"no byte of the body within {limit:g} s"))

    def give_back(self) -> None:
        """Let aiohttp have the connection again; after the last byte it goes back to the pool."""
        if self._transport.get_protocol() is self:
            self._transport.set_protocol(self._handler)
        if not self.left:
            if self._more_came():
                self._handler.force_close()  # nobody asked for it, and it must not pass for the next answer
            self._content.feed_eof()

    def _more_came(self) -> bool:
        looking = select.poll()
        looking.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(looking.poll(0))

    # What the transport calls

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where the next bytes go: nothing beyond the body is ever taken."""
        return self._view[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Note that bytes have come."""
        self._filled += nbytes
        self._moved = self._loop.time()
        if not self._full or self._filled == len(self._view):
            self._transport.pause_reading()
            self._wake()

    def eof_received(self) -> None:
        """Note that no more will come."""
        self._over = True
        self._wake()
        self._handler.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone, and tell aiohttp."""
        self._over = True
        self._wake()
        self._handler.connection_lost(exc)

    def pause_writing(self) -> None:
        """Tell aiohttp."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Tell aiohttp."""
        self._handler.resume_writing()

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)
