"""A budget of bytes in memory that all streams of a backend share on one event loop (DECISIONS 30)."""

from __future__ import annotations

from collections import deque

import anyio

__all__ = ["ByteBudget", "Share"]


class ByteBudget:
    """Bytes that may be held at a time. Used on one event loop."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._waiting: deque[tuple[int, anyio.Event]] = deque()

    def share(self) -> Share:
        """Return a stream's account."""
        return Share(self)

    async def _take(self, size: int) -> None:
        if self._left >= size and not self._waiting:
            self._left -= size
            return
        event = anyio.Event()
        entry = (size, event)
        self._waiting.append(entry)
        try:
            await event.wait()
        except BaseException:
            if event.is_set():  # granted, but nobody is there to use it any more
                self._give(size)
            else:
                self._waiting.remove(entry)
                self._grant()
            raise

    def _give(self, size: int) -> None:
        self._left += size
        self._grant()

    def _grant(self) -> None:
        """Serve the first in the queue as long as it fits: in order, so that large ones are not starved."""
        while self._waiting and self._waiting[0][0] <= self._left:
            size, event = self._waiting.popleft()
            self._left -= size
            event.set()


class Share:
    """What one stream holds of a budget. It always gets one piece, so that many streams can't block one another."""

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self._held: list[tuple[int, bool]] = []
        self._pieces = 0

    async def take(self, size: int) -> None:
        """Wait until `size` bytes may be held; the first piece is given at once."""
        if self._pieces == 0:
            self._pieces = 1
            self._held.append((size, False))
            return
        await self._budget._take(size)
        self._pieces += 1
        self._held.append((size, True))

    def give(self, size: int) -> None:
        """Give a piece back that was taken with this size; what counts goes back first."""
        entry = next((held for held in self._held if held == (size, True)), (size, False))
        if entry not in self._held:
            return
        self._held.remove(entry)
        self._pieces -= 1
        if entry[1]:
            self._budget._give(size)

    def close(self) -> None:
        """Give back whatever is held."""
        for size, counted in self._held:
            if counted:
                self._budget._give(size)
        self._held.clear()
        self._pieces = 0
