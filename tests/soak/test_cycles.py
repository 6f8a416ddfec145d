"""Opening and closing again and again, and forking, leave nothing behind: issue "Done when"."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio  # noqa: F401  # here, so that no forked child has to

from remote_store import AsyncBackendSyncAdapter, Store
from remote_store.aio import AsyncLocalBackend, AsyncMemoryBackend, AsyncStore, SyncBackendAdapter
from remote_store.backends import LocalBackend, MemoryBackend
from tests.soak.footprint import Footprint, held, label

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")

BIG = b"b" * 9_000_000
"""More than a spool keeps in memory."""
CYCLES = [
    pytest.param(25, id="slice"),
    pytest.param(500, id="full", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
]
FORKS = [pytest.param(5, id="slice"), pytest.param(100, id="full", marks=[pytest.mark.soak, pytest.mark.timeout(3600)])]


@pytest.fixture
def spools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that temporary files of the standard library go to; it must be empty in the end."""
    folder = tmp_path / "spools"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def _compare(before: Footprint, *folders: Path) -> None:
    gc.collect()
    for thread in threading.enumerate():  # a dropped adapter's thread ends by itself, without being waited for
        if label(thread) not in before.threads and thread.name.endswith((" loop", " close")):
            thread.join(10)
    after = held(*folders, collect=True)
    assert after.beyond(before) == []
    assert after.hidden == []


# Blocking


def _store(folder: Path) -> Store:
    return Store(LocalBackend(str(folder)))


def _adapted(folder: Path) -> Store:
    return Store(AsyncBackendSyncAdapter(AsyncLocalBackend(str(folder))))


def _adapted_memory(folder: Path) -> Store:
    return Store(AsyncMemoryBackend())


def _memory(folder: Path) -> Store:
    return Store(MemoryBackend())


def _use(store: Store, number: int) -> None:
    store.write("kept", BIG if number % 10 == 0 else b"kept", overwrite=True)
    with store.open_atomic("atomic", overwrite=True) as file:
        file.write(BIG if number % 10 == 1 else b"small")
    with pytest.raises(ZeroDivisionError), store.open_atomic("never") as file:
        file.write(b"half")
        raise ZeroDivisionError
    with store.read("kept") as stream:
        stream.read(2)
    with store.read_seekable("kept") as stream:
        stream.seek(2)
    next(iter(store.list_files("")))  # dropped half-way
    store.delete("atomic")


@pytest.mark.parametrize("cycles", CYCLES)
@pytest.mark.parametrize("make", [_store, _memory, _adapted, _adapted_memory])
def test_stores_opened_and_closed_leave_nothing(
    make: Callable[[Path], Store], cycles: int, tmp_path: Path, spools: Path
) -> None:
    """CONTRACT 92: the store closes the backend it owns, with its thread."""
    before = held(tmp_path)
    for number in range(cycles):
        with make(tmp_path / "root") as store:
            _use(store, number)
    _compare(before, tmp_path)


