"""What event loop runs in the current thread."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["in_running_loop", "poster"]


def in_running_loop() -> bool:
    """Return whether an asyncio or trio loop runs in this thread; trio is looked at only if somebody imported it."""
    # The underscored form answers None where `get_running_loop` raises, and is as documented.
    if asyncio._get_running_loop() is not None:
        return True
    trio = sys.modules.get("trio.lowlevel")
    ask = getattr(trio, "in_trio_run", None)
    return ask is not None and bool(ask())


def poster() -> Callable[[Callable[[], object]], Any]:
    """Return a function that any thread may call to have a callback run in the loop that runs here now."""
    loop = asyncio._get_running_loop()
    if loop is not None:
        return loop.call_soon_threadsafe
    import trio

    token: Callable[[Callable[[], object]], Any] = trio.lowlevel.current_trio_token().run_sync_soon
    return token
