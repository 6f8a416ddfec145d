"""Bodies of requests as both HTTP libraries send them well."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from anyio.lowlevel import checkpoint

__all__ = ["Outgoing", "body_of"]

SLICE = 256 * 1024
"""Bytes handed to the transport at a time: below, calls cost more than the copy; above, aiohttp copies."""
SMALL = 64 * 1024
"""Up to this size plain bytes are as good as anything."""


def body_of(buffers: Sequence[memoryview], size: int) -> bytes | Outgoing:
    """Return what to give the transport as a body, beside a Content-Length."""
    return b"".join(buffers) if size <= SMALL else Outgoing(buffers)


class Outgoing:
    """Buffers as an async iterable: never copied as a whole, and sent again from the start when it is asked again."""

    def __init__(self, buffers: Sequence[memoryview]) -> None:
        self._buffers = buffers

    async def __aiter__(self) -> AsyncIterator[memoryview]:
        for buffer in self._buffers:
            for start in range(0, len(buffer), SLICE):
                yield buffer[start : start + SLICE]
                await checkpoint()
