"""Connections of aiohttp that notice a peer who has stopped reading or sends garbage, and that end when closed."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from aiohttp import ClientPayloadError, ServerTimeoutError
from aiohttp.client_proto import ResponseHandler

__all__ = ["UploadStalled", "mind_stalls"]


class UploadStalled(ServerTimeoutError):
    """Nothing more of a request was taken; what was left of it is never sent, so that it can't have been carried out."""


def mind_stalls(connector: Any) -> None:
    """Have an aiohttp connector make connections that mind stalls. Call it before there are any.

    aiohttp's clock for reads starts when all of a request is sent: one that nobody reads has no limit. And asyncio's
    ``close()`` sends first what is still to be sent: the rest of an upload that was given up would keep its socket for
    as long as nobody reads it, and no session knows of it any more. Whoever reads a body whose chunks turn out to be
    none must be told: aiohttp tells only who waits for the head, and has stopped its clock.
    """
    connector._factory = partial(_Minding, loop=asyncio.get_running_loop())


class _Minding(ResponseHandler):
    _clock: asyncio.TimerHandle | None = None
    _unsent = 0

    def pause_writing(self) -> None:
        """Begin to watch: the transport has more to send than it likes to keep."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """Stop watching."""
        self._stop()
        super().resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop watching."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; where they are no HTTP, tell whoever reads the body."""
        super().data_received(data)
        body, error = self._payload, self.exception()
        if error is not None and body is not None and body.exception() is None:
            body.set_exception(ClientPayloadError(f"The body is not well-formed: {type(error).__name__}"))

    def close(self) -> None:
        """Say farewell where that is possible at once (TLS), and end."""
        self._stop()
        transport = self.transport
        super().close()
        if transport is not None:
            transport.abort()

    def _watch(self) -> None:
        if self.read_timeout and self.transport is not None:
            self._unsent = self.transport.get_write_buffer_size()
            self._clock = self._loop.call_later(self.read_timeout, self._look)

    def _look(self) -> None:
        """Give the request up if nothing has gone out for as long as a read may take; else look again later."""
        if self.transport is None:
            return
        if self.transport.get_write_buffer_size() < self._unsent:
            self._watch()
            return
        self.set_exception(UploadStalled(f"nothing of the upload was taken within {self.read_timeout:g} s"))
        self.transport.abort()  # before the peer goes on after all

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
