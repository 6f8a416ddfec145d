"""The async backends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remote_store._core.lazy import installed, lazily

if TYPE_CHECKING:
    from remote_store.backends.azure.backend import AsyncAzureBackend
    from remote_store.backends.http.backend import AsyncReadOnlyHttpBackend
    from remote_store.backends.local.backend import AsyncLocalBackend
    from remote_store.backends.memory.backend import AsyncMemoryBackend
    from remote_store.backends.s3.backend import AsyncS3Backend
    from remote_store.backends.sftp.backend import AsyncSFTPBackend

__all__ = ["AsyncLocalBackend", "AsyncMemoryBackend", "AsyncReadOnlyHttpBackend"]  # with an SDK, its backend too
if installed("aiobotocore"):
    __all__ += ["AsyncS3Backend"]
if installed("asyncssh"):
    __all__ += ["AsyncSFTPBackend"]
if installed("azure.storage.blob"):
    __all__ += ["AsyncAzureBackend"]

_HOMES = {
    "remote_store.backends.azure.backend": ["AsyncAzureBackend"],
    "remote_store.backends.http.backend": ["AsyncReadOnlyHttpBackend"],
    "remote_store.backends.local.backend": ["AsyncLocalBackend"],
    "remote_store.backends.memory.backend": ["AsyncMemoryBackend"],
    "remote_store.backends.s3.backend": ["AsyncS3Backend"],
    "remote_store.backends.sftp.backend": ["AsyncSFTPBackend"],
}

# Hidden from checkers: with a `__getattr__` in sight they would believe in any name.
if not TYPE_CHECKING:
    __getattr__, __dir__ = lazily(__name__, _HOMES)
