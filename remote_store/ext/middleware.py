"""Stores around other stores: read-only, below a prefix, throttled, limited; beside `cache` and `observe`."""

from remote_store._store._sync.middleware import LimitedStore, PrefixedStore, ReadOnlyStore, ThrottledStore
from remote_store.ext._sync.middleware import limit, prefix, read_only, throttle

__all__ = [
    "LimitedStore",
    "PrefixedStore",
    "ReadOnlyStore",
    "ThrottledStore",
    "limit",
    "prefix",
    "read_only",
    "throttle",
]
