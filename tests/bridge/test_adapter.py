"""AsyncBackendSyncAdapter: CONTRACT B13, issue item 6."""

from __future__ import annotations

import io
import logging
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest

from remote_store._async_to_sync_adapter import AsyncBackendSyncAdapter, _SyncSafeHandleProvider
from remote_store._contract._async.backend import AsyncBackend
from remote_store._core.capability import Capability
from remote_store._core.errors import BackendClosed, BackendUnavailable, CapabilityNotSupported, NotFound
from remote_store.backends.memory.backend import AsyncMemoryBackend
from tests.bridge.scripted import Hooked, Listing

CALLS: list[Any] = [
    lambda adapter: adapter.exists("a"),
    lambda adapter: adapter.read("a"),
    lambda adapter: adapter.read_bytes("a"),
    lambda adapter: adapter.read_into("a", bytearray(1)),
    lambda adapter: adapter.read_ranges("a", [(0, 1)]),
    lambda adapter: adapter.write("a", b""),
    lambda adapter: adapter.write_atomic("a", b""),
    lambda adapter: adapter.open_atomic("a"),
    lambda adapter: adapter.delete("a"),
    lambda adapter: adapter.delete_folder("a"),
    lambda adapter: adapter.list_files(""),
    lambda adapter: adapter.list_folders(""),
    lambda adapter: adapter.iter_children(""),
    lambda adapter: adapter.glob("*"),
    lambda adapter: adapter.get_file_info("a"),
    lambda adapter: adapter.get_folder_info("a"),
    lambda adapter: adapter.move("a", "b"),
    lambda adapter: adapter.copy("a", "b"),
    lambda adapter: adapter.check_health(),
]


@pytest.fixture
def adapter() -> Any:
    with AsyncBackendSyncAdapter(AsyncMemoryBackend()) as adapter:
        yield adapter


def test_anything_but_an_async_backend_is_refused() -> None:
    """CONTRACT 97: a TypeError that says what is wanted."""
    with pytest.raises(TypeError, match="AsyncBackend"):
        AsyncBackendSyncAdapter(object())


def test_the_loop_runs_on_a_daemon_thread_from_the_start() -> None:
    """CONTRACT 97: one thread per adapter, started by the constructor, gone after close."""
    before = set(threading.enumerate())
    adapter = AsyncBackendSyncAdapter(AsyncMemoryBackend())
    (thread,) = set(threading.enumerate()) - before
    assert thread.daemon
    adapter.close()
    assert not thread.is_alive()


@pytest.mark.anyio
@pytest.mark.parametrize("call", CALLS)
async def test_a_running_loop_is_refused(call: Any, adapter: AsyncBackendSyncAdapter) -> None:
    """CONTRACT 98: every call from a thread with a running loop raises, in asyncio and in trio."""
    with pytest.raises(RuntimeError, match="AsyncBackendSyncAdapter cannot be called from a running event loop"):
        call(adapter)


@pytest.mark.anyio
async def test_worker_threads_of_a_loop_may_call(adapter: AsyncBackendSyncAdapter) -> None:
    """CONTRACT 98: what counts is a loop in this very thread; a caller's trio context is no hindrance."""
    await anyio.to_thread.run_sync(adapter.write, "a", io.BytesIO(b"x"))
    assert await anyio.to_thread.run_sync(adapter.read_bytes, "a") == b"x"


@pytest.mark.parametrize("call", CALLS)
def test_a_closed_adapter_says_so(call: Any, adapter: AsyncBackendSyncAdapter) -> None:
    """CONTRACT 91: RuntimeError and BackendUnavailable in one, for every call, the lazy ones too."""
    adapter.close()
    with pytest.raises(RuntimeError, match="AsyncBackendSyncAdapter is closed") as caught:
        call(adapter)
    assert isinstance(caught.value, BackendUnavailable)


def test_capabilities_lose_seeking_and_gain_nothing(adapter: AsyncBackendSyncAdapter) -> None:
    """CONTRACT 99: the wrapped backend's, minus SEEKABLE_READ."""
    assert set(adapter.capabilities) == set(AsyncMemoryBackend.CAPABILITIES) - {Capability.SEEKABLE_READ}
    assert set(adapter.capabilities) <= set(AsyncBackendSyncAdapter.CAPABILITIES)


