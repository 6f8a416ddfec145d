"""Copies of a state that is saved in the background, in memory that is kept warm for the next save."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from .items import Entry

__all__ = ["Arena", "Pool", "staged", "staged_size"]

STEP = 64
"""Bytes: copies begin at a cache line."""
SLICE = 16 << 20
"""Bytes copied at a time: other threads get the interpreter in between."""


class Arena:
    """Memory for one staged state."""

    def __init__(self, size: int) -> None:
        self.memory = memoryview(bytearray(size))


class Pool:
    """Arenas, taken and given back by any thread. A fresh one costs a page fault every 4 KiB, a warm one nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[Arena] = []

    def take(self, size: int) -> Arena:
        """Return an arena of at least `size` bytes: a warm one that fits, else a new one in place of all others."""
        with self._lock:
            fitting = [arena for arena in self._free if size <= len(arena.memory)]
            if fitting:
                best = min(fitting, key=lambda arena: len(arena.memory))
                self._free.remove(best)
                return best
            self._free.clear()
        return Arena(size)

    def give(self, arena: Arena) -> None:
        """Take an arena back."""
        with self._lock:
            self._free.append(arena)


def staged_size(entries: Sequence[Entry]) -> int:
    """Return the bytes of an arena for entries, none of which may be a stream of unknown size."""
    return sum(_rounded(entry.size or 0) for entry in entries)


def _rounded(size: int) -> int:
    return -(-size // STEP) * STEP


def staged(entries: Sequence[Entry], arena: Arena) -> list[Entry]:
    """Copy all that entries hold into an arena, and return entries over the copies."""
    copies: list[Entry] = []
    at = 0
    for entry in entries:
        source = entry.view if entry.load is None else memoryview(entry.load())
        assert source is not None
        size = len(source)
        if size > _rounded(entry.size or 0):
            view = memoryview(bytes(source))  # a file that has grown since it was looked at
        else:
            view = arena.memory[at : at + size]
            for start in range(0, size, SLICE):
                view[start : start + SLICE] = source[start : start + SLICE]
        at += _rounded(entry.size or 0)
        copies.append(replace(entry, size=size, view=view, load=None, owner=None))
    return copies
