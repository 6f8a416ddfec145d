"""Running the async half for a blocking caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from .._bridge.portal import LoopThread

__all__ = ["run"]

T = TypeVar("T")

END_SECONDS = 30.0
"""How long to wait for the loop's end: what was cancelled may be in the middle of a disk's fsync."""


def run(function: Callable[..., Awaitable[T]], *args: object) -> T:
    """Run a coroutine function on an event loop thread of its own, made and ended here.

    It works in any thread, in one with a running loop too, which it blocks. An interrupted caller (Ctrl-C) has the
    coroutine cancelled and waits for it.
    """
    thread = LoopThread("checkpoint")
    try:
        return thread.call(function, *args)
    finally:
        thread.close(None, END_SECONDS)