def test_an_exception_arrives_as_the_same_object() -> None:
    """CONTRACT 100: not a copy, not wrapped."""
    error = ValueError("mine")

    async def fail() -> bool:
        raise error

    with AsyncBackendSyncAdapter(Hooked(exists=fail)) as adapter, pytest.raises(ValueError, match="mine") as caught:
        adapter.exists("a")
    assert caught.value is error


def test_the_callers_context_is_seen_on_the_loop() -> None:
    """The coroutine runs in a copy of the caller's context variables."""
    from contextvars import ContextVar

    var: ContextVar[str] = ContextVar("var")
    seen: list[str] = []

    async def look() -> bool:
        seen.append(var.get())
        return True

    with AsyncBackendSyncAdapter(Hooked(exists=look)) as adapter:
        var.set("here")
        adapter.exists("a")
    assert seen == ["here"]


# Listings


def test_a_missing_listing_fails_at_the_first_entry_only(adapter: AsyncBackendSyncAdapter) -> None:
    """CONTRACT 101: the call itself succeeds; CONTRACT 104: after the error the iterator is at its end."""
    entries = adapter.glob("*")
    with pytest.raises(CapabilityNotSupported, match="does not support glob"):
        next(entries)
    assert list(entries) == []


def test_entries_before_an_error_come_before_it() -> None:
    """CONTRACT 104: nothing is lost to the page that the error cut short."""
    with AsyncBackendSyncAdapter(Listing(300, NotFound("gone"))) as adapter:
        entries = adapter.list_files("")
        assert len([next(entries) for _ in range(300)]) == 300
        with pytest.raises(NotFound, match="gone"):
            next(entries)
        assert next(entries, None) is None


