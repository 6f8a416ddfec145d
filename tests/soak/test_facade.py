"""The sync face under threads, in notebooks, in other processes and at exit: issue item 6, DESIGN 4."""

from __future__ import annotations

import io
import multiprocessing
import pickle
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest

from remote_store import AsyncBackendSyncAdapter, Store
from remote_store.aio import AsyncLocalBackend, AsyncMemoryBackend
from remote_store.backends import LocalBackend, MemoryBackend

TIMEOUT = 30


class Meeting(AsyncMemoryBackend):
    """A write goes on only when as many as expected are in it at once."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.expected = expected
        self.present = 0
        self.complete = anyio.Event()

    async def write(self, path: str, content: Any, **options: Any) -> Any:
        self.present += 1
        if self.present == self.expected:
            self.complete.set()
        with anyio.fail_after(TIMEOUT):
            await self.complete.wait()
        return await super().write(path, content, **options)


class MeetingFile(io.RawIOBase):
    """Content whose first read returns only when all the others are being read too."""

    def __init__(self, barrier: threading.Barrier) -> None:
        super().__init__()
        self._barrier = barrier
        self._pieces = [b"1" * 100_000, b"2" * 100_000]

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        self._barrier.wait(TIMEOUT)
        return self._pieces.pop(0) if self._pieces else b""


def test_8_threads_on_one_store_make_8_uploads_at_a_time() -> None:
    """DESIGN 4: each waits inside the backend's write until all the others are there too."""
    with Store(Meeting(8)) as store, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: store.write(f"{number}", b"content"), range(8), timeout=TIMEOUT))
        assert sum(1 for _ in store.list_files("")) == 8


@pytest.mark.parametrize("make", [AsyncLocalBackend, LocalBackend, MemoryBackend, AsyncMemoryBackend])
def test_8_streamed_uploads_go_on_side_by_side(make: Any, tmp_path: Path) -> None:
    """DESIGN 4: no lock is held while content is read, on any backend and through the adapter."""
    barrier = threading.Barrier(8)
    backend = make() if "Memory" in make.__name__ else make(str(tmp_path))
    with Store(backend) as store, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: store.write(f"{number}", MeetingFile(barrier)), range(8), timeout=TIMEOUT))
        assert {info.size for info in store.list_files("")} == {200_000}


@pytest.mark.parametrize("make", [LocalBackend, MemoryBackend, AsyncMemoryBackend, AsyncLocalBackend])
def test_32_threads_share_a_store(make: Any, tmp_path: Path) -> None:
    """CONTRACT 108, 150, 151: each does a whole life of files, in folders that the others make too."""

    def work(number: int) -> None:
        for turn in range(5):
            key = f"shared/{turn}/{number}"
            store.write(key, f"{number} {turn}".encode())
            assert store.read_bytes(key) == f"{number} {turn}".encode()
            store.move(key, f"moved/{turn}/{number}")
            with store.read(f"moved/{turn}/{number}") as stream:
                assert stream.read() == f"{number} {turn}".encode()

    backend = make() if "Memory" in make.__name__ else make(str(tmp_path))
    with Store(backend) as store, ThreadPoolExecutor(32) as threads:
        list(threads.map(work, range(32), timeout=60))
        assert store.get_folder_info("moved").file_count == 160
        assert store.get_folder_info("shared").file_count == 0


@pytest.mark.anyio
async def test_a_store_works_in_a_notebook_cell(tmp_path: Path) -> None:
    """DESIGN 4, DECISIONS 17: in a thread whose loop is running the generated classes block it, and work."""
    for backend in (LocalBackend(str(tmp_path)), MemoryBackend()):
        with Store(backend) as store:
            store.write("a", iter([b"1", b"2"]))
            with store.read("a") as stream:
                assert stream.read() == b"12"
            assert [info.name for info in store.list_files("")] == ["a"]
            with store.open_atomic("b") as file:
                file.write(b"3")
            assert store.read_bytes("b") == b"3"


