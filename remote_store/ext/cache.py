"""Stores that remember what they have read, for a while."""

from remote_store.ext._caching import CacheBackend, CacheStats, MemoryCache
from remote_store.ext._sync.cache import CachedStore, cache

__all__ = ["CacheBackend", "CacheStats", "CachedStore", "MemoryCache", "cache"]
