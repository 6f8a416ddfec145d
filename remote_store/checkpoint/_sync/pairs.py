"""What the two faces of the checkpoint manager do differently, sync side."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from ..._contract._sync.content import Content
from ..._store.opening import open_store
from ..generations.configuration import ManagerBase
from ..generations.items import Entry, entries_of

__all__ = ["ManagerFace", "collected", "prepared", "waited", "worked"]

T = TypeVar("T")

CLOSE_SECONDS = 30.0
WAKE_SECONDS = 0.5
"""A thread blocked in a lock sees no asynchronous exception (a watchdog's timeout), so it looks up this often."""


class ManagerFace(ManagerBase):
    """What only this face has: all of it runs on a loop thread of its own."""

    _open = staticmethod(open_store)

    def _call(self, function: Callable[..., Awaitable[T]], *args: Any, **options: Any) -> T:
        return self._portal.loop_thread().call(function, *args, **options)

    def _close_all(self) -> None:
        self._close_portal(CLOSE_SECONDS)
        if self._owned is not None:
            self._owned.close()


def waited(finished: threading.Event) -> None:
    """Wait until an event is set by another thread."""
    while not finished.wait(WAKE_SECONDS):
        pass


def worked(function: Callable[..., T], *args: Any) -> T:
    """Do blocking work here and now."""
    return function(*args)


def prepared(items: Any) -> list[Entry]:
    """Take apart what is to be saved. Raises TypeError for an async iterator among it."""
    if isinstance(items, Mapping):
        for name, value in items.items():
            if hasattr(value, "__aiter__"):
                raise TypeError(f"item {name!r} is an async iterator; the sync manager takes iterators and files")
    return entries_of(items)


def collected(entries: list[Entry]) -> list[Entry]:
    """Read streams to their end, so that nothing is left to be taken from the caller."""
    return [_collected(entry) for entry in entries]


def _collected(entry: Entry) -> Entry:
    if entry.stream is None:
        return entry
    data = entry.stream.read_bytes() if entry.size is not None else Content(entry.stream).read()
    return replace(entry, size=len(data), view=memoryview(data), stream=None)
