"""The adapter's chunk-pull stream: CONTRACT 101-103."""

from __future__ import annotations

import gc
import io
import logging
from typing import Any

import pytest

from remote_store._bridge.to_sync import AsyncBackendSyncAdapter
from remote_store._core.errors import NotFound
from remote_store.backends.memory.backend import AsyncMemoryBackend
from tests.bridge.scripted import Arrived, Chunks, Reading


@pytest.fixture
def opened() -> Any:
    """A function that opens a stream over given chunks."""
    adapters: list[AsyncBackendSyncAdapter] = []

    def over(*items: Any, kind: type[Chunks] = Chunks, **options: Any) -> tuple[Any, Chunks]:
        chunks = kind(*items, **options)
        adapters.append(AsyncBackendSyncAdapter(Reading(chunks)))
        return adapters[-1].read("a"), chunks

    yield over
    for adapter in adapters:
        adapter.close()


def test_a_missing_file_shows_at_the_first_read() -> None:
    """CONTRACT 101: not at the call."""
    with AsyncBackendSyncAdapter(AsyncMemoryBackend()) as adapter:
        stream = adapter.read("nope")
        with pytest.raises(NotFound):
            stream.read(1)
        assert stream.read() == b""


def test_the_stream_is_raw_and_goes_forward_only(opened: Any) -> None:
    """CONTRACT 102, 34."""
    stream, _ = opened(b"ab")
    with stream:
        assert isinstance(stream, io.RawIOBase)
        assert stream.readable()
        assert not stream.seekable()
        assert not stream.writable()
        for method in (stream.fileno, stream.tell, lambda: stream.seek(0)):
            with pytest.raises(io.UnsupportedOperation):
                method()
    assert stream.closed


@pytest.mark.parametrize(("kind", "taken"), [(Chunks, 1), (Arrived, 11)])
def test_what_is_here_already_crosses_the_threads_together(opened: Any, kind: type[Chunks], taken: int) -> None:
    """Issue 9: one crossing for a mebibyte, not one for each chunk; nothing is waited for that was not asked for."""
    stream, chunks = opened(*[bytes([number]) * 100_000 for number in range(20)], kind=kind)
    assert stream.read(1) == b"\x00"
    assert chunks.taken == taken
    assert stream.read() == b"".join([bytes([number]) * 100_000 for number in range(20)])[1:]


def test_read_joins_chunks_up_to_the_size_asked_for(opened: Any) -> None:
    """CONTRACT 102: and takes no more chunks than that needs."""
    stream, chunks = opened(b"abc", b"de", b"fghi", b"j")
    assert stream.read(0) == b""
    assert chunks.taken == 0
    assert stream.read(4) == b"abcd"
    assert chunks.taken == 2
    assert stream.read(3) == b"efg"
    assert stream.read() == b"hij"
    assert stream.read(5) == b""
    assert stream.read() == b""


def test_readinto_and_buffered_readers_work(opened: Any) -> None:
    """CONTRACT 102, 34: readinto returns an int; lines come."""
    stream, _ = opened(b"one\ntw", b"o\n", b"three")
    buffer = bytearray(2)
    assert stream.readinto(buffer) == 2
    assert bytes(buffer) == b"on"
    assert stream.readline() == b"e\n"
    assert io.BufferedReader(stream).readlines() == [b"two\n", b"three"]


def test_an_error_in_mid_stream_comes_once(opened: Any) -> None:
    """CONTRACT 103: then the stream is at its end, and the broken iterator is not asked again."""
    stream, chunks = opened(b"abc", OSError("cut"), b"never")
    assert stream.read(2) == b"ab"
    with pytest.raises(OSError, match="cut"):
        stream.read()
    assert stream.read(1) == b""
    assert stream.readinto(bytearray(1)) == 0
    assert chunks.items == [b"never"]


def test_a_closed_stream_refuses(opened: Any) -> None:
    """CONTRACT 103: ValueError; closing twice is fine; the iterator was closed."""
    stream, chunks = opened(b"abc")
    stream.read(1)
    stream.close()
    stream.close()
    assert chunks.closed
    for use in (stream.read, lambda: stream.read(1), lambda: stream.readinto(bytearray(1)), stream.readline):
        with pytest.raises(ValueError, match="I/O operation on closed file"):
            use()


def test_a_stream_outlives_its_adapter_by_one_error() -> None:
    """CONTRACT 103: "is closed" once, then the end; closing it then is quiet."""
    adapter = AsyncBackendSyncAdapter(Reading(Chunks(b"abc", b"def")))
    stream = adapter.read("a")
    assert stream.read(3) == b"abc"
    adapter.close()
    with pytest.raises(RuntimeError, match="is closed"):
        stream.read(3)
    assert stream.read(3) == b""
    stream.close()


def test_an_error_of_aclose_is_a_debug_line(opened: Any, caplog: pytest.LogCaptureFixture) -> None:
    """CONTRACT 103."""
    caplog.set_level(logging.DEBUG, "remote_store._async_to_sync_adapter")
    stream, _ = opened(b"abc", on_close=OSError("no"))
    stream.read(1)
    stream.close()
    assert ["stream aclose raised" in r.getMessage() for r in caplog.records] == [True]
    assert caplog.records[0].levelno == logging.DEBUG


@pytest.mark.parametrize("wrap", [lambda stream: stream, io.BufferedReader], ids=["raw", "buffered"])
def test_a_stream_dropped_half_way_warns_and_is_closed_without_waiting(wrap: Any) -> None:
    """DECISIONS 16: a ResourceWarning; the iterator's close is only scheduled."""
    chunks = Chunks(b"abc", b"def")
    with AsyncBackendSyncAdapter(Reading(chunks)) as adapter:
        stream = wrap(adapter.read("a"))
        stream.read(1)
        with pytest.warns(ResourceWarning, match="unclosed stream of 'a'"):
            del stream
            gc.collect()
        adapter.exists("")  # one more turn of the loop
        assert chunks.closed


def test_a_stream_read_to_its_end_may_be_dropped(opened: Any) -> None:
    """DECISIONS 16: there is nothing left to warn of."""
    stream, _ = opened(b"abc")
    assert stream.read() == b"abc"
    del stream
    gc.collect()


@pytest.mark.anyio
async def test_in_a_running_loop_a_stream_refuses_and_stays_whole(opened: Any) -> None:
    """CONTRACT 98: the refusal is not taken for the stream's one error."""
    import anyio

    stream, _ = await anyio.to_thread.run_sync(opened, b"abc")
    with pytest.raises(RuntimeError, match="running event loop"):
        stream.read()
    assert await anyio.to_thread.run_sync(stream.read) == b"abc"
    stream.close()


def test_a_stream_of_one_store_can_be_written_to_the_same_store() -> None:
    """The content is read in a worker thread, so the loop is free to serve it."""
    with AsyncBackendSyncAdapter(AsyncMemoryBackend()) as adapter:
        adapter.write("a", bytes(1_000_000))
        with adapter.read("a") as stream:
            adapter.write("b", stream)
        assert adapter.get_file_info("b").size == 1_000_000
