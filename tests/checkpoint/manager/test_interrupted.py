"""A save that is interrupted at any store operation leaves the checkpoint before it, or is whole (issue 6, Done when)."""

from __future__ import annotations

from functools import partial
from typing import Any

import anyio
import pytest

from remote_store import Store
from remote_store._core.errors import RemoteStoreError
from remote_store.aio import AsyncStore
from remote_store.backends.memory.backend import AsyncMemoryBackend
from remote_store.checkpoint import AsyncCheckpointManager, CheckpointManager
from tests.checkpoint.manager.desks import state
from tests.checkpoint.manager.faulty import MODES, Faulty

OLD, NEW = {"s": b"old" * 700, "n": 1}, {"s": b"new" * 900, "n": 2, "t": b"more"}
OPTIONS: dict[str, Any] = {"part_size": 1024, "keep_last": 2}
LONGEST = 60


async def whole_afterwards(backend: Faulty, *, saved: bool) -> None:
    """Look with a fresh manager: every checkpoint that is there is whole, and the newest is one of the two."""
    backend.arm(0, "")
    async with AsyncCheckpointManager(AsyncStore(backend), "run", **OPTIONS) as manager:
        newest = await manager.latest()
        assert newest is not None
        assert newest.step in ((2,) if saved else (1, 2))
        for generation in await manager.list():
            assert await manager.load(generation) == (OLD if generation.step == 1 else NEW)
            await manager.verify(generation, deep=True)
        again = await manager.save(NEW, step=2)
        assert await manager.latest() == again
        assert await manager.load() == NEW


async def attempt(backend: Faulty, manager: AsyncCheckpointManager, act: Any) -> bool:
    """Do something that is interrupted; whether it came back without an error."""
    with anyio.CancelScope() as scope:
        backend.scope = scope
        try:
            await act(manager)
        except RemoteStoreError:
            return False
        return True
    return False


async def one_call(manager: AsyncCheckpointManager) -> None:
    await manager.save(NEW, step=2)


async def one_by_one(manager: AsyncCheckpointManager) -> None:
    async with await manager.begin(2) as save:
        for name, value in NEW.items():
            await save.write(name, value)


async def taken_up(manager: AsyncCheckpointManager) -> None:
    await manager.save(NEW, step=2, save_id="00000000000000aa")


async def two_writers(manager: AsyncCheckpointManager, seconds: float) -> None:
    items = list(NEW.items())
    async with anyio.create_task_group() as group:
        for writer in (0, 1):
            own = dict(items[writer::2])
            group.start_soon(
                partial(
                    manager.save, own, step=2, writer=writer, writers=2, save_id="00000000000000bb", timeout=seconds
                )
            )


WAYS = {"save": one_call, "begin": one_by_one, "resume": taken_up}


@pytest.mark.anyio
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", WAYS)
async def test_a_save_interrupted_at_any_operation_is_whole_or_not_there(way: str, mode: str) -> None:
    """D2: the manifest is the commit. Fail the 1st, 2nd, ... n-th operation; or all from it on; or cancel there."""
    for at in range(1, LONGEST):
        backend = Faulty()
        async with AsyncCheckpointManager(AsyncStore(backend), "run", **OPTIONS) as manager:
            await manager.save(OLD, step=1)
            backend.arm(at, mode)
            saved = await attempt(backend, manager, WAYS[way])
            struck = backend.struck
            await whole_afterwards(backend, saved=saved)
        if not struck:
            assert saved
            break
    assert 7 <= at < LONGEST, "the loop saw no save to its end"


@pytest.mark.parametrize("mode", MODES[:3])
def test_the_same_through_the_sync_face(mode: str) -> None:
    for at in range(1, LONGEST):
        backend = Faulty()
        store = Store(backend)
        with CheckpointManager(store, "run", **OPTIONS) as manager:
            manager.save(OLD, step=1)
            backend.arm(at, mode)
            saved = True
            try:
                manager.save(NEW, step=2)
            except RemoteStoreError:
                saved = False
            struck = backend.struck
        store.close()
        anyio.run(partial(whole_afterwards, backend, saved=saved))
        if not struck:
            assert saved
            break
    assert 7 <= at < LONGEST


@pytest.mark.anyio
@pytest.mark.parametrize("mode", MODES)
async def test_one_of_several_writers_interrupted_keeps_all_from_committing(mode: str) -> None:
    """D7: nobody commits before all are done; the error comes out, and a second try of all takes it up."""
    for at in range(1, LONGEST):
        backend = Faulty()
        async with AsyncCheckpointManager(AsyncStore(backend), "run", part_size=1024) as manager:
            await manager.save(OLD, step=1)
            backend.arm(at, mode)
            with anyio.CancelScope() as backend.scope:
                try:
                    await two_writers(manager, 0.3)
                except* RemoteStoreError:
                    pass
            struck = backend.struck
            backend.arm(0, "")
            newest = await AsyncCheckpointManager(AsyncStore(backend), "run").latest()
            assert newest is not None
            assert await manager.load(newest) == (OLD if newest.step == 1 else NEW)
            await two_writers(manager, 60)
            assert await manager.load(step=2) == NEW
        if not struck:
            break
    assert 7 <= at < LONGEST


@pytest.mark.anyio
async def test_what_an_interrupted_save_left_is_collected_and_nothing_else() -> None:
    """D6: leftovers without a manifest go once they are old enough; unknown names stay."""
    backend = AsyncMemoryBackend()
    store = AsyncStore(backend)
    async with AsyncCheckpointManager(store, "run", part_size=1024) as manager:
        await manager.save(OLD, step=1)
        save = await manager.begin(2, save_id="00000000000000cc")
        await save.write("big", bytes(5000))
        await save.abort()
        await store.write("run/gen/000000000002-00000000000000cc/notes.txt", b"mine")
        await store.write("run/gen/readme", b"mine")

        assert (await manager.gc()).leftovers == []
        dry = await manager.gc(dry_run=True, min_age=0)
        assert (dry.leftovers, dry.objects, dry.dry_run) == (["000000000002-00000000000000cc"], 4, True)
        assert (await manager.gc(min_age=0)).leftovers == dry.leftovers
        assert (await manager.gc(min_age=0)).leftovers == []

        assert await manager.load() == OLD
        left = [str(info.path) async for info in store.list_files("run", recursive=True)]
        assert [key for key in left if "000000000002-" in key] == ["run/gen/000000000002-00000000000000cc/notes.txt"]
        assert "run/gen/readme" in left


@pytest.mark.anyio
async def test_a_load_interrupted_at_any_operation_gives_all_or_an_error() -> None:
    """D5: with errors in between, what a load returns is right; a lost listing is not an empty one."""
    backend = Faulty()
    items = state(3)
    async with AsyncCheckpointManager(AsyncStore(backend), "run", part_size=1024) as manager:
        await manager.save(
            {name: bytes(value) if not isinstance(value, (int, dict)) else value for name, value in items.items()},
            step=3,
        )
    for at in range(1, LONGEST):
        backend.arm(at, "refused")
        async with AsyncCheckpointManager(AsyncStore(backend), "run") as manager:
            try:
                got = await manager.load()
            except RemoteStoreError:
                continue
            assert got["weights"] == items["weights"]
            assert got["config"] == items["config"]
        if not backend.struck:
            break
    assert at > 8
