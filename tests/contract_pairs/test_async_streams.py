"""AsyncReadStream, AsyncPages and in_thread, on both loops: DECISIONS 6, CONTRACT 32, 40, 111."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as some

from remote_store import Capability, InvalidPath, NotFound
from remote_store._contract.pages import AsyncPages
from remote_store._contract.threads import in_thread, to_the_end
from remote_store.aio import AsyncLocalBackend, AsyncMemoryBackend, AsyncReadStream, AsyncStore, SyncBackendAdapter
from remote_store.backends import LocalBackend
from tests.bridge.scripted import Chunks

DATA = bytes(range(256)) * 8_000
STORES: dict[str, Callable[[Path], AsyncStore]] = {
    "local": lambda folder: AsyncStore(AsyncLocalBackend(str(folder))),
    "memory": lambda folder: AsyncStore(AsyncMemoryBackend()),
    "lifted": lambda folder: AsyncStore(SyncBackendAdapter(LocalBackend(str(folder)))),
}


USES: list[Callable[[AsyncReadStream], Any]] = [
    lambda stream: stream.__aenter__(),
    lambda stream: stream.read(),
    lambda stream: stream.read(1),
    lambda stream: stream.readinto(bytearray(1)),
    lambda stream: stream.__anext__(),
]
"""Each way in which a stream may be used first."""


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    async with STORES[request.param](tmp_path) as store:
        await store.write("key", DATA)
        yield store


@pytest.mark.anyio
async def test_iteration_and_reads_may_be_mixed(store: AsyncStore) -> None:
    """DECISIONS 6: each byte comes once, in order, whichever way it is asked for."""
    found = bytearray()
    async with store.read("key") as stream:
        found += await stream.read(10)
        found += await anext(stream)
        buffer = bytearray(300_000)
        count = await stream.readinto(buffer)
        assert count == min(len(buffer), len(DATA) - len(found))
        found += buffer[:count]
        assert await stream.read(0) == b""
        found += await stream.read(7)
        async for chunk in stream:
            found += chunk
            break
        found += await stream.read(-1)
        assert (await stream.read(), await stream.read(5), await stream.readinto(buffer)) == (b"", b"", 0)
    assert found == DATA


@pytest.mark.anyio
async def test_a_read_is_short_at_the_end_only(store: AsyncStore) -> None:
    """DECISIONS 6: whatever chunks the backend gives."""
    async with store.read("key") as stream:
        sizes = []
        while piece := await stream.read(700_001):
            sizes.append(len(piece))
    assert sizes == [700_001, 700_001, len(DATA) - 2 * 700_001]


@pytest.mark.anyio
async def test_size_and_etag_are_known_once_it_is_open(store: AsyncStore) -> None:
    """DECISIONS 6: None before; with the backend's own streams true afterwards."""
    stream = store.read("key")
    assert (stream.size, stream.etag) == (None, None)
    async with stream:
        if store.supports(Capability.RANGED_READ) and not isinstance(store._backend, SyncBackendAdapter):
            assert stream.size == len(DATA)
            assert stream.etag == (await store.get_file_info("key")).etag
        else:
            assert stream.size in (None, len(DATA))
        assert not stream.closed
    assert stream.closed


@pytest.mark.anyio
async def test_a_missing_object_is_found_out_at_the_opening(store: AsyncStore) -> None:
    """CONTRACT 32, DECISIONS 6: by `async with`, by the first read, by the first chunk; not before."""
    await store.write("folder/file", b"")
    for key, error in (("missing", NotFound), ("folder", InvalidPath)):
        for use in USES:
            with pytest.raises(error):
                await use(store.read(key))


@pytest.mark.anyio
async def test_an_empty_object_is_an_empty_stream(store: AsyncStore) -> None:
    """CONTRACT 42."""
    await store.write("empty", b"")
    async with store.read("empty") as stream:
        assert await stream.read(10) == b""
        assert [chunk async for chunk in stream] == []


