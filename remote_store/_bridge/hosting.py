"""Running what needs asyncio: on the caller's own loop where that is asyncio, on a thread with such a loop on trio."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from .._contract.threads import in_thread
from .portal import CANCEL_SECONDS, LoopThread, Portal
from .running import poster

__all__ = ["AsyncioHost", "on_trio"]

T = TypeVar("T")

CLOSE_SECONDS = 10.0
"""How long the thread may take to end."""


def on_trio() -> bool:
    """Return whether the caller is a task of trio; trio is looked at only if somebody imported it."""
    trio = sys.modules.get("trio")
    return trio is not None and bool(trio.lowlevel.in_trio_task())


class AsyncioHost:
    """Runs coroutine functions for one owner. The thread is started at the first call from trio, after a fork anew.

    A cancelled caller cancels what runs for it, and waits for its end, up to 5 s.
    """

    def __init__(self, owner: str) -> None:
        self._portal = Portal(owner)

    async def run(self, function: Callable[..., Awaitable[T]], *args: object) -> T:
        """Run a coroutine function on asyncio and return its result; its exception arrives as the same object."""
        if not on_trio():
            return await function(*args)
        return await _across(self._portal.loop_thread(), function, args)

    async def close(self, finish: Callable[[], Awaitable[None]]) -> None:
        """Run `finish` wherever calls were run, and end the thread if there is one. It can be used again."""
        if not on_trio():
            await finish()
        if self._portal.started:
            await in_thread(lambda: self._portal.close(finish, CLOSE_SECONDS, for_good=False))


async def _across(thread: LoopThread, function: Callable[..., Awaitable[T]], args: tuple[object, ...]) -> T:
    done = anyio.Event()
    post = poster()

    def finished() -> None:
        try:
            post(done.set)
        except RuntimeError:
            pass  # the caller's loop has ended, and with it the caller

    call = thread.begin(function, args, finished)
    try:
        await done.wait()
    except anyio.get_cancelled_exc_class():
        thread.post(call.cancel)
        with anyio.move_on_after(CANCEL_SECONDS, shield=True):
            await done.wait()
        thread.forget(call)
        raise
    return thread.outcome(call)  # type: ignore[no-any-return]
