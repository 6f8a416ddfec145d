"""A store's root as the models name it: what `get_folder_info("").path` is can be handed back."""

from __future__ import annotations

import pytest

from remote_store import InvalidPath, RemotePath, Store
from remote_store.aio import AsyncMemoryBackend, AsyncStore
from remote_store.backends import MemoryBackend

ROOT: str = RemotePath.ROOT  # type: ignore[assignment]  # paths are taken as RemotePath too


def test_the_root_of_a_model_is_a_folder_argument() -> None:
    """CONTRACT 24, 26: probes, listings, folder information and names take `RemotePath.ROOT` as they take `"."`."""
    store = Store(MemoryBackend(), "team")
    store.write("a/b", b"1")
    assert store.get_folder_info("").path is RemotePath.ROOT
    assert (store.exists(ROOT), store.is_folder(ROOT), store.is_file(ROOT)) == (True, True, False)
    assert [entry.name for entry in store.list_folders(ROOT)] == ["a"]
    assert [entry.name for entry in store.list_files(ROOT, recursive=True)] == ["b"]
    assert [entry.name for entry in store.iter_children(ROOT)] == ["a"]
    assert store.get_folder_info(ROOT).file_count == store.get_folder_info(ROOT, max_depth=1).file_count == 1
    assert store.native_path(ROOT) == "team"


def test_the_root_of_a_model_is_no_file_argument() -> None:
    """CONTRACT 24."""
    store = Store(MemoryBackend())
    for call in (store.read_bytes, store.delete, store.delete_folder, store.child, store.head):
        with pytest.raises(InvalidPath):
            call(ROOT)


@pytest.mark.anyio
async def test_the_root_of_a_model_is_a_folder_argument_in_async_code() -> None:
    """CONTRACT 24, 26."""
    store = AsyncStore(AsyncMemoryBackend())
    await store.write("a", b"1")
    assert [entry.name async for entry in store.list_files(ROOT)] == ["a"]
    assert await store.is_folder(ROOT)
