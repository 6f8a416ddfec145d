"""SyncBackendAdapter: CONTRACT B12, 40; on asyncio and on trio."""

from __future__ import annotations

import gc
import io
import threading
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from remote_store._bridge.to_async import SyncBackendAdapter
from remote_store._bridge.to_sync import AsyncBackendSyncAdapter
from remote_store._core.capability import Capability
from remote_store._core.errors import AlreadyExists, BackendUnavailable, CapabilityNotSupported, NotFound
from remote_store._core.models import FileInfo
from remote_store.backends.local.sync import LocalBackend
from remote_store.backends.memory.backend import AsyncMemoryBackend
from remote_store.backends.memory.sync import MemoryBackend

pytestmark = pytest.mark.anyio


@pytest.fixture
def local(tmp_path: Path) -> LocalBackend:
    return LocalBackend(str(tmp_path))


@pytest.fixture
def lifted(local: LocalBackend) -> SyncBackendAdapter:
    return SyncBackendAdapter(local)


class Tracked(io.BytesIO):
    """A stream that can fail in the middle."""

    fails_after: int | None = None

    def read(self, size: int | None = -1) -> bytes:
        if self.fails_after is not None and self.tell() >= self.fails_after:
            raise BackendUnavailable("cut")
        return super().read(size)


class Streaming(MemoryBackend):
    """Every read opens a tracked stream; the last one is kept."""

    def __init__(self, size: int, fails_after: int | None = None, make: Any = Tracked) -> None:
        super().__init__()
        self.make = lambda: make(bytes(size))
        self.fails_after = fails_after

    def read(self, path: str) -> Any:
        self.opened = self.make()
        self.opened.fails_after = self.fails_after
        return self.opened


# Faces


async def test_names_and_capabilities_are_the_wrapped_ones(lifted: SyncBackendAdapter, local: LocalBackend) -> None:
    """CONTRACT 94: forwarded; the class itself may be able to do anything."""
    assert lifted.name == "local"
    assert lifted.capabilities == local.capabilities
    assert set(SyncBackendAdapter.CAPABILITIES) == set(Capability)
    assert lifted.native_path("a") == local.native_path("a")
    assert lifted.to_key(local.native_path("a")) == "a"
    assert lifted.resolve("a") == local.resolve("a")
    assert lifted.close_is_terminal is local.close_is_terminal
    with pytest.raises(CapabilityNotSupported, match="does not expose native handle"):
        lifted.unwrap(dict)


async def test_only_sync_backends_are_wrapped() -> None:
    """A clear TypeError for everything else."""
    with pytest.raises(TypeError, match="Backend"):
        SyncBackendAdapter(AsyncMemoryBackend())


async def test_calls_run_in_worker_threads_and_errors_arrive_as_they_are() -> None:
    """CONTRACT 94."""
    threads = []
    error = NotFound("gone")

    class Telling(MemoryBackend):
        def exists(self, path: str) -> bool:
            threads.append(threading.current_thread())
            raise error

    with pytest.raises(NotFound) as caught:
        await SyncBackendAdapter(Telling()).exists("a")
    assert caught.value is error
    assert threads[0] is not threading.current_thread()


async def test_the_default_limiter_stays_the_applications() -> None:
    """DESIGN 4: blocking calls never take one of anyio's own tokens."""
    entered, go_on = threading.Event(), threading.Event()

    class Waiting(MemoryBackend):
        def exists(self, path: str) -> bool:
            entered.set()
            return go_on.wait(10)

    async with anyio.create_task_group() as group:
        group.start_soon(SyncBackendAdapter(Waiting()).exists, "a")
        await anyio.to_thread.run_sync(entered.wait)
        assert anyio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
        go_on.set()


async def test_aclose_closes_the_wrapped_backend() -> None:
    """CONTRACT 96."""
    inner = AsyncBackendSyncAdapter(AsyncMemoryBackend())
    await SyncBackendAdapter(inner).aclose()
    with pytest.raises(RuntimeError, match="is closed"):
        await anyio.to_thread.run_sync(inner.exists, "a")


async def test_both_bridges_in_a_row_work() -> None:
    """An async backend as sync as async: the caller's loop may be trio, the inner one is asyncio."""
    with AsyncBackendSyncAdapter(AsyncMemoryBackend()) as inner:
        both = SyncBackendAdapter(inner)
        await both.write("a", _pieces(b"x" * 100_000, 5))
        assert await both.read_bytes("a") == b"x" * 500_000
        assert b"".join([piece async for piece in both.read("a")]) == b"x" * 500_000


# Reading


async def test_a_file_arrives_in_pieces(lifted: SyncBackendAdapter) -> None:
    """CONTRACT 40, 95: non-empty bytes of 64 KiB."""
    await lifted.write("a", bytes(200_000))
    pieces = [piece async for piece in lifted.read("a")]
    assert [len(piece) for piece in pieces] == [65536, 65536, 65536, 200_000 - 3 * 65536]
    assert {type(piece) for piece in pieces} == {bytes}