@pytest.mark.parametrize("backend", ["pages", "iterator"])
def test_a_listing_crosses_the_threads_by_page(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: 1,000 entries take a crossing for each 256 of them and one for the end."""
    from remote_store._bridge.portal import LoopThread

    inner: AsyncBackend = Listing(1000)
    if backend == "pages":
        inner = AsyncMemoryBackend()
        for i in range(1000):
            inner.blocking.write(f"f{i}", b"")
    crossings = 0
    call = LoopThread.call

    def counted(self: LoopThread, function: Any, *args: object, **options: object) -> Any:
        nonlocal crossings
        crossings += 1
        return call(self, function, *args, **options)

    monkeypatch.setattr(LoopThread, "call", counted)
    with AsyncBackendSyncAdapter(inner) as adapter:
        assert len(list(adapter.list_files(""))) == 1000
    assert crossings <= 5


def test_a_dropped_listing_is_closed_without_waiting() -> None:
    """CONTRACT 104: its aclose is scheduled; the collector goes on at once."""
    backend = Listing(1000)
    with AsyncBackendSyncAdapter(backend) as adapter:
        entries = adapter.list_files("")
        next(entries)
        del entries
        adapter.exists("")  # one more turn of the loop
    assert backend.entries.closed


# Writing


class Recorded(io.BytesIO):
    """Tells how it was read."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.sizes: set[int | None] = set()
        self.threads: set[threading.Thread] = set()

    def read(self, size: int | None = -1) -> bytes:
        self.sizes.add(size)
        self.threads.add(threading.current_thread())
        return super().read(size)


def test_a_file_is_read_in_pieces_in_a_worker_thread(adapter: AsyncBackendSyncAdapter) -> None:
    """CONTRACT 105: 64 KiB at a time, neither on the loop nor on the caller's thread; CONTRACT 41: not closed."""
    file = Recorded(bytes(300_000))
    assert adapter.write("a", file).size == 300_000
    assert file.sizes == {65536}
    assert threading.current_thread() not in file.threads
    assert all("loop" not in thread.name for thread in file.threads)
    assert not file.closed


@pytest.mark.parametrize("content", [b"abc", bytearray(b"abc"), memoryview(b"abc"), [b"a", b"bc"], iter([b"abc"])])
def test_all_kinds_of_content_are_written(content: Any, adapter: AsyncBackendSyncAdapter) -> None:
    """CONTRACT 41, 105."""
    adapter.write("a", content)
    assert adapter.read_bytes("a") == b"abc"


async def _async_bytes() -> Any:
    yield b"a"


@pytest.mark.parametrize("content", ["text", 1, io.StringIO("text"), _async_bytes()])
def test_other_content_is_refused(content: Any, adapter: AsyncBackendSyncAdapter) -> None:
    """DECISIONS 13: text and async iterators are a TypeError, and nothing is written."""
    with pytest.raises(TypeError):
        adapter.write("a", content)
    assert not adapter.exists("a")


@pytest.mark.parametrize("method", ["write", "write_atomic"])
def test_a_failing_read_propagates_and_nothing_is_written(method: str, adapter: AsyncBackendSyncAdapter) -> None:
    """CONTRACT 105, 49: the content's error comes as it is."""
    error = OSError("tape torn")

    class Torn(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise error

    with pytest.raises(OSError, match="tape torn") as caught:
        getattr(adapter, method)("a", Torn())
    assert caught.value is error
    assert not adapter.exists("a")


def test_if_match_is_handed_on_only_when_given(adapter: AsyncBackendSyncAdapter) -> None:
    """DECISIONS 8: an old backend without the parameter goes on working."""

    class Old(AsyncMemoryBackend):
        async def write(self, path: str, content: Any, *, overwrite: bool = False, metadata: Any = None) -> Any:  # type: ignore[override]
            return await super().write(path, content, overwrite=overwrite, metadata=metadata)

    with AsyncBackendSyncAdapter(Old()) as old:
        assert old.write("a", b"1").size == 1
    etag = adapter.write("a", b"1").etag
    assert adapter.write("a", b"2", if_match=etag).size == 1


@pytest.mark.parametrize("size", [3, 9 * 1024 * 1024])
def test_open_atomic_writes_on_a_clean_exit_only(size: int, adapter: AsyncBackendSyncAdapter) -> None:
    """CONTRACT 106, 50: a failed block leaves nothing; errors of the flush come from the exit; twice out, once written."""
    with pytest.raises(KeyError), adapter.open_atomic("a") as file:
        file.write(b"half")
        raise KeyError
    assert not adapter.exists("a")
    block = adapter.open_atomic("a")
    with block as file:
        file.write(bytes(size))
        assert not adapter.exists("a")
    block.__exit__(None, None, None)
    assert adapter.get_file_info("a").size == size
    with pytest.raises(FileExistsError), adapter.open_atomic("a") as file:
        file.write(b"again")


def test_open_atomic_survives_a_wrapper_that_closes_it(adapter: AsyncBackendSyncAdapter) -> None:
    """CONTRACT 50: a text wrapper closes what it wraps; the content counts all the same."""
    with adapter.open_atomic("a") as file, io.TextIOWrapper(file) as text:
        text.write("abc")
    assert adapter.read_bytes("a") == b"abc"


# Native handles and pickling


def test_unwrap_refuses_what_is_bound_to_the_loop(adapter: AsyncBackendSyncAdapter) -> None:
    """CONTRACT 109, 83."""
    with pytest.raises(CapabilityNotSupported, match="AsyncBackendSyncAdapter") as caught:
        adapter.unwrap(dict)
    assert caught.value.capability == "unwrap"
    assert "does not expose native handle" in str(caught.value)


def test_unwrap_gives_a_sync_safe_handle() -> None:
    """CONTRACT 109: recognised by its method, no base class needed."""

    class Safe(AsyncMemoryBackend):
        def sync_safe_unwrap(self, type_hint: type) -> Any:
            return type_hint()

    with AsyncBackendSyncAdapter(Safe()) as adapter:
        assert isinstance(Safe(), _SyncSafeHandleProvider)
        assert adapter.unwrap(dict) == {}


class Picklable(AsyncMemoryBackend):
    def __reduce__(self) -> Any:
        return (Picklable, ())


def test_an_adapter_pickles_when_its_backend_does(adapter: AsyncBackendSyncAdapter) -> None:
    """DECISIONS 19: by the constructor's argument; a memory backend refuses."""
    with AsyncBackendSyncAdapter(Picklable()) as original, pickle.loads(pickle.dumps(original)) as copy:
        assert copy.write("a", b"1").size == 1
        assert not original.exists("a")
    with pytest.raises(TypeError, match="memory backend can't be pickled"):
        pickle.dumps(adapter)


# Closing


def test_close_is_idempotent_and_closes_the_backend_once() -> None:
    """CONTRACT 107: also when many threads close at a time."""
    backend = Hooked()
    adapter = AsyncBackendSyncAdapter(backend)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: adapter.close(), range(8)))
    adapter.close()
    assert backend.closings == 1


