"""The async backends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remote_store._core.lazy import lazily

if TYPE_CHECKING:
    from remote_store.backends.local.backend import AsyncLocalBackend
    from remote_store.backends.memory.backend import AsyncMemoryBackend

__all__ = ["AsyncLocalBackend", "AsyncMemoryBackend"]

_HOMES = {
    "remote_store.backends.local.backend": ["AsyncLocalBackend"],
    "remote_store.backends.memory.backend": ["AsyncMemoryBackend"],
}

# Hidden from checkers: with a `__getattr__` in sight they would believe in any name.
if not TYPE_CHECKING:
    __getattr__, __dir__ = lazily(__name__, _HOMES)