@pytest.mark.anyio
async def test_the_bare_adapter_says_what_to_use_in_a_running_loop() -> None:
    """CONTRACT 98: through Store as well."""
    store = await anyio.to_thread.run_sync(Store, AsyncMemoryBackend())
    with pytest.raises(RuntimeError, match="cannot be called from a running event loop"):
        store.write("a", b"1")
    await anyio.to_thread.run_sync(store.close)


# Other processes


def write_in_worker(store: Store, number: int) -> str:
    """What a spawned worker does with the store it was sent."""
    store.write(f"worker/{number}", f"{number}".encode())
    return store.read_text("main")


@pytest.mark.parametrize("kind", [LocalBackend, AsyncLocalBackend])
def test_a_store_travels_to_spawned_workers(kind: Any, tmp_path: Path) -> None:
    """DECISIONS 19: by its constructor arguments, through the adapter too; the worker sees the same files."""
    with Store(kind(str(tmp_path)), "below") as store:
        store.write("main", b"from the parent")
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            answers = pool.starmap(write_in_worker, [(store, number) for number in range(4)])
            pool.close()
            pool.join()
        assert answers == ["from the parent"] * 4
        assert sorted(info.name for info in store.list_files("worker")) == ["0", "1", "2", "3"]


def test_a_pickled_store_is_the_same_store(tmp_path: Path) -> None:
    """DECISIONS 19: root and backend come back; a memory store refuses, since an empty copy would be a loss."""
    store = Store(LocalBackend(str(tmp_path)), "a/b")
    copy = pickle.loads(pickle.dumps(store))
    assert repr(copy) == repr(store)
    copy.write("c", b"1")
    assert store.read_bytes("c") == b"1"
    with pytest.raises(TypeError):
        pickle.dumps(Store(MemoryBackend()))


# Exit

EXITS = {
    "streams open": """
        streams = [store.read("big") for _ in range(5)]
        for stream in streams: stream.read(10)
        listing = store.list_files(""); next(iter(listing))
    """,
    "a block of open_atomic left open": """
        block = store.open_atomic("never"); file = block.__enter__(); file.write(b"x" * 10_000_000)
    """,
    "other threads reading": """
        import threading
        started = threading.Barrier(4)
        def read():
            started.wait()
            while True:
                with store.read("big") as stream: stream.read()
        for _ in range(3): threading.Thread(target=read, daemon=True).start()
        started.wait()
    """,
}


@pytest.mark.parametrize("backend", ["LocalBackend(folder)", "MemoryBackend()", "AsyncLocalBackend(folder)"])
@pytest.mark.parametrize("case", EXITS)
def test_the_interpreter_exits_in_time_and_in_silence(case: str, backend: str, tmp_path: Path) -> None:
    """DESIGN 4: within 2 s, whatever is left open, and without a traceback."""
    setup = f"""
        import sys
        from remote_store import Store
        from remote_store.aio import AsyncLocalBackend
        from remote_store.backends import LocalBackend, MemoryBackend
        folder = sys.argv[1]
        store = Store({backend})
        store.write("big", b"b" * 3_000_000)
    """
    source = textwrap.dedent(setup) + textwrap.dedent(EXITS[case]) + "\nprint('ready', flush=True)\n"
    child = subprocess.Popen(
        [sys.executable, "-c", source, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    first = child.stdout.readline()
    start = time.monotonic()
    _, errors = child.communicate(timeout=TIMEOUT)
    assert (first, child.returncode, errors) == ("ready\n", 0, "")
    assert time.monotonic() - start < 2


def test_an_interrupted_store_call_ends_its_upload() -> None:
    """DESIGN 4: KeyboardInterrupt out of a blocking content leaves no object, and the store works on."""

    class Interrupting(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise KeyboardInterrupt

    for backend in (MemoryBackend(), AsyncBackendSyncAdapter(AsyncMemoryBackend())):
        with Store(backend) as store:
            with pytest.raises(KeyboardInterrupt):
                store.write("a", Interrupting())
            assert not store.exists("a")
            store.write("a", b"1")
