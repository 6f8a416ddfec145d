"""Bodies on their way in and out: so many at a time that memory is bounded, each given up when its client stalls."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass

import anyio
from anyio.lowlevel import checkpoint
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from remote_store import FileInfo
from remote_store.aio import AsyncStore

MIB = 1024 * 1024
HELD = 16 * MIB
"""The most that one transfer holds: a stream of a local file reads 8 MiB ahead, and the last ones are on their way."""
SENT = 128 * 1024
"""What is sent at a time: a server that is handed a mebibyte is busy with it while others wait."""
PIECE = MIB
"""What is read at a time of a range that begins inside a file."""
STALL_SECONDS = 60.0
"""A client that takes or gives nothing for so long would keep others waiting."""


class Stalled(Exception):
    """A client gave nothing for too long."""


class Transfers:
    """Turns for transfers, so that all together hold at most `budget` bytes."""

    def __init__(self, budget: int) -> None:
        self._turns = anyio.Semaphore(max(1, budget // HELD))
        self.running = 0
        """Transfers that have their turn."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and have it in the block."""
        async with self._turns:
            self.running += 1
            try:
                yield
            finally:
                self.running -= 1

    async def body(self, request: Request) -> AsyncGenerator[bytes, None]:
        """Yield a request's body; raise ClientDisconnect if the client goes away before its end."""
        async with aclosing(request.stream()) as pieces:
            while True:
                piece: bytes | None = None
                with anyio.move_on_after(STALL_SECONDS) as scope:
                    piece = await anext(pieces, None)
                if scope.cancelled_caught:
                    raise Stalled
                if piece is None:
                    return
                yield piece


@dataclass
class Download:
    """The response that sends a file or a range of it. What it opens it closes, also when the client goes away."""

    store: AsyncStore
    key: str
    info: FileInfo
    start: int
    stop: int
    status: int
    headers: dict[str, str]
    transfers: Transfers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with self.transfers.turn(), self._pieces() as pieces, anyio.create_task_group() as group:
            group.start_soon(self._listen, receive, group.cancel_scope)
            await self._send(pieces, send)
            group.cancel_scope.cancel()

    async def _listen(self, receive: Receive, sending: anyio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        sending.cancel()

    async def _send(self, pieces: AsyncIterator[bytes], send: Send) -> None:
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        left = self.stop - self.start
        async for piece in pieces:
            for at in range(0, len(piece), SENT):
                body = piece[at : min(at + SENT, at + left)]
                left -= len(body)
                with anyio.fail_after(STALL_SECONDS):
                    await send({"type": "http.response.body", "body": body, "more_body": left > 0})
                if not left:
                    return
                await (
                    checkpoint()
                )  # a client that takes everything at once never makes us wait, and others must have a turn
        if left or self.start == self.stop:
            await self._end(left, send)

    async def _end(self, left: int, send: Send) -> None:
        if left:
            raise RuntimeError(f"{self.key!r} ended {left} bytes early")  # the server drops the connection
        await send({"type": "http.response.body", "body": b""})

    def _pieces(self) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self._opened() if self.start == 0 else aclosing(self._ranges())

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[AsyncIterator[bytes]]:
        """Read from the beginning: one stream, which never mixes two versions."""
        async with self.store.read(self.key) as stream:
            if stream.etag != self.info.etag:
                raise HTTPException(503, f"{self.key!r} was replaced while it was opened", {"Retry-After": "0"})
            yield stream

    async def _ranges(self) -> AsyncGenerator[bytes, None]:
        """Read from inside, a piece at a time, each of the version that was promised."""
        for start in range(self.start, self.stop, PIECE):
            (piece,) = await self.store.read_ranges(self.key, [(start, min(self.stop, start + PIECE))])
            if (await self.store.get_file_info(self.key)).etag != self.info.etag:
                raise RuntimeError(f"{self.key!r} was replaced while it was sent")
            yield piece
