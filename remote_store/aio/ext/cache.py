"""Async stores that remember what they have read, for a while."""

from remote_store.ext._async.cache import AsyncCachedStore, cache
from remote_store.ext._caching import CacheBackend, CacheStats, MemoryCache

__all__ = ["AsyncCachedStore", "CacheBackend", "CacheStats", "MemoryCache", "cache"]