@pytest.mark.anyio
async def test_a_closed_stream_says_so(store: AsyncStore) -> None:
    """DECISIONS 6: ValueError from every use; closing again is fine, before the first use too."""
    stream = store.read("key")
    await stream.read(1)
    await stream.aclose()
    await stream.aclose()
    for use in USES:
        with pytest.raises(ValueError, match="closed"):
            await use(stream)
    unused = store.read("key")
    await unused.aclose()
    with pytest.raises(ValueError, match="closed"):
        await unused.read()


@pytest.mark.anyio
async def test_only_writable_buffers_are_filled(store: AsyncStore) -> None:
    """DESIGN 6: TypeError for one that is read-only or not contiguous; wider items are filled as bytes."""
    async with store.read("key") as stream:
        for bad in (b"bytes", memoryview(bytearray(10))[::2], "text"):
            with pytest.raises(TypeError):
                await stream.readinto(bad)
        wide = memoryview(bytearray(8)).cast("I")
        assert await stream.readinto(wide) == 8
        assert wide.tobytes() == DATA[:8]


@pytest.mark.anyio
async def test_leaving_early_warns_of_nothing(store: AsyncStore, recwarn: pytest.WarningsRecorder) -> None:
    """CONTRACT 111: over content and all listings; warnings are errors in this suite, unraisable ones too."""
    async for _ in store.read("key"):
        break
    await store.read("key").read(1)
    async with store.read("key"):
        pass
    for listing in (store.list_files(""), store.list_folders("", max_depth=2), store.iter_children("")):
        async for _ in listing:
            break
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.anyio
async def test_a_cancelled_read_is_not_taken_for_the_end() -> None:
    """DESIGN 6: what was read is lost, so the stream must not say that there is no more."""

    class Stuck(AsyncIterator[bytes]):
        async def __anext__(self) -> bytes:
            await anyio.sleep_forever()
            raise AssertionError

    stream = AsyncReadStream(Stuck())
    with anyio.CancelScope() as scope:
        scope.cancel()
        await stream.read(5)
    for use in USES:
        with pytest.raises(ValueError, match="cancelled"):
            await use(stream)
    await stream.aclose()


@pytest.mark.anyio
async def test_an_error_in_the_middle_comes_once_and_the_source_is_not_asked_again() -> None:
    """CONTRACT 38, 103: after it the stream is at its end, and `aclose` gives the source back."""
    error = NotFound("gone")
    chunks = Chunks(b"123", error, b"456")
    stream = AsyncReadStream(chunks)
    with pytest.raises(NotFound) as caught:
        await stream.read()
    assert caught.value is error
    assert await stream.read() == b""
    assert chunks.taken == 2
    await stream.aclose()
    assert chunks.closed


@pytest.mark.anyio
async def test_any_iterator_becomes_a_stream() -> None:
    """DECISIONS 6: a third party's generator too; empty chunks are passed over; entering asks for the first."""

    async def generator() -> AsyncIterator[bytes]:
        for chunk in (b"", b"12", b"", b"3"):
            yield chunk

    async with AsyncReadStream(generator()) as stream:
        assert (stream.size, stream.etag) == (None, None)
        assert [chunk async for chunk in stream] == [b"12", b"3"]
    async with AsyncReadStream(Chunks()) as stream:
        assert await stream.read() == b""


@given(some.lists(some.binary(max_size=20), max_size=8), some.lists(some.integers(-1, 30), max_size=8))
def test_reads_add_up(chunks: list[bytes], sizes: list[int]) -> None:
    """DECISIONS 6: `read(n)` gives exactly n bytes unless the end is nearer, as a file in memory does."""

    async def compare() -> None:
        import io

        stream, model = AsyncReadStream(Chunks(*chunks)), io.BytesIO(b"".join(chunks))
        for size in sizes:
            assert await stream.read(size) == model.read(size)

    anyio.run(compare)


# AsyncPages


def _pages(*pages: Sequence[int]) -> tuple[AsyncPages[int], list[int]]:
    rest, fetched = list(pages), [0]

    async def next_page() -> Sequence[int] | None:
        await anyio.lowlevel.checkpoint()
        fetched[0] += 1
        return rest.pop(0) if rest else None

    return AsyncPages(next_page), fetched


