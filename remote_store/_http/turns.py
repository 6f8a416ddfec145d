"""Turns: how many requests are in flight, and how many of them begin in one pass of the event loop."""

from __future__ import annotations

import anyio
from anyio.lowlevel import checkpoint

__all__ = ["Turns"]


class Turns:
    """At most `limit` holders at a time, of which `per_pass` begin in one pass of the loop.

    Preparing a request (parameters, signature) is computation that nobody can interrupt. A thousand tasks that begin
    together would stall the loop for as many times that; here the others wait for later passes, between which answers
    and timers have theirs. Used on one event loop.
    """

    def __init__(self, limit: int, per_pass: int) -> None:
        self._slots = anyio.Semaphore(limit)
        self._per_pass = per_pass
        self._begun = 0
        self._pass = 0

    async def take(self) -> None:
        """Wait for a turn; it is given back by `give`, in any case."""
        try:
            self._slots.acquire_nowait()  # without a turn of the loop, which costs a tenth of a small request
        except anyio.WouldBlock:
            await self._slots.acquire()
        if self._begun >= self._per_pass:
            try:
                await self._later()
            except BaseException:
                self._slots.release()
                raise
        self._begun += 1

    async def _later(self) -> None:
        """Wait for a pass in which there is room. The first that wakes in a new pass notes that it is one."""
        while self._begun >= self._per_pass:
            seen = self._pass
            await checkpoint()
            if self._pass == seen:
                self._pass += 1
                self._begun = 0

    def give(self) -> None:
        """Give a turn back."""
        self._slots.release()
