"""Bodies of answers on their way in, as aiohttp and httpx hand them out."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import Any

from .asyncio_body import BodyReceiver, taken_over
from .quiet import Born, Watched, close_all

__all__ = ["Incoming", "incoming"]

log = logging.getLogger("remote_store.http")

CHUNK = 256 * 1024
"""Bytes of a streamed chunk, at most."""


def incoming(response: Any) -> Incoming:
    """Return the body of a response of aiohttp or httpx."""
    return FromHttpx(response) if hasattr(response, "aiter_raw") else FromAiohttp(response)


class Incoming(ABC):
    """A body. `left` is how many of its bytes have not been handed out, 0 where that is unknown."""

    @abstractmethod
    async def next(self, left: int = 0) -> bytes:
        """Return the next bytes, empty at the end."""

    async def receive(self, view: memoryview, left: int) -> int:
        """Put the next bytes into `view` and return how many, 0 at the end."""
        chunk = self._over or await self.next(left)
        size = min(len(chunk), len(view))
        view[:size] = chunk[:size]
        self._over = chunk[size:]
        return size

    _over: bytes | memoryview = b""

    @abstractmethod
    async def aclose(self, *, ended: bool) -> None:
        """Give the connection back, or drop it if the body has not `ended`."""


class FromAiohttp(Incoming):
    """On asyncio: what came with the head is aiohttp's, the rest is received into memory (`asyncio_body`)."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._receiver: BodyReceiver | None = None
        self._buffer = memoryview(b"")

    async def next(self, left: int = 0) -> bytes:
        """Return the next bytes, empty at the end."""
        early = self._early(left)
        if early:
            return early
        if self._receiver is None:
            return bytes(await self._response.content.readany())
        if not self._buffer:
            self._buffer = memoryview(bytearray(min(CHUNK, left)))
        return bytes(self._buffer[: await self._received(self._buffer, full=False)])

    async def receive(self, view: memoryview, left: int) -> int:
        """Put the next bytes into `view` and return how many, 0 at the end."""
        if self._over:
            return await super().receive(view, left)
        self._over = self._early(left)
        if self._over or self._receiver is None:
            return await super().receive(view, left)
        return await self._received(view, full=True)

    def _early(self, left: int) -> bytes:
        """Return what aiohttp has got already; once there is nothing, take the connection over."""
        if self._receiver is None:
            early: bytes = self._response.content.read_nowait()
            if early:
                return early
            self._receiver = taken_over(self._response, left)
        return b""

    async def _received(self, view: memoryview, *, full: bool) -> int:
        assert self._receiver is not None
        size = await self._receiver.receive(view, full=full)
        if not self._receiver.left:
            self._receiver.give_back()
        return size

    async def aclose(self, *, ended: bool) -> None:
        """Give the connection back, or drop it if the body has not `ended`."""
        if self._receiver is not None:
            self._receiver.give_back()
        if ended:
            self._response.release()
        else:
            self._response.close()


class FromHttpx(Incoming):
    """On trio: httpx hands out chunks, through generators that must be closed in time (`quiet`)."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._chunks: Any = None
        self._born: Born = []

    async def next(self, left: int = 0) -> bytes:
        """Return the next bytes, empty at the end."""
        return await Watched(self._next(), self._born)

    async def _next(self) -> bytes:
        if self._chunks is None:
            self._chunks = self._response.aiter_raw()
        async for chunk in self._chunks:
            if chunk:
                return bytes(chunk)
        return b""

    async def aclose(self, *, ended: bool) -> None:
        """Give the connection back, or drop it if the body has not `ended`."""
        if self._chunks is not None:
            if ended:
                await Watched(self._finish(), self._born)
            await close_all(self._born)
        await self._response.aclose()

    async def _finish(self) -> None:
        """Read the end of a body whose bytes are all here, or httpx would close its connection."""
        try:
            async for _ in self._chunks:
                pass
        except Exception as error:  # noqa: BLE001  # the bytes are here; the connection is the pool's business
            log.debug("the end of a body raised %r", error)