@pytest.mark.anyio
async def test_pages_are_fetched_as_they_are_needed() -> None:
    """DESIGN 4: one at a time; an empty one in the middle is not the end; after the end it stays at the end."""
    pages, fetched = _pages([1, 2], [], [3])
    assert fetched == [0]
    assert await anext(pages) == 1
    assert fetched == [1]
    assert [entry async for entry in pages] == [2, 3]
    with pytest.raises(StopAsyncIteration):
        await anext(pages)


@pytest.mark.anyio
async def test_whole_pages_and_entries_may_be_mixed() -> None:
    """DESIGN 4: `page` gives the rest of the page at hand, then the next one, empty only at the end."""
    pages, _ = _pages([1, 2, 3], [], [4])
    assert await anext(pages) == 1
    assert list(await pages.page()) == [2, 3]
    assert list(await pages.page()) == [4]
    assert list(await pages.page()) == []
    assert list(await pages.page()) == []


# in_thread


@pytest.mark.anyio
async def test_a_call_in_a_thread_gives_its_result_or_its_error() -> None:
    """DESIGN 5: as they are."""
    assert await in_thread(int, "12") == 12
    error = KeyError("mine")

    def fail() -> None:
        raise error

    with pytest.raises(KeyError) as caught:
        await in_thread(fail)
    assert caught.value is error


@pytest.mark.anyio
async def test_a_cancelled_caller_waits_for_its_thread() -> None:
    """DESIGN 5, STYLE 7: cancellation never leaves a thread behind that holds a file."""
    entered, leave, left = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        leave.wait(30)
        left.set()

    async with anyio.create_task_group() as group:
        group.start_soon(in_thread, work)
        await anyio.to_thread.run_sync(entered.wait)
        group.cancel_scope.cancel()
        leave.set()
    assert left.is_set()


@pytest.mark.asyncio
@pytest.mark.parametrize("cancellations", [1, 3])
async def test_asyncios_own_cancellation_waits_too(cancellations: int) -> None:
    """DESIGN 5: Task.cancel() comes through anyio's shields, once or again; the caller leaves after its thread."""
    entered, leave, left = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        leave.wait(30)
        left.set()

    task = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(entered.wait)
    for _ in range(cancellations):
        task.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not task.done()
    leave.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left.is_set()


@pytest.mark.asyncio
@pytest.mark.parametrize("cancellations", [1, 2, 3])
@pytest.mark.parametrize("begun", [False, True])
async def test_a_clean_up_runs_to_its_end_whatever_cancels_its_caller(cancellations: int, begun: bool) -> None:
    """DESIGN 7: asyncio's own cancel comes through any shield; the clean-up is done all the same, and once."""
    started, release, runs = threading.Event(), threading.Event(), []

    def clean() -> None:
        started.set()
        release.wait(10)
        runs.append("clean")

    task = asyncio.ensure_future(to_the_end(30, clean))
    await asyncio.sleep(0)
    if begun:
        await asyncio.to_thread(started.wait, 10)
    for _ in range(cancellations):
        task.cancel()
        await asyncio.sleep(0)
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert runs == ["clean"]


@pytest.mark.anyio
async def test_a_clean_up_that_hangs_is_left_behind() -> None:
    """STYLE 7: a shield has a bound."""
    release = threading.Event()
    with anyio.fail_after(10):
        await to_the_end(0.05, release.wait, 20)
    release.set()


@pytest.mark.asyncio
async def test_a_call_that_has_not_begun_is_withdrawn() -> None:
    """DESIGN 5: nothing is done after the caller has gone; its turn in the queue is given back."""
    limiter = anyio.CapacityLimiter(1)
    entered, leave, done = threading.Event(), threading.Event(), list[int]()

    def hold() -> None:
        entered.set()
        leave.wait(30)

    holding = asyncio.create_task(in_thread(hold, limiter=limiter))
    await asyncio.to_thread(entered.wait)
    waiting = asyncio.create_task(in_thread(done.append, 1, limiter=limiter))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    leave.set()
    await holding
    await in_thread(done.append, 2, limiter=limiter)
    assert done == [2]
    assert limiter.borrowed_tokens == 0
