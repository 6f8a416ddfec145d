"""Async stores around other stores: read-only, below a prefix, throttled, limited; beside `cache` and `observe`."""

from remote_store._store._async.middleware import (
    AsyncLimitedStore,
    AsyncPrefixedStore,
    AsyncReadOnlyStore,
    AsyncThrottledStore,
)
from remote_store.ext._async.middleware import limit, prefix, read_only, throttle

__all__ = [
    "AsyncLimitedStore",
    "AsyncPrefixedStore",
    "AsyncReadOnlyStore",
    "AsyncThrottledStore",
    "limit",
    "prefix",
    "read_only",
    "throttle",
]
