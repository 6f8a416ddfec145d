# Generated from remote_store/ext/_async/middleware.py by tools/gen_sync.py. Edit that file.
"""Functions that put a store around another; each takes any store, so that they stack in any order."""

from __future__ import annotations

from ..._store._sync.middleware import LimitedStore, PrefixedStore, ReadOnlyStore, ThrottledStore
from ..._store._sync.store import Store

__all__ = ["limit", "prefix", "read_only", "throttle"]


def read_only(store: Store) -> ReadOnlyStore:
    """Return `store` as one that can't be changed, nor says it could; changes raise CapabilityNotSupported."""
    return ReadOnlyStore(store)


def prefix(store: Store, prefix: str) -> PrefixedStore:
    """Return the folder `prefix` of `store` as a store of its own; closing it closes `store`.

    Raises InvalidPath for an empty prefix, `..` and NUL.
    """
    return PrefixedStore(store, prefix)


def throttle(
    store: Store, *, requests_per_second: float | None = None, bytes_per_second: float | None = None
) -> ThrottledStore:
    """Return `store` as one that is used no faster than so many requests and bytes a second; None is no limit.

    The pace is that of all users of the returned store and its children together. Raises ValueError for a rate that
    is not above 0.
    """
    return ThrottledStore(store, requests_per_second=requests_per_second, bytes_per_second=bytes_per_second)


def limit(store: Store, max_calls: int) -> LimitedStore:
    """Return `store` as one with at most `max_calls` calls in flight; others wait for a place.

    Raises ValueError for a number below 1.
    """
    return LimitedStore(store, max_calls)
