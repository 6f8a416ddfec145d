"""Worker threads for blocking calls, under a limit of our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple, Unpack

import anyio.to_thread
from anyio import CapacityLimiter
from anyio.lowlevel import RunVar

__all__ = ["in_thread"]

T = TypeVar("T")
Args = TypeVarTuple("Args")

MAX_THREADS = 40
"""Blocking calls at a time and event loop: as many as anyio's default limiter has, which stays the application's."""

_limiter: RunVar[CapacityLimiter] = RunVar("remote_store_threads")


async def in_thread(function: Callable[[Unpack[Args]], T], *args: Unpack[Args]) -> T:
    """Run a blocking call in a worker thread and return its result.

    A cancelled caller waits until the call has ended: a thread that holds a file is never left behind.
    """
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(MAX_THREADS)
        _limiter.set(limiter)
    return await anyio.to_thread.run_sync(function, *args, limiter=limiter)
