"""Which stores are the same."""

from __future__ import annotations

from pathlib import Path

from remote_store import AsyncBackendSyncAdapter, Store
from remote_store.aio import AsyncMemoryBackend, AsyncStore, SyncBackendAdapter
from remote_store.backends import LocalBackend


class Mine(LocalBackend):
    """A backend that is no generated twin, so that AsyncStore wraps it anew each time."""


def test_two_async_stores_on_one_blocking_backend_are_the_same(tmp_path: Path) -> None:
    """CONTRACT 79: the same backend object and the same root, however it is wrapped."""
    backend = Mine(str(tmp_path))
    one, other = AsyncStore(backend, "r"), AsyncStore(backend, "r")
    assert one._backend is not other._backend
    assert (one, hash(one)) == (other, hash(other))
    assert one.child("a") == AsyncStore(backend, "r/a")
    assert one != AsyncStore(Mine(str(tmp_path)), "r")
    assert AsyncStore(SyncBackendAdapter(backend), "r") == one


def test_two_stores_on_one_async_backend_are_the_same() -> None:
    """CONTRACT 79, the other way round."""
    backend = AsyncMemoryBackend()
    with Store(backend, "r") as one, Store(backend, "r") as other:
        assert (one, hash(one)) == (other, hash(other))
        assert one != Store(AsyncBackendSyncAdapter(AsyncMemoryBackend()), "r")
        assert one != Store(LocalBackend("."), "r")
