"""Functions that put a store around another; each takes any store, so that they stack in any order."""

from __future__ import annotations

from ..._store._async.middleware import AsyncLimitedStore, AsyncPrefixedStore, AsyncReadOnlyStore, AsyncThrottledStore
from ..._store._async.store import AsyncStore

__all__ = ["limit", "prefix", "read_only", "throttle"]


def read_only(store: AsyncStore) -> AsyncReadOnlyStore:
    """Return `store` as one that can't be changed, nor says it could; changes raise CapabilityNotSupported."""
    return AsyncReadOnlyStore(store)


def prefix(store: AsyncStore, prefix: str) -> AsyncPrefixedStore:
    """Return the folder `prefix` of `store` as a store of its own; closing it closes `store`.

    Raises InvalidPath for an empty prefix, `..` and NUL.
    """
    return AsyncPrefixedStore(store, prefix)


def throttle(
    store: AsyncStore, *, requests_per_second: float | None = None, bytes_per_second: float | None = None
) -> AsyncThrottledStore:
    """Return `store` as one that is used no faster than so many requests and bytes a second; None is no limit.

    The pace is that of all users of the returned store and its children together. Raises ValueError for a rate that
    is not above 0.
    """
    return AsyncThrottledStore(store, requests_per_second=requests_per_second, bytes_per_second=bytes_per_second)


def limit(store: AsyncStore, max_calls: int) -> AsyncLimitedStore:
    """Return `store` as one with at most `max_calls` calls in flight; others wait for a place.

    Raises ValueError for a number below 1.
    """
    return AsyncLimitedStore(store, max_calls)
