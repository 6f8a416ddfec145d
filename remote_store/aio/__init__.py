"""The async face, for asyncio and trio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remote_store._core.lazy import installed, lazily

if TYPE_CHECKING:
    from remote_store._bridge.to_async import SyncBackendAdapter
    from remote_store._contract._async.backend import AsyncBackend
    from remote_store._contract._async.content import AsyncWritableContent
    from remote_store._contract._async.streams import AsyncReadStream
    from remote_store._store._async.proxy import AsyncProxyStore
    from remote_store._store._async.registry import AsyncRegistry
    from remote_store._store._async.store import AsyncStore
    from remote_store._store.opening import open_async_store
    from remote_store.backends.azure.backend import AsyncAzureBackend
    from remote_store.backends.local.backend import AsyncLocalBackend
    from remote_store.backends.memory.backend import AsyncMemoryBackend

__all__ = [
    "AsyncStore",
    "AsyncProxyStore",
    "AsyncRegistry",
    "open_async_store",
    "AsyncBackend",
    "AsyncLocalBackend",
    "AsyncMemoryBackend",
    "SyncBackendAdapter",
    "AsyncReadStream",
    "AsyncWritableContent",
]
if installed("azure.storage.blob"):
    __all__ += ["AsyncAzureBackend"]

_HOMES = {
    "remote_store.backends.azure.backend": ["AsyncAzureBackend"],
    "remote_store._store._async.store": ["AsyncStore"],
    "remote_store._store._async.proxy": ["AsyncProxyStore"],
    "remote_store._store._async.registry": ["AsyncRegistry"],
    "remote_store._store.opening": ["open_async_store"],
    "remote_store._contract._async.backend": ["AsyncBackend"],
    "remote_store.backends.local.backend": ["AsyncLocalBackend"],
    "remote_store.backends.memory.backend": ["AsyncMemoryBackend"],
    "remote_store._bridge.to_async": ["SyncBackendAdapter"],
    "remote_store._contract._async.streams": ["AsyncReadStream"],
    "remote_store._contract._async.content": ["AsyncWritableContent"],
}

# Hidden from checkers: with a `__getattr__` in sight they would believe in any name.
if not TYPE_CHECKING:
    __getattr__, __dir__ = lazily(__name__, _HOMES, rooms=("backends", "ext"))
