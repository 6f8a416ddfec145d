"""The caller's side of transfers: content and chunks stay on the caller's loop, which may be trio's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import anyio

from ..._contract._async.content import AsyncContent
from ..._contract._async.streams import AsyncByteSource
from .reading import Download, Stream
from .writing import Upload

__all__ = ["Calls", "SFTPSource", "written"]

T = TypeVar("T")

BATCH = 2 * 1024 * 1024
"""Bytes taken from the content at a time: one hop between loops, or to a worker thread, serves eight blocks."""
END_SECONDS = 15.0
"""How long the end of a transfer may take once its caller was cancelled."""


class Calls(Protocol):
    """Runs a coroutine function on asyncio, for one path; faults come as our errors."""

    def __call__(self, function: Callable[..., Awaitable[T]], *args: Any) -> Awaitable[T]:
        """Run it."""


async def written(upload: Upload, content: bytes | AsyncContent, run: Calls) -> int:
    """Write all of the content and return its size; after a failure or cancellation nothing is left."""
    try:
        await run(upload.begin)
        if isinstance(content, bytes):
            return await run(_all, upload, content)
        if content.buffer is not None:
            return await run(_all, upload, content.buffer)
        while batch := await content.batch(BATCH):
            await run(upload.send, batch)
            batch.clear()
        return await run(upload.finish)
    except BaseException:
        with anyio.move_on_after(END_SECONDS, shield=True):
            await run(upload.abort)
        raise


async def _all(upload: Upload, content: bytes | memoryview) -> int:
    await upload.send((content,))
    return await upload.finish()


class SFTPSource(AsyncByteSource):
    """A file's chunks as they arrive."""

    def __init__(self, make: Callable[[], Download], run: Calls) -> None:
        self._make = make
        self._run = run
        self._download: Download | None = None
        self._stream: Stream | None = None
        self._chunks: list[bytes] = []
        self._ended = False
        self._cut = False

    @property
    def at_hand(self) -> int:
        """How many of the next chunks are here already."""
        return len(self._chunks)

    async def open(self) -> None:
        """Open the file, unless that has been done."""
        if self._stream is None:
            download = self._make()
            try:
                await self._run(download.open)
            except BaseException:
                download.drop()  # on trio it may be open by the time that a cancelled caller hears of it
                raise
            self._download, self._stream, self.size = download, Stream(download), download.size

    async def __anext__(self) -> bytes:
        if self._cut:
            raise ValueError("a cancelled read has cut this stream short; open it again")
        if not self._chunks:
            if self._ended:
                raise StopAsyncIteration
            await self.open()
            assert self._stream is not None
            try:
                self._chunks = await self._run(self._stream.batch)
            except Exception:
                await self.aclose()
                raise
            except BaseException:
                self._cut = True  # what had come may be lost with the caller: to go on would leave a gap
                self._drop()
                raise
            self._chunks.reverse()
        if not self._chunks:
            await self.aclose()
            raise StopAsyncIteration
        return self._chunks.pop()

    async def aclose(self) -> None:
        """Close the file. Closing twice does nothing."""
        self._ended = True
        self._chunks = []
        download, self._download = self._download, None
        if download is not None:
            with anyio.move_on_after(END_SECONDS, shield=True):
                await self._run(download.close)

    def _drop(self) -> None:
        download, self._download = self._download, None
        if download is not None:
            download.drop()

    def __del__(self) -> None:
        if getattr(self, "_download", None) is not None:
            self._drop()
