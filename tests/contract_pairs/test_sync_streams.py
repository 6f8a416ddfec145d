"""Seekable streams of the sync side, held to io.BytesIO: CONTRACT 34, 35, 37."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from remote_store import AsyncBackendSyncAdapter, Backend, BackendUnavailable, CapabilitySet, NotFound, Store
from remote_store._contract._sync.streams import RangeReader, seekable, spooled
from remote_store.aio import AsyncLocalBackend, AsyncMemoryBackend
from remote_store.backends import LocalBackend, MemoryBackend
from tests.drop_in.third_party import CAPABILITIES, TableBackend

SIZE = 1_000
DATA = bytes(value % 251 for value in range(SIZE))


class Forward(io.RawIOBase):
    """A stream that can't seek; it may fail after some bytes."""

    def __init__(self, data: bytes, fail_at: int | None = None) -> None:
        super().__init__()
        self._source = io.BytesIO(data)
        self._fail_at = fail_at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if self._fail_at is not None and self._source.tell() >= self._fail_at:
            raise BackendUnavailable("connection lost")
        return self._source.readinto(memoryview(buffer)[:97])


class ForwardOnly(TableBackend):
    """A third party's backend whose streams can't seek."""

    def read(self, path: str) -> Any:
        self.last = Forward(self.table.load(path))
        return self.last


def _ranged(data: bytes) -> RangeReader:
    def fill(view: memoryview, start: int) -> int:
        piece = data[start : start + len(view)]
        view[: len(piece)] = piece
        return len(piece)

    return RangeReader(fill, len(data))


MAKERS: dict[str, Callable[[bytes], Any]] = {
    "range reader": lambda data: io.BufferedReader(_ranged(data), 64),
    "raw range reader": _ranged,
    "spooled": lambda data: spooled(Forward(data)),  # type: ignore[arg-type]
}
STEPS = some.lists(
    some.one_of(
        some.tuples(some.just("read"), some.integers(-1, 400)),
        some.tuples(some.just("readinto"), some.integers(0, 400)),
        some.tuples(some.just("readline"), some.integers(-1, 400)),
        some.tuples(some.just("seek"), some.tuples(some.integers(0, 1500), some.just(io.SEEK_SET))),
        some.tuples(some.just("seek"), some.tuples(some.integers(-300, 300), some.just(io.SEEK_CUR))),
        some.tuples(some.just("seek"), some.tuples(some.integers(-1200, 100), some.just(io.SEEK_END))),
        some.tuples(some.just("tell"), some.none()),
    ),
    max_size=12,
)


def _do(stream: Any, name: str, argument: Any) -> Any:
    """The outcome of one step; the texts of errors are not compared."""
    try:
        if name == "readinto":
            buffer = bytearray(argument)
            return stream.readinto(buffer), bytes(buffer)
        if name == "seek":
            return stream.seek(*argument)
        return getattr(stream, name)(*() if argument is None else (argument,))
    except (ValueError, OSError):
        return "refused"


def _follow(stream: Any, model: io.BytesIO, steps: list[tuple[str, Any]]) -> None:
    with stream:
        for name, argument in steps:
            found = _do(stream, name, argument)
            if name == "seek" and found == "refused":  # before the start: BytesIO stops at 0, a file may refuse
                base = {io.SEEK_SET: 0, io.SEEK_CUR: model.tell(), io.SEEK_END: SIZE}[argument[1]]
                assert base + argument[0] < 0
                continue
            assert found == _do(model, name, argument), (name, argument)


@pytest.mark.parametrize("kind", MAKERS)
@given(steps=STEPS)
def test_it_behaves_as_a_file_in_memory(kind: str, steps: list[tuple[str, Any]]) -> None:
    """CONTRACT 35: reads, lines, jumps before and behind the end."""
    _follow(MAKERS[kind](DATA), io.BytesIO(DATA), steps)


