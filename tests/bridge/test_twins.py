"""What the generated sync backends stand on: DECISIONS 3-5, 17-19."""

from __future__ import annotations

import io
import pickle
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from remote_store._bridge.twins import LoopTwin, original_of
from remote_store._core.capability import Capability
from remote_store._core.errors import AlreadyExists, BackendClosed, CapabilityNotSupported, InvalidPath, NotFound
from remote_store.backends.local.sync import LocalBackend
from remote_store.backends.memory.backend import AsyncMemoryBackend
from remote_store.backends.memory.sync import MemoryBackend


class MemoryOnLoop(LoopTwin):
    """What the generator will write for a remote backend, over the one that is here."""

    CAPABILITIES = AsyncMemoryBackend.CAPABILITIES

    def __init__(self, backend: AsyncMemoryBackend | None = None) -> None:
        super().__init__(backend or Ranged())


class Ranged(AsyncMemoryBackend):
    """Counts the ranges fetched; streams 1 KiB a chunk."""

    def __init__(self) -> None:
        super().__init__()
        self.ranges = 0
        self.streams_closed = 0

    def read(self, path: str) -> AsyncIterator[bytes]:  # type: ignore[override]
        async def chunks() -> AsyncIterator[bytes]:
            data = await self.read_bytes(path)
            try:
                for i in range(0, len(data), 1024):
                    yield data[i : i + 1024]
            finally:
                self.streams_closed += 1

        return chunks()

    async def read_into(self, path: str, buffer: Any, start: int = 0) -> int:
        self.ranges += 1
        return await super().read_into(path, buffer, start)

    def _constructor_arguments(self) -> Any:
        return {}


@pytest.fixture
def twin() -> Any:
    with MemoryOnLoop() as twin:
        yield twin


# The blocking kind


def test_a_blocking_twin_starts_no_thread() -> None:
    """DECISIONS 3, 5: its calls run on the caller's thread."""
    before = set(threading.enumerate())
    backend = MemoryBackend()
    backend.write("a/b", io.BytesIO(b"x"))
    assert backend.read("a/b").read() == b"x"
    assert [str(info.path) for info in backend.list_files("a")] == ["a/b"]
    backend.close()
    assert set(threading.enumerate()) == before


def test_a_blocking_twin_goes_by_its_own_name() -> None:
    """CONTRACT 112, 86, DECISIONS 4: in its name, its text and its errors."""
    backend = MemoryBackend()
    backend.write("a/b", b"")
    assert backend.name == "memory"
    assert repr(backend) == "MemoryBackend(files=1, folders=1)"
    with pytest.raises(NotFound) as caught:
        backend.read("nope")
    assert caught.value.backend == "memory"
    assert AsyncMemoryBackend().name == "async-memory"


@pytest.mark.anyio
async def test_a_blocking_twin_works_in_a_running_loop() -> None:
    """DECISIONS 17: it blocks, as any sync call does."""
    assert MemoryBackend().write("a", b"1").size == 1


def test_a_blocking_twin_is_usable_after_close(tmp_path: Path) -> None:
    """CONTRACT 90."""
    for backend in (MemoryBackend(), LocalBackend(str(tmp_path))):
        backend.write("a", b"1")
        backend.close()
        assert backend.read_bytes("a") == b"1"
        assert not backend.close_is_terminal


def test_capabilities_are_those_the_class_writes_out(tmp_path: Path) -> None:
    """CONTRACT 85: of the instance, a subset of the class's."""
    for backend in (MemoryBackend(), LocalBackend(str(tmp_path))):
        assert backend.capabilities == type(backend).CAPABILITIES
    assert Capability.SEEKABLE_READ in MemoryBackend.CAPABILITIES


def test_glob_without_support_says_so() -> None:
    """CONTRACT 65."""
    with pytest.raises(CapabilityNotSupported, match="does not support glob"):
        MemoryBackend().glob("*")


def test_pickling_is_by_constructor_arguments(tmp_path: Path) -> None:
    """DECISIONS 19: a local backend comes back the same; a memory backend refuses."""
    backend = LocalBackend(str(tmp_path))
    backend.write("a", b"1")
    copy = pickle.loads(pickle.dumps(backend))
    assert type(copy) is LocalBackend
    assert copy.read_bytes("a") == b"1"
    with pytest.raises(TypeError, match="can't be pickled"):
        pickle.dumps(MemoryBackend())


# The kind with a loop


def test_a_loop_twin_starts_its_thread_at_the_first_call() -> None:
    """DECISIONS 3: an idle backend costs neither a thread nor a descriptor."""
    before = set(threading.enumerate())
    twin = MemoryOnLoop()
    assert set(threading.enumerate()) == before
    twin.exists("a")
    assert len(set(threading.enumerate()) - before) == 1
    twin.close()
    assert set(threading.enumerate()) == before


def test_a_loop_twin_is_usable_after_close_unless_that_is_terminal(twin: MemoryOnLoop) -> None:
    """CONTRACT 90: a class that closes for good says by its own name that it is closed."""
    twin.write("a", b"1")
    twin.close()
    assert twin.read_bytes("a") == b"1"

    class Terminal(MemoryOnLoop):
        close_is_terminal = True

    terminal = Terminal()
    terminal.close()
    with pytest.raises(BackendClosed, match="Terminal is closed"):
        terminal.exists("..")


