"""What cached stores keep their answers in."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

from .._core.errors import InvalidPath
from .._core.keys import ancestors, folder_key, join

__all__ = ["MISSING", "CacheBackend", "CacheStats", "Key", "MemoryCache", "Shelf", "cache_path"]

Key: TypeAlias = tuple[str, ...]
"""The method's name, the path, and what else makes the answer what it is."""

MISSING = object()
"""What `Shelf.get` returns where there is nothing."""

LISTINGS = frozenset({"iter_children", "list_files", "list_folders", "glob", "get_folder_info"})
"""Answers that any change of a file may change."""
BY_PATH = ("exists", "is_file", "is_folder", "read_bytes", "get_file_info")
"""Answers about one path."""


@dataclass(frozen=True)
class CacheStats:
    """How often a cached store had an answer, how often not, and how many answers it holds now."""

    hits: int
    misses: int
    size: int


@runtime_checkable
class CacheBackend(Protocol):
    """Where answers are kept: `MemoryCache`, or an object of your own with these methods, which must be thread-safe.

    Keys are tuples of str whose first item is the method's name. A method `clear_prefixes(frozenset)`, if there is
    one, is called in place of several `clear_prefix`.
    """

    def get(self, key: Key) -> Any:
        """Return a live answer; raise KeyError if there is none."""

    def set(self, key: Key, value: Any, ttl: float) -> None:
        """Keep an answer for `ttl` seconds."""

    def delete(self, key: Key) -> None:
        """Forget an answer, if it is there."""

    def clear(self) -> None:
        """Forget all answers."""

    def clear_prefix(self, prefix: str) -> None:
        """Forget the answers whose key's first item is `prefix`."""

    def size(self) -> int:
        """Return the number of live answers."""


class MemoryCache:
    """Answers in memory. With `max_entries` the one that was used least recently gives way to a new one.

    Raises ValueError for `max_entries` below 1; None means no limit.
    """

    def __init__(self, *, max_entries: int | None = None) -> None:
        if max_entries is not None and max_entries <= 0:
            raise ValueError(f"max_entries must be positive, not {max_entries}")
        self._max_entries = max_entries
        self._entries: OrderedDict[Key, tuple[Any, float]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Any:
        """Return a live answer; raise KeyError if there is none."""
        with self._lock:
            value, expires = self._entries[key]
            if time.monotonic() >= expires:
                del self._entries[key]
                raise KeyError(key)
            self._entries.move_to_end(key)
            return value

    def set(self, key: Key, value: Any, ttl: float) -> None:
        """Keep an answer for `ttl` seconds."""
        with self._lock:
            self._entries[key] = (value, time.monotonic() + ttl)
            self._entries.move_to_end(key)
            if self._max_entries is not None and len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)

    def delete(self, key: Key) -> None:
        """Forget an answer, if it is there."""
        with self._lock:
            self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget all answers."""
        with self._lock:
            self._entries.clear()

    def clear_prefix(self, prefix: str) -> None:
        """Forget the answers whose key's first item is `prefix`."""
        self.clear_prefixes(frozenset({prefix}))

    def clear_prefixes(self, prefixes: frozenset[str]) -> None:
        """Forget the answers whose key's first item is one of `prefixes`, and those that have expired."""
        now = time.monotonic()
        with self._lock:
            gone = [key for key, (_, expires) in self._entries.items() if key[0] in prefixes or expires <= now]
            for key in gone:
                del self._entries[key]

    def size(self) -> int:
        """Return the number of live answers."""
        now = time.monotonic()
        with self._lock:
            return sum(expires > now for _, expires in self._entries.values())


class Shelf:
    """The answers that a cached store and its children share, by the parent's keys.

    An answer that was asked for before a change and comes after it may be old: it is not kept.
    """

    def __init__(self, cache: CacheBackend, ttl: float) -> None:
        self.cache = cache
        self._ttl = ttl
        self._lock = threading.Lock()
        self._changes = 0
        self.hits = 0
        self.misses = 0

    def get(self, key: Key) -> Any:
        """Return an answer, or MISSING, and count which it was."""
        found = self.peek(key)
        with self._lock:
            if found is MISSING:
                self.misses += 1
            else:
                self.hits += 1
        return found

    def peek(self, key: Key) -> Any:
        """Return an answer, or MISSING, without counting."""
        try:
            return self.cache.get(key)
        except KeyError:
            return MISSING

    @property
    def changes(self) -> int:
        """How many changes there have been; to be asked before the question and given to `keep`."""
        return self._changes

    def keep(self, key: Key, value: Any, asked_at: int) -> None:
        """Keep an answer, unless something has changed since it was asked for."""
        if asked_at == self._changes:
            self.cache.set(key, value, self._ttl)
            if asked_at != self._changes:  # a change came in between, on another thread
                self.cache.delete(key)

    def changed(self, path: str) -> None:
        """Forget what a change at `path` may have changed: answers about it and its folders, and all listings."""
        self._count_change()
        for place in [path, *ancestors(path), ""]:
            for method in BY_PATH:
                self.cache.delete((method, place))
        clear_prefixes = getattr(self.cache, "clear_prefixes", None)
        if clear_prefixes is not None:
            clear_prefixes(LISTINGS)
        else:
            for prefix in LISTINGS:
                self.cache.clear_prefix(prefix)

    def clear(self) -> None:
        """Forget everything."""
        self._count_change()
        self.cache.clear()

    def _count_change(self) -> None:
        with self._lock:
            self._changes += 1


def cache_path(prefix: str, path: str) -> str:
    """Return the name by which answers about `path` are kept: that of the outermost cached store.

    Spellings of one key have one name; what is no key keeps its own, for the store to refuse.
    """
    try:
        key = folder_key(path)
    except (InvalidPath, TypeError):
        return path
    return join(prefix, key) if key else prefix
