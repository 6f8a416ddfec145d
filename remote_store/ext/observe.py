"""Stores that tell what is done with them."""

from remote_store.ext._events import BufferedObserver, StoreEvent, set_correlation_id
from remote_store.ext._sync.observe import ObservedStore, observe

__all__ = ["BufferedObserver", "ObservedStore", "StoreEvent", "observe", "set_correlation_id"]
