"""The store that a manager works on: opened by its URL, or taken as it is, durable on a local disk."""

from __future__ import annotations

import os
from typing import Any

from ..._bridge.twins import original_of
from ..._core.urls import parse_url
from ..._store._async.store import AsyncStore
from ..._store._sync.store import Store
from ...backends.local.backend import AsyncLocalBackend

__all__ = ["durable", "durable_options"]


def durable_options(url: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a URL is opened with: fsync for a local path, unless the URL says otherwise (DECISIONS 12)."""
    text = os.fspath(url)
    if text.startswith("profile:"):
        return {}
    parsed = parse_url(text)
    return {"fsync": True} if parsed.scheme == "file" and "fsync" not in parsed.options else {}


def durable(store: Any) -> Any:
    """Return a store as it is, or one over the same local folder that writes with fsync.

    That is done only where nothing tells them apart: for our own stores over a local backend that nobody has changed.
    A checkpoint that was committed then survives a power failure (DECISIONS 12).
    """
    if type(store) not in (AsyncStore, Store):
        return store
    backend = store._backend if type(store) is AsyncStore else original_of(store._backend)
    if type(backend) is not AsyncLocalBackend or vars(backend).keys() != {"_files"} or backend._files.fsync:
        return store
    root = store._root
    return AsyncStore(AsyncLocalBackend(backend._files.root.path, fsync=True), root)
