"""The file that an async `open_atomic` gives, on both loops: CONTRACT 50, 110, DECISIONS 7."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from remote_store import AlreadyExists, BackendUnavailable, InvalidPath, NotFound
from remote_store.aio import AsyncLocalBackend, AsyncMemoryBackend, AsyncStore, SyncBackendAdapter
from remote_store.backends import LocalBackend
from tests.drop_in.third_party import AsyncTableBackend

STORES: dict[str, Callable[[Path], AsyncStore]] = {
    "local": lambda folder: AsyncStore(AsyncLocalBackend(str(folder)), "root"),
    "memory": lambda folder: AsyncStore(AsyncMemoryBackend(), "root"),
    "lifted": lambda folder: AsyncStore(SyncBackendAdapter(LocalBackend(str(folder))), "root"),
    "third-party": lambda folder: AsyncStore(AsyncTableBackend(), "root"),
}


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    async with STORES[request.param](tmp_path) as store:
        await store.write("old", b"old")
        yield store
    assert [path for path in tmp_path.rglob("*") if ".~tmp." in path.name] == []


async def _state(store: AsyncStore) -> dict[str, bytes]:
    keys = [str(info.path) async for info in store.list_files("", recursive=True)]
    return {key: await store.read_bytes(key) for key in keys}


@pytest.mark.anyio
async def test_the_file_appears_at_the_end_of_the_block(store: AsyncStore) -> None:
    """CONTRACT 50: any buffer is taken, `write` and `tell` count bytes, and a buffer may be changed afterwards."""
    async with store.open_atomic("new/file") as file:
        buffer = bytearray(b"12")
        assert await file.write(buffer) == 2
        buffer[:] = b"xx"
        assert await file.write(memoryview(b"345")) == 3
        assert await file.write(b"") == 0
        assert file.tell() == 5
        assert not await store.exists("new/file")
    assert await _state(store) == {"old": b"old", "new/file": b"12345"}


@pytest.mark.anyio
async def test_a_block_that_writes_nothing_makes_an_empty_file(store: AsyncStore) -> None:
    """CONTRACT 42, 50."""
    async with store.open_atomic("empty"):
        pass
    assert await store.read_bytes("empty") == b""


class Mine(Exception):
    """What an application raises."""


@pytest.mark.anyio
@pytest.mark.parametrize(
    "error", [Mine("x"), KeyError("x"), StopAsyncIteration(), NotFound("mine"), ExceptionGroup("g", [Mine()])]
)
@pytest.mark.parametrize("written", [0, 2])
async def test_the_blocks_own_exception_comes_out_as_it_is(error: Exception, written: int, store: AsyncStore) -> None:
    """CONTRACT 50: the same object and no group around it; nothing has changed, nothing is left."""
    for key in ("new", "old"):
        caught: BaseException | None = None
        try:
            async with store.open_atomic(key, overwrite=True) as file:
                for _ in range(written):
                    await file.write(b"x" * 300_000)
                raise error
        except Exception as raised:  # noqa: BLE001  # compared below
            caught = raised
        if isinstance(error, StopAsyncIteration):
            assert caught is error or (isinstance(caught, RuntimeError) and caught.__cause__ is error)
        else:
            assert caught is error
    assert await _state(store) == {"old": b"old"}


@pytest.mark.anyio
async def test_a_refusal_comes_from_a_write_or_from_the_end(store: AsyncStore) -> None:
    """CONTRACT 50: AlreadyExists and InvalidPath, whether anything is written or not; what is there stays."""
    await store.write("folder/inside", b"1")
    for key, error in (("old", AlreadyExists), ("folder", InvalidPath)):
        for pieces in (0, 1, 50):
            with pytest.raises(error):
                async with store.open_atomic(key) as file:
                    for _ in range(pieces):
                        await file.write(b"x" * 100_000)
    assert await _state(store) == {"old": b"old", "folder/inside": b"1"}


class Failing(AsyncMemoryBackend):
    """Its writes take one piece and then fail."""

    error = BackendUnavailable("the service went away")

    async def write_atomic(self, path: str, content: Any, **options: Any) -> Any:
        await anext(content)
        raise self.error


@pytest.mark.anyio
async def test_the_backends_error_is_the_same_object_and_comes_again_at_the_end() -> None:
    """CONTRACT 50, 86: a block that swallows it does not make the write succeed."""
    store = AsyncStore(Failing())
    with pytest.raises(BackendUnavailable) as caught:
        async with store.open_atomic("key") as file:
            while True:
                await file.write(b"piece")
    assert caught.value is Failing.error
    swallowed = []
    with pytest.raises(BackendUnavailable) as caught:
        async with store.open_atomic("key") as file:
            try:
                while True:
                    await file.write(b"piece")
            except BackendUnavailable as error:
                swallowed.append(error)
    assert swallowed == [caught.value] == [Failing.error]


@pytest.mark.anyio
async def test_the_blocks_exception_wins_over_the_backends() -> None:
    """CONTRACT 50: what the application raised is what it catches."""
    with pytest.raises(Mine):
        async with AsyncStore(Failing()).open_atomic("key") as file:
            await file.write(b"piece")
            await anyio.lowlevel.checkpoint()
            raise Mine


@pytest.mark.anyio
async def test_text_is_refused_and_the_file_goes_on(store: AsyncStore) -> None:
    """CONTRACT 41."""
    async with store.open_atomic("key") as file:
        with pytest.raises(TypeError):
            await file.write("text")
        await file.write(b"bytes")
    assert await store.read_bytes("key") == b"bytes"
    with pytest.raises(ValueError, match="closed|ended"):
        await file.write(b"late")


@pytest.mark.anyio
async def test_a_cancelled_block_leaves_nothing(store: AsyncStore) -> None:
    """CONTRACT 110: by a timeout around it and by a scope inside; the cancellation is not wrapped."""
    for key in ("new", "old"):
        with anyio.move_on_after(0) as scope:
            async with store.open_atomic(key, overwrite=True) as file:
                await file.write(b"x" * 300_000)
                await anyio.sleep_forever()
        assert scope.cancelled_caught
        with anyio.CancelScope() as scope:
            async with store.open_atomic(key, overwrite=True) as file:
                await file.write(b"x" * 300_000)
                scope.cancel()
                await anyio.sleep_forever()
        with pytest.raises(TimeoutError):
            with anyio.fail_after(0.02):
                async with store.open_atomic(key, overwrite=True) as file:
                    await file.write(b"x")
                    await anyio.sleep_forever()
    assert await _state(store) == {"old": b"old"}


@pytest.mark.asyncio
async def test_a_task_cancelled_by_asyncio_leaves_nothing(tmp_path: Path) -> None:
    """CONTRACT 110: Task.cancel() and asyncio.timeout, whose CancelledError comes out bare."""
    for name, make in STORES.items():
        store = make(tmp_path / name)
        await store.write("old", b"old")
        inside = asyncio.Event()

        async def use(store: AsyncStore = store, inside: asyncio.Event = inside) -> None:
            async with store.open_atomic("old", overwrite=True) as file:
                await file.write(b"x" * 300_000)
                inside.set()
                await asyncio.sleep(3600)

        task = asyncio.create_task(use())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await use()
        assert await _state(store) == {"old": b"old"}
    assert [path for path in tmp_path.rglob("*") if ".~tmp." in path.name] == []


@pytest.mark.anyio
async def test_many_files_may_be_open_at_once(store: AsyncStore) -> None:
    """DESIGN 4: each has a write of its own under way; one that fails hurts no other."""

    async def use(number: int) -> None:
        try:
            async with store.open_atomic(f"{number}") as file:
                for _ in range(3):
                    await file.write(f"{number}".encode() * 1000)
                if number % 3 == 0:
                    raise Mine
        except Mine:
            pass

    async with anyio.create_task_group() as group:
        for number in range(12):
            group.start_soon(use, number)
    assert {key for key in await _state(store) if key != "old"} == {f"{number}" for number in range(12) if number % 3}
