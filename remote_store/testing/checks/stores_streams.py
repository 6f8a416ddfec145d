"""A store over the backend: open files (CONTRACT B2, B3, B5; DECISIONS 6, 7)."""

from __future__ import annotations

import io

import anyio

from ..._core.capability import Capability
from ..._core.errors import AlreadyExists, InvalidPath, NotFound
from ..._store._async.store import AsyncStore
from ..._store._sync.store import Store
from ..asserting import equal, raises
from ..case import Case, drain, listed
from ..registry import Face, check

READ, WRITE, ATOMIC = Capability.READ, Capability.WRITE, Capability.ATOMIC_WRITE
DATA = bytes(range(256)) * 2000


@check("B2", 32, needs={READ, WRITE}, face=Face.LOOP)
async def a_missing_file_is_told_when_it_is_opened(case: Case) -> None:
    """`AsyncStore.read` of a missing file raises NotFound with the first chunk, or when its block is entered."""
    store = AsyncStore(case.backend, "root")
    with raises(NotFound, path="root/missing", when="async for"):
        await drain(store.read("missing"))
    with raises(NotFound, path="root/missing", when="async with"):
        async with store.read("missing"):
            raise AssertionError("the block was entered")
    with raises(NotFound, path="root/missing", when="read(1)"):
        await store.read("missing").read(1)


@check("DECISIONS 6", needs={READ, WRITE}, face=Face.LOOP)
async def a_stream_is_read_in_every_way(case: Case) -> None:
    """`read(n)`, `readinto` and `async for` may be mixed on one stream; together they are the file."""
    store = AsyncStore(case.backend, "root")
    await store.write("file", DATA)
    async with store.read("file") as stream:
        first = await stream.read(10)
        buffer = bytearray(100)
        equal(await stream.readinto(buffer), 100, "readinto")
        pieces = [first, bytes(buffer), await stream.read(70_000)]
        pieces += [chunk async for chunk in stream]
        equal([len(piece) for piece in pieces[:3]], [10, 100, 70_000], "sizes")
        assert b"".join(pieces) == DATA, "the pieces are not the file"
        equal(await stream.read(), b"", "read() at the end")
        equal(await stream.readinto(buffer), 0, "readinto at the end")
    with raises(ValueError, when="a closed stream"):
        await stream.read(1)


@check("DECISIONS 6", needs={READ, WRITE, Capability.METADATA}, face=Face.LOOP)
async def a_stream_knows_what_it_reads(case: Case) -> None:
    """Inside its block a stream's `size` and `etag` are the file's, or None."""
    store = AsyncStore(case.backend, "root")
    await store.write("file", DATA)
    info = await store.get_file_info("file")
    async with store.read("file") as stream:
        assert stream.size in (None, len(DATA)), f"size is {stream.size}"
        assert stream.etag in (None, info.etag), f"etag is {stream.etag!r}, that of the file {info.etag!r}"


@check("B5", 25, 64, needs={READ, Capability.LIST}, face=Face.LOOP)
async def an_async_store_checks_at_the_call(case: Case) -> None:
    """Values and paths are checked when `read` or a listing is called, before the first item is asked for."""
    store = AsyncStore(case.backend, "root")
    with raises(InvalidPath, when="read of the root"):
        store.read("")
    for listing in (store.list_files, store.list_folders, store.iter_children):
        with raises(InvalidPath, when="a path that leaves the root"):
            listing("../x")
    for bounded in (store.list_files, store.list_folders):
        with raises(ValueError, "max_depth must be >= 0"):
            bounded("", max_depth=-1)


@check("DECISIONS 7", needs={WRITE, ATOMIC}, face=Face.LOOP)
async def an_async_file_appears_at_the_end(case: Case) -> None:
    """What is written inside `AsyncStore.open_atomic` appears as a whole when the block ends."""
    store = AsyncStore(case.backend, "root")
    async with store.open_atomic("a/file") as out:
        await out.write(b"first ")
        assert not await store.is_file("a/file"), "the file was there before the end"
        await out.write(b"second")
    await case.holds({"root/a/file": b"first second"})
    async with store.open_atomic("empty"):
        pass
    equal(await case.content("root/empty"), b"", "content of a file that nothing was written to")