@pytest.mark.parametrize("cycles", CYCLES)
@pytest.mark.parametrize("make", [_store, _memory, _adapted, _adapted_memory])
def test_stores_dropped_without_close_leave_nothing(
    make: Callable[[Path], Store], cycles: int, tmp_path: Path, spools: Path
) -> None:
    """CONTRACT 93, DECISIONS 16: streams and stores that nobody closes give up what they hold; a warning is all."""
    before = held(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        for number in range(cycles):
            store = make(tmp_path / "root")
            store.write("kept", BIG if number % 10 == 0 else b"kept" * 100_000, overwrite=True)
            store.read("kept").read(10)
            store.read_seekable("kept").read(10)
            next(iter(store.list_files("")))
            del store
        _compare(before, tmp_path)


# Async


async def _use_async(store: AsyncStore) -> None:
    await store.write("kept", b"kept" * 100_000, overwrite=True)
    async with store.open_atomic("atomic", overwrite=True) as file:
        await file.write(b"small")
    with pytest.raises(ZeroDivisionError):
        async with store.open_atomic("never") as file:
            await file.write(b"half")
            raise ZeroDivisionError
    async with store.read("kept") as stream:
        await stream.read(2)
    await store.read("kept").read(10)  # dropped half-way
    async for _ in store.read("kept"):
        break
    async for _ in store.list_files(""):
        break


ASYNC_STORES: list[Callable[[Path], AsyncStore]] = [
    lambda folder: AsyncStore(AsyncLocalBackend(str(folder))),
    lambda folder: AsyncStore(AsyncMemoryBackend()),
    lambda folder: AsyncStore(SyncBackendAdapter(LocalBackend(str(folder)))),
    lambda folder: AsyncStore(SyncBackendAdapter(AsyncBackendSyncAdapter(AsyncLocalBackend(str(folder))))),
]


@pytest.mark.parametrize("cycles", CYCLES)
@pytest.mark.parametrize("make", ASYNC_STORES, ids=["local", "memory", "lifted", "lifted twice"])
@pytest.mark.parametrize("loop", ["asyncio", "trio"])
@pytest.mark.parametrize("closes", [True, False], ids=["closed", "dropped"])
def test_async_stores_leave_nothing(
    loop: str, make: Callable[[Path], AsyncStore], closes: bool, cycles: int, tmp_path: Path, spools: Path
) -> None:
    """CONTRACT 111, DECISIONS 16: closed or dropped, in one loop after another, without a warning."""

    async def cycle() -> None:
        store = make(tmp_path / "root")
        await _use_async(store)
        if closes:
            await store.aclose()

    async def some() -> None:
        for _ in range(5):
            await cycle()

    anyio.run(some, backend=loop)  # what the loops themselves keep for ever is not ours
    before = held(tmp_path, collect=True)
    for _ in range(cycles // 5):
        anyio.run(some, backend=loop)
    _compare(before, tmp_path)


# Forks


def _in_child(stores: list[Store], expected: list[str]) -> None:
    for store in stores:
        assert store.read_bytes("kept") == b"kept"
        assert [info.name for info in store.list_files("")] == ["kept"]
        with store.read("kept") as stream:
            assert stream.read(2) == b"ke"
        store.write(f"child-{os.getpid()}", b"1")
        store.delete(f"child-{os.getpid()}")
        store.close()

    async def use() -> None:
        lifted = AsyncStore(stores[0]._backend)
        assert await lifted.read_bytes("kept") == b"kept"

    for loop in expected:
        anyio.run(use, backend=loop)


@pytest.mark.parametrize("forks", FORKS)
def test_forks_leave_nothing_and_the_parent_goes_on(forks: int, tmp_path: Path, spools: Path) -> None:
    """DECISIONS 18: each child uses and closes the parent's stores and exits; in between the parent works on."""
    context = multiprocessing.get_context("fork")
    stores = [_store(tmp_path / "a"), _adapted(tmp_path / "b"), _adapted_memory(tmp_path), _memory(tmp_path)]
    for store in stores:
        store.write("kept", b"kept")
    context.Process(target=int).start()  # multiprocessing's own resources come with its first child
    before = held(tmp_path, collect=True)
    for _ in range(forks):
        child = context.Process(target=_in_child, args=(stores, ["asyncio", "trio"]))
        child.start()
        child.join(60)
        if child.exitcode is None:
            child.kill()
            child.join()
        assert child.exitcode == 0
        child.close()
        for store in stores:
            assert store.read_bytes("kept") == b"kept"
            store.write("parent", b"1")
            store.delete("parent")
    for process in multiprocessing.active_children():
        process.join()
    _compare(before, tmp_path)
    for store in stores:
        store.close()


def _raw_fork_exits(store: Any) -> None:
    assert store.exists("kept")
    os._exit(0)


def test_a_child_that_exits_without_clean_up_hurts_nobody(tmp_path: Path) -> None:
    """DECISIONS 18: `os._exit` in a forked worker, as pre-forking servers do, leaves the parent's store as it was."""
    with _adapted(tmp_path) as store:
        store.write("kept", b"kept")
        pid = os.fork()
        if pid == 0:
            _raw_fork_exits(store)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert store.read_bytes("kept") == b"kept"
