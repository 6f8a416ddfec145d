"""The async backends."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from remote_store._core.lazy import lazily

if TYPE_CHECKING:
    from remote_store.backends.local.backend import AsyncLocalBackend
    from remote_store.backends.memory.backend import AsyncMemoryBackend
    from remote_store.backends.s3.backend import AsyncS3Backend
    from remote_store.backends.sftp.backend import AsyncSFTPBackend

__all__ = ["AsyncLocalBackend", "AsyncMemoryBackend"]  # with an SDK, its backend too
if find_spec("aiobotocore") is not None:
    __all__ += ["AsyncS3Backend"]
if find_spec("asyncssh") is not None:
    __all__ += ["AsyncSFTPBackend"]

_HOMES = {
    "remote_store.backends.local.backend": ["AsyncLocalBackend"],
    "remote_store.backends.memory.backend": ["AsyncMemoryBackend"],
    "remote_store.backends.s3.backend": ["AsyncS3Backend"],
    "remote_store.backends.sftp.backend": ["AsyncSFTPBackend"],
}

# Hidden from checkers: with a `__getattr__` in sight they would believe in any name.
if not TYPE_CHECKING:
    __getattr__, __dir__ = lazily(__name__, _HOMES)