class _Trouble(Exception):
    """What the block raises here."""


@check("DECISIONS 7", needs={WRITE, ATOMIC}, face=Face.LOOP)
async def a_failed_async_block_leaves_nothing(case: Case) -> None:
    """An exception in the block of `AsyncStore.open_atomic` comes out as it is, and nothing has changed."""
    store = AsyncStore(case.backend, "root")
    await case.put("root/old", b"old")
    for key in ("old", "new/file"):
        problem = _Trouble(key)
        with raises(_Trouble) as caught:
            async with store.open_atomic(key, overwrite=True) as out:
                await out.write(b"half")
                raise problem
        assert caught.error is problem, f"another exception came out: {caught.error!r}"
    await case.holds({"root/old": b"old"})


@check("DECISIONS 7", needs={WRITE, ATOMIC}, face=Face.LOOP)
async def a_cancelled_async_block_leaves_nothing(case: Case) -> None:
    """A block of `AsyncStore.open_atomic` that is cancelled leaves the old content."""
    store = AsyncStore(case.backend, "root")
    await case.put("root/old", b"old")
    with anyio.CancelScope() as scope:
        async with store.open_atomic("old", overwrite=True) as out:
            await out.write(b"half")
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    assert scope.cancelled_caught, "the block was not cancelled"
    await case.holds({"root/old": b"old"})


@check("DECISIONS 7", needs={WRITE, ATOMIC}, face=Face.LOOP)
async def a_taken_path_is_refused_to_an_async_file(case: Case) -> None:
    """`AsyncStore.open_atomic` of an existing file raises AlreadyExists, not wrapped in a group."""
    store = AsyncStore(case.backend, "root")
    await case.put("root/file", b"old")
    with raises(AlreadyExists, path="root/file"):
        async with store.open_atomic("file") as out:
            await out.write(b"new")
    await case.holds({"root/file": b"old"})


@check("B3", 50, needs={READ, WRITE, ATOMIC}, face=Face.SYNC)
def a_blocking_store_opens_files(case: Case) -> None:
    """`Store.open_atomic` and `Store.read_seekable` of a rooted store."""
    assert case.blocking is not None
    store = Store(case.blocking, "root")
    with store.open_atomic("a/file") as out:
        out.write(b"0123456789")
    with store.read_seekable("a/file") as stream:
        equal(stream.seek(-3, io.SEEK_END), 7, "seek")
        equal(stream.read(), b"789", "read()")
    with raises(AlreadyExists):
        with store.open_atomic("a/file") as out:
            out.write(b"lost")
    equal(case.blocking.read_bytes("root/a/file"), b"0123456789", "content in the backend")
    with raises(InvalidPath, "must not be empty"):
        store.read_seekable("")


@check("B5", 64, needs={READ, Capability.LIST}, face=Face.SYNC)
def a_blocking_store_checks_in_time(case: Case) -> None:
    """A blocking store refuses a bad path or depth with the first entry at the latest, `read` at the call."""
    assert case.blocking is not None
    store = Store(case.blocking, "root")
    with raises(InvalidPath):
        store.read("")
    for listing in (store.list_files, store.list_folders, store.iter_children):
        with raises(InvalidPath):
            next(iter(listing("../x")), None)
    with raises(ValueError, "max_depth must be >= 0"):
        next(iter(store.list_files("", max_depth=-1)), None)


@check("B14", 113, needs={READ, WRITE, Capability.LIST}, face=Face.LOOP)
async def one_store_serves_many_tasks(case: Case) -> None:
    """Tasks that write, read and list through one store at the same time each get their own."""
    store = AsyncStore(case.backend, "root")

    async def work(number: int) -> None:
        data = bytes([number]) * 50_000
        for turn in range(3):
            await store.write(f"{number}/{turn}", data)
            equal(await store.read_bytes(f"{number}/{turn}"), data, "content")
        equal(len(await listed(store.list_files(f"{number}"))), 3, "files")

    async with anyio.create_task_group() as tasks:
        for number in range(16):
            tasks.start_soon(work, number)
