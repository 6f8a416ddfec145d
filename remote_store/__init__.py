"""remote_store: one store for async services, blocking scripts and checkpoint writers.

The blocking face, with what both faces share; the async face is `remote_store.aio`. Every name is loaded when it is
first asked for, so that importing the package costs next to nothing and loads no SDK.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from remote_store._core.lazy import lazily
from remote_store._core.version import __version__

if TYPE_CHECKING:
    from remote_store._bridge.to_sync import AsyncBackendSyncAdapter
    from remote_store._contract._sync.backend import Backend
    from remote_store._core.capability import Capability, CapabilitySet
    from remote_store._core.config import BackendConfig, RegistryConfig, StoreProfile, resolve_env
    from remote_store._core.errors import (
        AlreadyExists,
        BackendClosed,
        BackendUnavailable,
        CapabilityNotSupported,
        DirectoryNotEmpty,
        HostKeyMismatch,
        IntegrityError,
        InvalidConfig,
        InvalidPath,
        NoSpace,
        NotFound,
        OutcomeUnknown,
        PermissionDenied,
        PreconditionFailed,
        RemoteStoreError,
        ResourceLocked,
        TimeoutExceeded,
        UnexpectedResponse,
    )
    from remote_store._core.keys import RemotePath
    from remote_store._core.models import (
        ContentDigest,
        FileInfo,
        FolderEntry,
        FolderInfo,
        PathEntry,
        ResolutionPlan,
        WriteResult,
    )
    from remote_store._core.options import WriteOptions
    from remote_store._core.retry import RetryPolicy
    from remote_store._core.secret import Secret, SecretRedactionFilter
    from remote_store._store._sync.proxy import ProxyStore
    from remote_store._store._sync.registry import Registry
    from remote_store._store._sync.store import Store
    from remote_store._store.info import BackendInfo, ExtensionInfo, InfoResult, info
    from remote_store._store.opening import open_async_store, open_store
    from remote_store._store.plugins import register_backend
    from remote_store.ext.batch import BatchResult, batch_copy, batch_delete, batch_exists
    from remote_store.ext.cache import CacheBackend, CachedStore, CacheStats, MemoryCache, cache
    from remote_store.ext.glob import glob_files
    from remote_store.ext.integrity import checksum, content_digest, verify, verify_hex
    from remote_store.ext.observe import BufferedObserver, ObservedStore, StoreEvent, observe, set_correlation_id
    from remote_store.ext.partition import ParsedPartition, parse_partition, partition_path
    from remote_store.ext.streams import (
        ChecksumReader,
        ChecksumWriter,
        ProgressReader,
        ProgressWriter,
        read_with_progress,
    )
    from remote_store.ext.transfer import download, transfer, upload
    from remote_store.ext.write import HashingAtomicWriter, open_atomic_with_hash, write_with_hash

__all__ = [
    "Store",
    "ProxyStore",
    "Registry",
    "open_async_store",
    "open_store",
    "register_backend",
    "BackendInfo",
    "ExtensionInfo",
    "InfoResult",
    "info",
    "Backend",
    "AsyncBackendSyncAdapter",
    "Capability",
    "CapabilitySet",
    "BackendConfig",
    "RegistryConfig",
    "StoreProfile",
    "resolve_env",
    "AlreadyExists",
    "BackendClosed",
    "BackendUnavailable",
    "CapabilityNotSupported",
    "DirectoryNotEmpty",
    "HostKeyMismatch",
    "IntegrityError",
    "InvalidConfig",
    "InvalidPath",
    "NoSpace",
    "NotFound",
    "OutcomeUnknown",
    "PermissionDenied",
    "PreconditionFailed",
    "RemoteStoreError",
    "ResourceLocked",
    "TimeoutExceeded",
    "UnexpectedResponse",
    "RemotePath",
    "ContentDigest",
    "FileInfo",
    "FolderEntry",
    "FolderInfo",
    "PathEntry",
    "ResolutionPlan",
    "WriteResult",
    "WriteOptions",
    "RetryPolicy",
    "Secret",
    "SecretRedactionFilter",
    "BatchResult",
    "batch_copy",
    "batch_delete",
    "batch_exists",
    "CacheBackend",
    "CacheStats",
    "CachedStore",
    "MemoryCache",
    "cache",
    "glob_files",
    "checksum",
    "content_digest",
    "verify",
    "verify_hex",
    "BufferedObserver",
    "ObservedStore",
    "StoreEvent",
    "observe",
    "set_correlation_id",
    "ParsedPartition",
    "parse_partition",
    "partition_path",
    "ChecksumReader",
    "ChecksumWriter",
    "ProgressReader",
    "ProgressWriter",
    "read_with_progress",
    "download",
    "transfer",
    "upload",
    "HashingAtomicWriter",
    "open_atomic_with_hash",
    "write_with_hash",
    "__version__",
]

_HOMES = {
    "remote_store._store._sync.store": ["Store"],
    "remote_store._store._sync.proxy": ["ProxyStore"],
    "remote_store._store._sync.registry": ["Registry"],
    "remote_store._store.opening": ["open_async_store", "open_store"],
    "remote_store._store.plugins": ["register_backend"],
    "remote_store._store.info": ["BackendInfo", "ExtensionInfo", "InfoResult", "info"],
    "remote_store._contract._sync.backend": ["Backend"],
    "remote_store._bridge.to_sync": ["AsyncBackendSyncAdapter"],
    "remote_store._core.capability": ["Capability", "CapabilitySet"],
    "remote_store._core.config": ["BackendConfig", "RegistryConfig", "StoreProfile", "resolve_env"],
    "remote_store._core.errors": [
        "AlreadyExists",
        "BackendClosed",
        "BackendUnavailable",
        "CapabilityNotSupported",
        "DirectoryNotEmpty",
        "HostKeyMismatch",
        "IntegrityError",
        "InvalidConfig",
        "InvalidPath",
        "NoSpace",
        "NotFound",
        "OutcomeUnknown",
        "PermissionDenied",
        "PreconditionFailed",
        "RemoteStoreError",
        "ResourceLocked",
        "TimeoutExceeded",
        "UnexpectedResponse",
    ],
    "remote_store._core.keys": ["RemotePath"],
    "remote_store._core.models": [
        "ContentDigest",
        "FileInfo",
        "FolderEntry",
        "FolderInfo",
        "PathEntry",
        "ResolutionPlan",
        "WriteResult",
    ],
    "remote_store._core.options": ["WriteOptions"],
    "remote_store._core.retry": ["RetryPolicy"],
    "remote_store._core.secret": ["Secret", "SecretRedactionFilter"],
    "remote_store.ext.batch": ["BatchResult", "batch_copy", "batch_delete", "batch_exists"],
    "remote_store.ext.cache": ["CacheBackend", "CacheStats", "CachedStore", "MemoryCache", "cache"],
    "remote_store.ext.glob": ["glob_files"],
    "remote_store.ext.integrity": ["checksum", "content_digest", "verify", "verify_hex"],
    "remote_store.ext.observe": ["BufferedObserver", "ObservedStore", "StoreEvent", "observe", "set_correlation_id"],
    "remote_store.ext.partition": ["ParsedPartition", "parse_partition", "partition_path"],
    "remote_store.ext.streams": [
        "ChecksumReader",
        "ChecksumWriter",
        "ProgressReader",
        "ProgressWriter",
        "read_with_progress",
    ],
    "remote_store.ext.transfer": ["download", "transfer", "upload"],
    "remote_store.ext.write": ["HashingAtomicWriter", "open_atomic_with_hash", "write_with_hash"],
}

# Hidden from checkers: with a `__getattr__` in sight they would believe in any name.
if not TYPE_CHECKING:
    __getattr__, __dir__ = lazily(__name__, _HOMES, rooms=("aio", "backends", "checkpoint", "ext", "testing"))

# A library stays silent until the application configures logging (CONTRACT 146).
logging.getLogger("remote_store").addHandler(logging.NullHandler())