async def test_a_file_is_closed_at_its_end() -> None:
    """CONTRACT 95."""
    backend = Streaming(100_000)
    async for _ in SyncBackendAdapter(backend).read("a"):
        pass
    assert backend.opened.closed


async def test_a_file_is_closed_on_an_error() -> None:
    """CONTRACT 95: and the iterator is at its end."""
    backend = Streaming(100_000, fails_after=65536)
    stream = SyncBackendAdapter(backend).read("a")
    assert len(await anext(stream)) == 65536
    with pytest.raises(BackendUnavailable, match="cut"):
        await anext(stream)
    assert backend.opened.closed
    assert await anext(stream, None) is None


async def test_a_file_is_closed_by_aclose() -> None:
    """CONTRACT 95: twice is fine."""
    backend = Streaming(100_000)
    stream = SyncBackendAdapter(backend).read("a")
    await anext(stream)
    await stream.aclose()
    await stream.aclose()
    assert backend.opened.closed


@pytest.mark.parametrize("make", [Tracked, None], ids=["a file", "any stream"])
async def test_leaving_early_closes_the_file_and_warns_of_nothing(make: Any) -> None:
    """CONTRACT 95, 111: a file at once; another stream, whose close may wait, in a thread."""
    closed = threading.Event()

    class Remote(io.RawIOBase):
        def __init__(self, content: bytes) -> None:
            self.left = content

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            return len(buffer)

        def close(self) -> None:
            super().close()
            closed.set()

    backend = Streaming(100_000, make=make or Remote)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async for _ in SyncBackendAdapter(backend).read("a"):
            break
        gc.collect()
    if make is None:
        assert await anyio.to_thread.run_sync(closed.wait, 10)
    assert backend.opened.closed


async def test_a_cancelled_read_closes_the_file() -> None:
    """DESIGN 4: the thread that holds it is waited for, and the file is given back."""
    entered, go_on = threading.Event(), threading.Event()

    class Slow(Tracked):
        def read(self, size: int | None = -1) -> bytes:
            entered.set()
            go_on.wait(10)
            return super().read(size)

    backend = Streaming(100_000, make=Slow)

    async def read() -> None:
        async for _ in stream:
            pass

    stream = SyncBackendAdapter(backend).read("a")
    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await anyio.to_thread.run_sync(entered.wait)
        group.cancel_scope.cancel()
        go_on.set()
    assert backend.opened.closed


async def test_ranges_are_forwarded(lifted: SyncBackendAdapter) -> None:
    """CONTRACT 2a."""
    await lifted.write("a", b"0123456789")
    buffer = bytearray(3)
    assert await lifted.read_into("a", buffer, 4) == 3
    assert bytes(buffer) == b"456"
    assert await lifted.read_ranges("a", [(8, 12), (0, 2)]) == [b"89", b"01"]


# Writing


async def _pieces(piece: bytes, count: int, error: BaseException | None = None) -> AsyncIterator[bytes]:
    for _ in range(count):
        await anyio.lowlevel.checkpoint()
        yield piece
    if error is not None:
        raise error


@pytest.mark.parametrize("content", [b"abc", bytearray(b"abc"), memoryview(b"abc"), "file"])
async def test_content_that_is_here_is_written(content: Any, lifted: SyncBackendAdapter) -> None:
    """CONTRACT 41."""
    content = io.BytesIO(b"abc") if content == "file" else content
    assert (await lifted.write("a", content)).size == 3
    assert await lifted.read_bytes("a") == b"abc"


@pytest.mark.parametrize("method", ["write", "write_atomic"])
async def test_streamed_content_is_written(method: str, lifted: SyncBackendAdapter) -> None:
    """CONTRACT 95: more than fits in the pipe; the iterator runs in the caller's task."""
    tasks = set()

    async def content() -> AsyncIterator[bytes]:
        for i in range(50):
            tasks.add(anyio.get_current_task().id)
            yield bytes([i]) * 100_000

    assert (await getattr(lifted, method)("a", content())).size == 5_000_000
    assert await lifted.read_bytes("a") == b"".join(bytes([i]) * 100_000 for i in range(50))
    assert tasks == {anyio.get_current_task().id}


async def test_streamed_content_is_not_gathered_in_memory() -> None:
    """DESIGN 4: at most 1 MiB is in the pipe while the blocking side is slow."""
    begun, go_on = threading.Event(), threading.Event()
    taken = 0

    class Slow(MemoryBackend):
        def write(self, path: str, content: Any, **options: Any) -> Any:
            first = content.read(10)
            begun.set()
            go_on.wait(10)
            return super().write(path, first + content.read(), **options)

    async def content() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield bytes(100_000)

    async with anyio.create_task_group() as group:
        group.start_soon(SyncBackendAdapter(Slow()).write, "a", content())
        await anyio.to_thread.run_sync(begun.wait)
        await anyio.wait_all_tasks_blocked()
        assert taken <= 15
        go_on.set()
    assert taken == 100


