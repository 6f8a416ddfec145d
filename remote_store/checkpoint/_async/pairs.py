"""What the two faces of the checkpoint manager do differently, async side."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter
from anyio.lowlevel import checkpoint

from ..._contract._async.content import AsyncContent
from ..._contract.threads import in_thread
from ..._store.opening import open_async_store
from ..generations.configuration import ManagerBase
from ..generations.items import Entry, entries_of

__all__ = ["ManagerFace", "collected", "prepared", "waited", "worked"]

T = TypeVar("T")

CLOSE_SECONDS = 30.0


class ManagerFace(ManagerBase):
    """What only this face has: it works on its caller's loop, and saves in the background on a thread's."""

    _open = staticmethod(open_async_store)

    async def _call(self, function: Callable[..., Awaitable[T]], *args: Any, **options: Any) -> T:
        return await function(*args, **options)

    async def _close_all(self) -> None:
        await in_thread(self._close_portal, CLOSE_SECONDS)
        if self._owned is not None:
            await self._owned.aclose()


async def waited(finished: threading.Event) -> None:
    """Wait until an event is set, which may be by another thread."""
    if not finished.is_set():
        # Left behind when its caller is cancelled: it only waits, and the event will be set.
        await anyio.to_thread.run_sync(finished.wait, abandon_on_cancel=True, limiter=CapacityLimiter(1))
    else:
        await checkpoint()


async def worked(function: Callable[..., T], *args: Any) -> T:
    """Do blocking work in a worker thread."""
    return await in_thread(function, *args)


async def prepared(items: Any) -> list[Entry]:
    """Take apart what is to be saved; that looks at files and may copy from a device."""
    return await in_thread(entries_of, items)


async def collected(entries: list[Entry]) -> list[Entry]:
    """Read streams to their end, so that nothing is left to be taken from the caller."""
    return [await _collected(entry) for entry in entries]


async def _collected(entry: Entry) -> Entry:
    if entry.stream is None:
        return entry
    if entry.size is not None:
        data = await in_thread(entry.stream.read_bytes)
    else:
        content = AsyncContent(entry.stream)
        data = b"".join([piece async for piece in content])
    return replace(entry, size=len(data), view=memoryview(data), stream=None)