def test_close_lets_running_calls_end() -> None:
    """CONTRACT 107: the drain waits for what runs, and for what that starts."""
    entered, go_on = threading.Event(), threading.Event()

    async def wait() -> bool:
        entered.set()
        await anyio.to_thread.run_sync(go_on.wait)
        return True

    adapter = AsyncBackendSyncAdapter(Hooked(exists=wait, aclose=lambda: anyio.to_thread.run_sync(go_on.set)))
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(adapter.exists, "a")
        entered.wait()
        adapter.close()
        assert call.result() is True


def test_errors_of_closing_the_backend_are_warnings(caplog: pytest.LogCaptureFixture) -> None:
    """CONTRACT 107: logged, not raised."""

    async def fail() -> None:
        raise OSError("no goodbye")

    AsyncBackendSyncAdapter(Hooked(aclose=fail)).close()
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("remote_store._async_to_sync_adapter", logging.WARNING)
    assert "no goodbye" in record.getMessage()


def test_a_close_that_times_out_warns_once_and_lets_nobody_hang(caplog: pytest.LogCaptureFixture) -> None:
    """CONTRACT 107: one warning; what still runs is cancelled, and its caller hears that the adapter is closed."""
    entered = threading.Event()

    async def hang() -> bool:
        entered.set()
        await anyio.sleep_forever()
        return True

    adapter = AsyncBackendSyncAdapter(Hooked(exists=hang))
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(adapter.exists, "a")
        entered.wait()
        adapter.close(timeout=0.05)
        with pytest.raises(RuntimeError, match="is closed"):
            call.result(timeout=10)
    assert [r for r in caplog.records if "AsyncBackendSyncAdapter close timed out" in r.getMessage()] == caplog.records
    assert len(caplog.records) == 1


def test_a_stuck_loop_can_be_closed_within_the_timeout(caplog: pytest.LogCaptureFixture) -> None:
    """CONTRACT 107: a backend that blocks its loop delays nobody beyond the timeout."""
    entered, go_on = threading.Event(), threading.Event()

    async def block() -> bool:
        entered.set()
        go_on.wait()
        return True

    adapter = AsyncBackendSyncAdapter(Hooked(exists=block))
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(adapter.exists, "a")
        entered.wait()
        start = time.monotonic()
        adapter.close(timeout=0.05)
        assert time.monotonic() - start < 5
        go_on.set()
        call.exception(timeout=10)  # a result or the error, but an end


# Many threads


def test_32_threads_call_at_once() -> None:
    """CONTRACT 108: they are all on the loop at the same time, and none waits for another."""
    together = threading.Barrier(32)

    async def meet() -> bool:
        await anyio.to_thread.run_sync(together.wait)
        return True

    with AsyncBackendSyncAdapter(Hooked(exists=meet)) as adapter, ThreadPoolExecutor(32) as pool:
        assert all(pool.map(adapter.exists, ["a"] * 32, timeout=30))


def test_calls_that_race_with_close_end() -> None:
    """CONTRACT 108: with a result or a RuntimeError, never in a hang."""
    for _ in range(20):
        adapter = AsyncBackendSyncAdapter(AsyncMemoryBackend())
        start = threading.Barrier(9)

        def call(adapter: AsyncBackendSyncAdapter = adapter, start: threading.Barrier = start) -> int:
            start.wait()
            for done in range(100):
                try:
                    adapter.exists("a")
                except BackendClosed:
                    return done
            return 100

        with ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(call) for _ in range(8)]
            start.wait()
            adapter.close()
            assert all(c.result(timeout=30) <= 100 for c in calls)


def test_an_adapter_that_is_dropped_ends_its_thread() -> None:
    """CONTRACT 93, STYLE 5: no warning, no waiting, no leak."""
    before = set(threading.enumerate())
    adapter = AsyncBackendSyncAdapter(AsyncMemoryBackend())
    adapter.exists("a")
    (thread,) = set(threading.enumerate()) - before
    del adapter
    thread.join(10)
    assert not thread.is_alive()