@pytest.mark.parametrize("method", ["write", "write_atomic"])
@pytest.mark.parametrize("count", [0, 3, 40])
async def test_failing_content_commits_nothing(
    method: str, count: int, lifted: SyncBackendAdapter, tmp_path: Path
) -> None:
    """CONTRACT 49: the content's own error comes, the old content stays, no other file is left."""
    await lifted.write("a", b"old")
    error = KeyError("torn")
    with pytest.raises(KeyError) as caught:
        await getattr(lifted, method)("a", _pieces(bytes(100_000), count, error), overwrite=True)
    assert caught.value is error
    assert await lifted.read_bytes("a") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


async def test_a_refused_write_does_not_wait_for_its_content(lifted: SyncBackendAdapter) -> None:
    """The blocking side's error comes at once, though the iterator would never yield again."""
    await lifted.write("a", b"old")

    async def stuck() -> AsyncIterator[bytes]:
        yield b"x"
        await anyio.sleep_forever()

    with anyio.fail_after(10), pytest.raises(AlreadyExists):
        await lifted.write("a", stuck())
    assert await lifted.read_bytes("a") == b"old"


async def test_a_cancelled_streamed_write_leaves_nothing(lifted: SyncBackendAdapter, tmp_path: Path) -> None:
    """CONTRACT 110, 51: no file, the old content on overwrite, and the backend usable."""
    await lifted.write("old", b"old")
    waiting = anyio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield bytes(100_000)
        waiting.set()
        await anyio.sleep_forever()

    for path in ("new", "old"):
        waiting = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(partial(lifted.write, path, stuck(), overwrite=True))
            await waiting.wait()
            group.cancel_scope.cancel()
    assert await lifted.read_bytes("old") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


async def test_many_streamed_copies_at_once_do_not_block_one_another(lifted: SyncBackendAdapter) -> None:
    """DESIGN 4: writes that wait for content and the reads that give it have limits of their own."""
    await lifted.write("a", bytes(300_000))
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            for i in range(60):
                group.start_soon(lifted.write, f"copies/{i}", lifted.read("a"))
    assert len([info async for info in lifted.list_files("copies") if info.size == 300_000]) == 60


async def test_if_match_is_handed_on(lifted: SyncBackendAdapter) -> None:
    """DECISIONS 8."""
    etag = (await lifted.write("a", b"1")).etag
    await lifted.write_atomic("a", b"2", if_match=etag)
    assert await lifted.read_bytes("a") == b"2"


# Listing


async def test_listings_come_whole(lifted: SyncBackendAdapter) -> None:
    """CONTRACT 58: all three kinds, over several pages."""
    for i in range(600):
        await lifted.write(f"f/{i}", b"")
    assert len({info.name async for info in lifted.list_files("f")}) == 600
    assert [entry.name async for entry in lifted.list_folders("")] == ["f"]
    assert len([entry async for entry in lifted.iter_children("f")]) == 600
    assert len([info async for info in lifted.glob("f/1*")]) == 111


async def test_glob_without_support_fails_at_the_first_item() -> None:
    """CONTRACT 95."""
    found = SyncBackendAdapter(MemoryBackend()).glob("*")
    with pytest.raises(CapabilityNotSupported, match="does not support glob"):
        await anext(found)


async def test_a_listing_takes_a_hop_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: 1,000 entries are four hops and one for the end; entries before an error come before it."""

    class Failing(MemoryBackend):
        def list_files(self, path: str, *, recursive: bool = False, max_depth: int | None = None) -> Iterator[FileInfo]:
            yield from super().list_files(path)
            raise NotFound("gone")

    backend = Failing()
    for i in range(1000):
        backend.write(f"f{i}", b"")
    lifted, hops = SyncBackendAdapter(backend), 0
    run = anyio.to_thread.run_sync

    async def counted(*args: Any, **options: Any) -> Any:
        nonlocal hops
        hops += 1
        return await run(*args, **options)

    monkeypatch.setattr(anyio.to_thread, "run_sync", counted)
    found = []
    with pytest.raises(NotFound):
        async for info in lifted.list_files(""):
            found.append(info)  # noqa: PERF401  # those before the error count
    assert len(found) == 1000
    assert hops == 5


@contextmanager
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
        gc.collect()


async def test_leaving_a_listing_early_warns_of_nothing(lifted: SyncBackendAdapter) -> None:
    """CONTRACT 111."""
    for i in range(300):
        await lifted.write(f"f{i}", b"")
    with _no_warnings():
        async for _ in lifted.list_files(""):
            break
