"""The address under which seeds/003 names the async-to-sync adapter."""

from remote_store._bridge.to_sync import AsyncBackendSyncAdapter, _SyncSafeHandleProvider

__all__ = ["AsyncBackendSyncAdapter", "_SyncSafeHandleProvider"]