@pytest.mark.anyio
async def test_a_loop_twin_works_in_a_running_loop(twin: MemoryOnLoop) -> None:
    """DECISIONS 17: on asyncio and on trio, streams and listings too."""
    twin.write("a", io.BytesIO(b"abc"))
    with twin.read("a") as stream:
        assert stream.read() == b"abc"
    assert [info.name for info in twin.list_files("")] == ["a"]


def test_a_loop_twin_opens_at_read(twin: MemoryOnLoop) -> None:
    """CONTRACT 32: NotFound at call time."""
    with pytest.raises(NotFound) as caught:
        twin.read("nope")
    assert caught.value.backend == "memory"


def test_a_loop_twin_reads_forward_without_fetching_ranges(twin: MemoryOnLoop) -> None:
    """CONTRACT 34, 36: one open object as long as nobody seeks."""
    data = bytes(range(256)) * 4000
    twin.write("a", data)
    with twin.read("a") as stream:
        assert stream.tell() == 0
        assert stream.read(10) == data[:10]
        assert stream.read() == data[10:]
        assert stream.read() == b""
    inner: Any = twin._async_backend
    assert inner.ranges == 0
    assert inner.streams_closed == 1


def test_a_loop_twin_seeks_by_ranges(twin: MemoryOnLoop) -> None:
    """CONTRACT 35: the new position comes back, the end is the true size, negative offsets from the end work."""
    data = bytes(range(256)) * 4000
    twin.write("a", data)
    with twin.read("a") as stream:
        assert stream.seekable()
        assert stream.read(3) == data[:3]
        assert stream.seek(500_000) == 500_000
        assert stream.read(7) == data[500_000:500_007]
        assert stream.tell() == 500_007
        assert stream.seek(0, io.SEEK_END) == len(data)
        assert stream.read(1) == b""
        assert stream.seek(-5, io.SEEK_END) == len(data) - 5
        assert stream.read() == data[-5:]
        assert stream.seek(0) == 0
        assert stream.read() == data
        with pytest.raises(ValueError, match="negative"):
            stream.seek(-1)
    assert twin.read_seekable("a").read(2) == data[:2]


def test_small_reads_share_a_range(twin: MemoryOnLoop) -> None:
    """DESIGN 6: 1,000 records of 8 bytes somewhere in the file are one request."""
    twin.write("a", bytes(1_000_000))
    with twin.read("a") as stream:
        stream.seek(400_000)
        for _ in range(1000):
            stream.read(8)
    inner: Any = twin._async_backend
    assert inner.ranges == 1


@pytest.mark.parametrize(
    ("key", "text"), [("", "must not be empty"), ("f", "exists as a directory"), ("f/a/b", "exists as a file")]
)
def test_a_loop_twin_refuses_a_target_before_the_block(key: str, text: str, twin: MemoryOnLoop) -> None:
    """CONTRACT 50: InvalidPath on enter, and AlreadyExists."""
    twin.write("f/a", b"1")
    with pytest.raises(InvalidPath, match=text), twin.open_atomic(key, overwrite=True):
        pytest.fail("entered")
    with pytest.raises(AlreadyExists, match="already exists"), twin.open_atomic("f/a"):
        pytest.fail("entered")


def test_a_twin_without_folders_refuses_only_what_is_no_key(twin: MemoryOnLoop) -> None:
    """CONTRACT 154: a file and a folder may share a name, and a file may have keys below it; the root is no key."""

    class Flat(MemoryOnLoop):
        _has_folders = False

    twin.write("f/a", b"1")
    flat = Flat(twin._async_backend)  # type: ignore[arg-type]
    with flat, pytest.raises(InvalidPath, match="must not be empty"), flat.open_atomic(""):
        pytest.fail("entered")
    with flat:
        for key in ("f", "f/a/b"):
            entered = False
            with pytest.raises(InvalidPath), flat.open_atomic(key):
                entered = True  # the memory backend itself does have folders, and says so at the end
            assert entered


def test_a_loop_twin_pickles(twin: MemoryOnLoop) -> None:
    """DECISIONS 19: by what its original was made from."""
    with pickle.loads(pickle.dumps(twin)) as copy:
        assert copy.write("a", b"1").size == 1


# Lifting


def test_an_untouched_twin_gives_its_original(tmp_path: Path) -> None:
    """DECISIONS 5."""
    for backend in (MemoryBackend(), LocalBackend(str(tmp_path))):
        assert original_of(backend) is backend._async_backend


def test_a_touched_twin_keeps_its_original(monkeypatch: pytest.MonkeyPatch) -> None:
    """DECISIONS 5: a subclass, a replaced method or a new attribute may change what it does."""

    class Sub(MemoryBackend):
        pass

    replaced: Any = MemoryBackend()
    replaced.exists = lambda path: True
    assert original_of(Sub()) is None
    assert original_of(replaced) is None
    assert original_of(MemoryOnLoop()) is None
    assert original_of(object()) is None
    monkeypatch.setattr(MemoryBackend, "exists", lambda self, path: True)
    assert original_of(MemoryBackend()) is None
