"""Files move at the same time, and never more than asked for (issue: "files moved concurrently")."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import anyio
import pytest

from remote_store import Store
from remote_store.aio import AsyncMemoryBackend, AsyncStore
from remote_store.backends import MemoryBackend
from remote_store.checkpoint import AsyncCheckpoint, SyncCheckpoint
from remote_store.checkpoint.transfer import each

pytestmark = pytest.mark.anyio


class Meeting(AsyncMemoryBackend):
    """Reads and writes wait until `expected` of them are under way, and the most ever seen is kept."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.expected = expected
        self.under_way = self.most = 0
        self.met: anyio.Event | None = None

    async def write_atomic(self, path: Any, content: Any, **options: Any) -> Any:
        await self._meet()
        return await super().write_atomic(path, content, **options)

    async def read_bytes(self, path: Any) -> Any:
        await self._meet()
        return await super().read_bytes(path)

    async def _meet(self) -> None:
        self.met = self.met or anyio.Event()
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        if self.under_way == self.expected:
            self.met.set()
        with anyio.fail_after(20):
            await self.met.wait()
        await anyio.lowlevel.checkpoint()
        self.under_way -= 1


@pytest.fixture
def source(tmp_path: Path) -> Any:
    for number in range(20):
        (tmp_path / f"{number:02}").write_bytes(b"x" * number)
    return tmp_path


@pytest.mark.parametrize("concurrency", [1, 3, 8])
async def test_a_save_and_a_restore_have_that_many_files_under_way(source: Any, concurrency: Any) -> None:
    """Exactly `concurrency`: fewer would wait in vain, more would show."""
    saving = Meeting(concurrency)
    await AsyncCheckpoint("d", store=AsyncStore(saving), layout="folder", concurrency=concurrency).save(source)
    assert saving.most == concurrency
    saving.met = None
    saving.most = 0
    store = AsyncStore(saving)
    assert await AsyncCheckpoint("x", "d", store=store, layout="folder", concurrency=concurrency).restore()
    assert saving.most == concurrency


async def test_the_blocking_face_moves_files_at_once_too(source: Any) -> None:
    """DECISIONS 2: concurrency runs on the loop."""
    backend = Meeting(4)
    SyncCheckpoint("d", store=AsyncStore(backend), concurrency=4).save(source)
    assert backend.most == 4


class BlockingMeeting(MemoryBackend):
    def __init__(self, expected: int) -> None:
        super().__init__()
        self.barrier = threading.Barrier(expected, timeout=20)

    def write_atomic(self, path: Any, content: Any, **options: Any) -> Any:
        self.barrier.wait()
        return super().write_atomic(path, content, **options)


async def test_a_blocking_store_is_called_from_several_threads(source: Any) -> None:
    SyncCheckpoint("d", store=Store(BlockingMeeting(4)), concurrency=4).save(source)


async def test_each_stops_at_the_first_error_and_waits_for_the_others() -> None:
    done = []

    async def work(item: Any) -> Any:
        if item == 3:
            raise KeyError(item)
        await anyio.lowlevel.checkpoint()
        done.append(item)

    with pytest.raises(KeyError):
        await each(range(100), work, 2)
    assert len(done) <= 4


async def test_each_with_nothing_to_do() -> None:
    async def work(item: Any) -> Any:
        raise AssertionError

    await each([], work, 8)