STORES: dict[str, Callable[[Path], Store]] = {
    "local": lambda folder: Store(LocalBackend(str(folder))),
    "memory": lambda folder: Store(MemoryBackend()),
    "adapted memory": lambda folder: Store(AsyncBackendSyncAdapter(AsyncMemoryBackend())),
    "adapted local": lambda folder: Store(AsyncBackendSyncAdapter(AsyncLocalBackend(str(folder)))),
    "third-party": lambda folder: Store(ForwardOnly()),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with STORES[request.param](tmp_path) as store:
        store.write("key", DATA)
        yield store


def test_read_seekable_behaves_as_a_file_in_memory(store: Store) -> None:
    """CONTRACT 37: on every kind of backend, by ranges or by a copy."""

    @given(steps=STEPS)
    def follow(steps: list[tuple[str, Any]]) -> None:
        _follow(store.read_seekable("key"), io.BytesIO(DATA), steps)

    follow()


def test_streams_of_read_behave(store: Store) -> None:
    """CONTRACT 34: position 0, readable, lines, `b""` at the end, closed after the block."""
    store.write("lines", b"one\ntwo\nthree", overwrite=True)
    with store.read("lines") as stream:
        assert stream.readable()
        assert not stream.writable()
        assert list(stream) == [b"one\n", b"two\n", b"three"]
        assert (stream.read(), stream.read(5)) == (b"", b"")
    assert stream.closed
    with pytest.raises(ValueError, match="closed"):
        stream.read(1)
    with store.read("lines") as stream:
        buffer = bytearray(4)
        assert stream.readinto(buffer) == 4  # type: ignore[attr-defined]
        assert buffer == b"one\n"
        assert stream.read(2) == b"tw"
    with store.read("key") as stream, io.BufferedReader(stream) as buffered:  # type: ignore[type-var]
        assert buffered.read() == DATA


def test_read_seekable_starts_at_the_beginning_and_fails_at_the_call(store: Store) -> None:
    """CONTRACT 37, 32."""
    with store.read_seekable("key") as stream:
        assert stream.seekable()
        assert stream.tell() == 0
        assert stream.seek(0, io.SEEK_END) == SIZE
    with pytest.raises(NotFound):
        store.read_seekable("missing")


def test_a_seekable_stream_is_handed_on_itself() -> None:
    """CONTRACT 37: no copy, and no wrapper."""
    stream = io.BytesIO(DATA)
    assert seekable(stream, None) is stream
    backend = TableBackend()
    own = io.BytesIO(DATA)
    backend.read = lambda path: own  # type: ignore[method-assign]
    assert Backend.read_seekable(backend, "key") is own


def test_the_source_is_closed_once_it_is_copied() -> None:
    """CONTRACT 37."""
    backend = ForwardOnly()
    backend.write("key", DATA)
    with backend.read_seekable("key") as stream:
        assert backend.last.closed
        assert stream.read() == DATA


def test_a_failing_copy_closes_source_and_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CONTRACT 37: with the source's own error, and no temporary file left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    source: Any = Forward(b"x" * 20_000_000, fail_at=10_000_000)
    with pytest.raises(BackendUnavailable):
        spooled(source)
    assert source.closed
    assert list(tmp_path.iterdir()) == []


def test_a_large_copy_moves_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CONTRACT 37: 8 MiB stay in memory, what is larger does not."""
    for size, on_disk in ((8 * 1024 * 1024, False), (8 * 1024 * 1024 + 1, True)):
        with spooled(io.BytesIO(bytes(size))) as copy:
            assert copy._rolled is on_disk  # type: ignore[attr-defined]
            assert copy.seek(0, io.SEEK_END) == size


def test_ranges_are_fetched_where_they_are_declared() -> None:
    """CONTRACT 37, DECISIONS 15: a backend with RANGED_READ is asked for what is read, not for all."""
    from remote_store import Capability

    fetched = []

    class Ranged(ForwardOnly):
        @property
        def capabilities(self) -> CapabilitySet:
            return CapabilitySet({*CAPABILITIES, Capability.RANGED_READ})

        def read_into(self, path: str, buffer: Any, start: int = 0) -> int:
            fetched.append((start, len(buffer)))
            return super().read_into(path, buffer, start)

    store = Store(Ranged())
    store.write("key", bytes(1_000_000))
    with store.read_seekable("key") as stream:
        assert fetched == []
        stream.seek(-10, io.SEEK_END)
        assert stream.read() == bytes(10)
    assert [start for start, _ in fetched] == [999_990]


def test_a_range_reader_refuses_what_a_file_refuses() -> None:
    """CONTRACT 35: bad origins and positions; any use once it is closed."""
    reader = _ranged(DATA)
    for bad in ((-1, io.SEEK_SET), (-SIZE - 1, io.SEEK_END), (0, 5)):
        with pytest.raises(ValueError):
            reader.seek(*bad)
    with pytest.raises(io.UnsupportedOperation):
        reader.fileno()
    reader.close()
    for use in (reader.tell, lambda: reader.read(1), lambda: reader.seek(0)):
        with pytest.raises(ValueError, match="closed"):
            use()


class Bare:
    """The least that a third party may return from `read`."""

    def __init__(self, data: bytes) -> None:
        self._source = io.BytesIO(data)
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        return self._source.read(size)

    def close(self) -> None:
        self.closed = True


class BareStreams(TableBackend):
    """A third party's backend whose streams can be read and closed, and nothing else."""

    def read(self, path: str) -> Any:
        self.last = Bare(self.table.load(path))
        return self.last


def test_a_stream_with_read_and_close_alone_serves_every_read() -> None:
    """CONTRACT 4, 37: the defaults ask a backend's stream for no more than that."""
    backend = BareStreams()
    backend.write("a", DATA)
    with backend.read_seekable("a") as stream:
        assert (stream.seek(-3, io.SEEK_END), stream.read()) == (SIZE - 3, DATA[-3:])
    assert backend.last.closed
    buffer = bytearray(10)
    assert backend.read_into("a", buffer, 5) == 10
    assert bytes(buffer) == DATA[5:15]
    assert backend.last.closed
    assert backend.read_ranges("a", [(0, 2), (990, 2000)]) == [DATA[:2], DATA[990:]]
    assert backend.last.closed
