"""RELIABILITY "Bad inputs": concurrency misuse. Closing at the wrong time, abandoning, using from the wrong place."""

from __future__ import annotations

import gc
import os
import threading
from typing import Any

import anyio
import pytest

from remote_store._bridge.to_sync import AsyncBackendSyncAdapter
from remote_store._core.errors import RemoteStoreError
from remote_store.backends.local.backend import AsyncLocalBackend
from remote_store.backends.memory.backend import AsyncMemoryBackend
from tests.badinput.faces import Face, as_async, refusal


def closed(face: Face) -> None:
    """Close the store."""
    face.do("close" if face.is_sync else "aclose")


def test_a_store_of_memory_or_disk_is_closed_twice_and_used_again(face: Face) -> None:
    """CONTRACT 90: nothing is held open, so nothing is lost, and no text says "is closed"."""
    closed(face)
    closed(face)
    face.do("write", "new", b"x")
    assert face.content() == {"f": b"old", "new": b"x"}


def test_two_readers_of_one_file_do_not_disturb_each_other(face: Face) -> None:
    """CONTRACT 34: each stream has its own position."""

    def sync_act() -> list[bytes]:
        with face.store.read("f") as one, face.store.read("f") as other:
            return [one.read(1), other.read(2), one.read(), other.read()]

    async def async_act() -> list[bytes]:
        async with face.store.read("f") as one, face.store.read("f") as other:
            return [await one.read(1), await other.read(2), await one.read(), await other.read()]

    assert face.run(sync_act if face.is_sync else async_act) == [b"o", b"ol", b"ld", b"d"]


def test_a_stream_outlives_the_file_and_the_store(face: Face) -> None:
    """CONTRACT 151: deleting, replacing or closing during a read takes nothing from the reader."""
    content = os.urandom(600_000)
    face.do("write", "big", content)

    def sync_act() -> bytes:
        with face.store.read("big") as stream:
            head: bytes = stream.read(10)
            face.store.write("big", b"other", overwrite=True)
            face.store.delete("big")
            face.store.close()
            return head + bytes(stream.read())

    async def async_act() -> bytes:
        async with face.store.read("big") as stream:
            head: bytes = await stream.read(10)
            await face.store.write("big", b"other", overwrite=True)
            await face.store.delete("big")
            await face.store.aclose()
            return head + bytes(await stream.read())

    assert face.run(sync_act if face.is_sync else async_act) == content


def test_a_closed_stream_is_refused_and_closed_again(face: Face) -> None:
    """CONTRACT 34: reading from it is an error, closing it twice is none."""

    def sync_act() -> BaseException | None:
        stream = face.store.read("f")
        stream.close()
        stream.close()
        return refusal(lambda: stream.read(1))

    async def async_act() -> Any:
        stream = face.store.read("f")
        await stream.read(1)
        await stream.aclose()
        await stream.aclose()
        try:
            return await stream.read(1)
        except (RemoteStoreError, ValueError, anyio.ClosedResourceError) as error:
            return error

    assert face.run(sync_act if face.is_sync else async_act)
    assert face.content() == {"f": b"old"}


def test_a_listing_or_a_stream_that_is_dropped_leaves_nothing_open(face: Face) -> None:
    """CONTRACT 111: leaving early needs no clean-up on the async side, and emits no warning."""
    for n in range(600):
        face._blocking.write(f"d/{n}", b"x")

    def sync_act() -> None:
        assert next(iter(face.store.list_files("d")))

    async def async_act() -> None:
        async for _ in face.store.list_files("d"):
            break
        async for _ in face.store.read("f"):
            break

    face.run(sync_act if face.is_sync else async_act)
    gc.collect()
    assert len(face.content()) == 602


def test_what_is_written_during_a_listing_does_not_break_it(face: Face) -> None:
    """CONTRACT 57, 151: each old entry comes once, though files come and go."""
    for n in range(300):
        face._blocking.write(f"d/{n}", b"x")

    def sync_act() -> list[str]:
        names = []
        for info in face.store.list_files("d"):
            names.append(info.name)
            face.store.write(f"e/{info.name}", b"", overwrite=True)
            face.store.delete(f"d/{info.name}")
        return names

    async def async_act() -> list[str]:
        names = []
        async for info in face.store.list_files("d"):
            names.append(info.name)
            await face.store.write(f"e/{info.name}", b"", overwrite=True)
            await face.store.delete(f"d/{info.name}")
        return names

    names = face.run(sync_act if face.is_sync else async_act)
    assert sorted(names) == sorted(map(str, range(300)))


def test_a_store_used_from_many_loops_or_threads_keeps_every_file(face: Face) -> None:
    """CONTRACT 113: each thread with a loop of its own, all at once."""

    def work(index: int) -> None:
        for turn in range(5):
            face.do("write", f"d/{index}-{turn}", b"x")

    threads = [threading.Thread(target=work, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(face.do("list_files", "d")) == 30


def test_a_write_whose_source_is_cancelled_changes_nothing(face: Face) -> None:
    """CONTRACT 110: in mid-write, while the source waits; the store goes on working."""
    if face.is_sync:
        pytest.skip("nothing can be cancelled on the sync face; KeyboardInterrupt has its tests in tests/bridge")
    before = face.content()

    async def act() -> None:
        async with anyio.create_task_group() as group:

            async def pieces() -> Any:
                yield b"x" * 300_000
                group.cancel_scope.cancel()
                await anyio.sleep_forever()

            async def write(key: str) -> None:
                await face.store.write(key, pieces(), overwrite=True)

            for key in ("f", "new"):
                group.start_soon(write, key)

    face.run(act)
    assert face.content() == before
    face.do("write", "new", b"x")


def test_a_bare_adapter_in_a_running_loop_is_refused(tmp_path: Any) -> None:
    """DECISIONS 17, DESIGN 4: RuntimeError, nothing is written, on both loops."""
    for backend in (AsyncLocalBackend(str(tmp_path)), AsyncMemoryBackend()):
        adapter = AsyncBackendSyncAdapter(backend)

        async def act(adapter: AsyncBackendSyncAdapter = adapter) -> None:
            with pytest.raises(RuntimeError):
                adapter.write("f", b"x")
            with pytest.raises(RuntimeError):
                adapter.exists("f")

        for loop in ("asyncio", "trio"):
            anyio.run(act, backend=loop)
        assert not adapter.exists("f")
        adapter.close()
        with pytest.raises(RuntimeError, match="is closed"):
            adapter.exists("f")


def test_a_sync_store_works_inside_a_running_loop(face: Face) -> None:
    """DESIGN 4: the generated classes block that thread like any sync call."""
    if not face.is_sync:
        pytest.skip("this is about the sync face")

    async def act() -> bytes:
        face.store.write("new", b"x")
        content: bytes = face.store.read_bytes("new")
        return content

    for loop in ("asyncio", "trio"):
        assert anyio.run(act, backend=loop) == b"x"
        face.store.delete("new")


def test_an_async_source_that_is_never_started_is_closed_quietly(face: Face) -> None:
    """DECISIONS 13: a write that is refused before it takes anything leaves its source to its owner."""
    source = as_async(iter([b"x"]))
    assert refusal(lambda: face.do("write", "..", source)) is not None
    assert face.content() == {"f": b"old"}
