"""Async stores that tell what is done with them."""

from remote_store.ext._async.observe import AsyncObservedStore, observe
from remote_store.ext._events import BufferedObserver, StoreEvent, set_correlation_id

__all__ = ["AsyncObservedStore", "BufferedObserver", "StoreEvent", "observe", "set_correlation_id"]
