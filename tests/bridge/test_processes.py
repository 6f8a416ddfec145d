"""The bridge at the edges of a process: interrupts, forks, exit. Issue item 6, DESIGN 4."""

from __future__ import annotations

import ctypes
import io
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import anyio
import pytest

from remote_store._bridge.to_sync import AsyncBackendSyncAdapter
from remote_store._bridge.twins import LoopTwin
from remote_store.backends.memory.backend import AsyncMemoryBackend
from tests.bridge.scripted import Chunks, Hooked, Reading

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and POSIX signals")


class Gate:
    """Content whose second piece never comes."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    async def __call__(self) -> bool:
        self.asked.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.ended = threading.current_thread().name
        return True


def test_an_interrupted_caller_cancels_its_coroutine_and_waits_for_it() -> None:
    """DESIGN 4: after KeyboardInterrupt the coroutine has ended, and the adapter works on."""
    gate = Gate()
    with AsyncBackendSyncAdapter(Hooked(exists=gate)) as adapter:
        main = threading.get_ident()

        def interrupt() -> None:
            gate.asked.wait()
            signal.pthread_kill(main, signal.SIGINT)

        interrupter = threading.Thread(target=interrupt, daemon=True)
        interrupter.start()
        with pytest.raises(KeyboardInterrupt):
            adapter.exists("a")
        assert gate.ended == "AsyncBackendSyncAdapter loop"
        interrupter.join()
        assert adapter.is_file("a") is False


class Overdue(Exception):
    """No OSError: asyncio swallows those where it wakes its loop up."""


def test_a_watchdogs_exception_cancels_too() -> None:
    """DESIGN 4: an asynchronous exception, as timeouts of other threads use, is seen while the caller waits."""
    gate = Gate()
    caught: list[BaseException] = []

    def call(adapter: AsyncBackendSyncAdapter) -> None:
        try:
            adapter.exists("a")
        except Overdue as error:
            caught.append(error)

    with AsyncBackendSyncAdapter(Hooked(exists=gate)) as adapter:
        thread = threading.Thread(target=call, args=(adapter,))
        thread.start()
        gate.asked.wait()
        assert thread.ident is not None
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Overdue))
        thread.join(10)
        assert not thread.is_alive()
        assert len(caught) == 1
        assert gate.ended


def test_an_interrupt_waits_for_a_worker_thread_that_holds_a_file() -> None:
    """DESIGN 4: no orphan goes on writing: the caller is back only when the shielded thread has ended."""
    entered, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        go_on.wait()
        ended.set()

    async def in_thread() -> bool:
        await anyio.to_thread.run_sync(work)
        return True

    with AsyncBackendSyncAdapter(Hooked(exists=in_thread)) as adapter:
        main = threading.get_ident()

        def interrupt() -> None:
            entered.wait()
            signal.pthread_kill(main, signal.SIGINT)
            time.sleep(0.1)  # only so that a caller that does not wait would be caught at it
            go_on.set()

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            adapter.exists("a")
        assert ended.is_set()
        thread.join()


def test_an_interrupted_write_leaves_no_object() -> None:
    """CONTRACT 51, 110: the content stops in the middle, and nothing is visible."""
    with AsyncBackendSyncAdapter(AsyncMemoryBackend()) as adapter:
        main = threading.get_ident()
        release = threading.Event()

        class Slow(io.RawIOBase):
            def read(self, size: int = -1) -> bytes:
                signal.pthread_kill(main, signal.SIGINT)
                release.wait(1)
                return b"x"

        with pytest.raises(KeyboardInterrupt):
            adapter.write("a", Slow())
        release.set()
        assert not adapter.exists("a")


# Forks

FORK = multiprocessing.get_context("fork") if hasattr(os, "fork") else multiprocessing.get_context()


def _in_child(function: Any, *args: Any) -> None:
    child = FORK.Process(target=function, args=args)
    child.start()
    child.join(30)
    hung = child.is_alive()
    if hung:
        child.kill()
    assert not hung, "the child hung"
    assert child.exitcode == 0


def _use(adapter: AsyncBackendSyncAdapter) -> None:
    assert adapter.read_bytes("a") == b"1"
    adapter.write("b", io.BytesIO(b"2"))
    assert sorted(info.name for info in adapter.list_files("")) == ["a", "b"]
    adapter.close()


@pytest.mark.parametrize("kind", [AsyncBackendSyncAdapter, LoopTwin])
def test_forked_children_make_their_own_loop(kind: Any) -> None:
    """DESIGN 4, DECISIONS 18: several children, one after the other, and the parent's loop goes on."""
    with kind(AsyncMemoryBackend()) as adapter:
        adapter.write("a", b"1")
        for _ in range(5):
            _in_child(_use, adapter)
            assert not adapter.exists("b")


def _fork_again(adapter: AsyncBackendSyncAdapter) -> None:
    assert adapter.exists("a")
    _in_child(_use, adapter)
    _use(adapter)


def test_a_child_may_fork_again() -> None:
    """DESIGN 4: each process has its own loop."""
    with AsyncBackendSyncAdapter(AsyncMemoryBackend()) as adapter:
        adapter.write("a", b"1")
        _in_child(_fork_again, adapter)
        assert adapter.exists("a")


def _refuse(stream: Any) -> None:
    with pytest.raises(RuntimeError, match="is closed"):
        stream.read(1)
    assert stream.read(1) == b""
    stream.close()


def test_a_parents_stream_ends_in_the_child_without_hanging() -> None:
    """DESIGN 4: the child never touches what is the parent's; the parent reads on."""
    with AsyncBackendSyncAdapter(Reading(Chunks(b"1", b"2"))) as adapter, adapter.read("a") as stream:
        assert stream.read(1) == b"1"
        _in_child(_refuse, stream)
        assert stream.read(1) == b"2"


def test_forks_amid_calls_of_other_threads_do_not_hang() -> None:
    """DESIGN 4: whatever lock a thread of the parent holds at that moment."""
    with AsyncBackendSyncAdapter(AsyncMemoryBackend()) as adapter:
        adapter.write("a", b"1")
        stop = threading.Event()

        def busy() -> None:
            while not stop.is_set():
                adapter.read_bytes("a")

        threads = [threading.Thread(target=busy) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                _in_child(_use, adapter)
        finally:
            stop.set()
            for thread in threads:
                thread.join()


# Exit

SCRIPTS = {
    "streams open": """
        streams = [adapter.read("a") for _ in range(3)]
        for stream in streams: stream.read(1)
        buffered = io.BufferedReader(adapter.read("a")); buffered.read(1)
        print("ready", flush=True)
    """,
    "a call under way": """
        import threading, time
        entered = threading.Event()
        class Stuck(io.RawIOBase):
            def read(self, size=-1):
                entered.set()
                time.sleep(60)
        threading.Thread(target=adapter.write, args=("b", Stuck()), daemon=True).start()
        entered.wait()
        print("ready", flush=True)
    """,
    "interrupted": """
        class Interrupting(io.RawIOBase):
            def read(self, size=-1):
                print("ready", flush=True)
                import time; time.sleep(60)
        adapter.write("b", Interrupting())
    """,
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_interpreter_exits_in_time(script: str) -> None:
    """DESIGN 4: at most 2 s, whatever is open; a Ctrl-C in a call that can't be cancelled takes 5 s more."""
    import textwrap

    source = textwrap.dedent("""
        import io
        from remote_store._bridge.to_sync import AsyncBackendSyncAdapter
        from remote_store.backends.memory.backend import AsyncMemoryBackend
        adapter = AsyncBackendSyncAdapter(AsyncMemoryBackend())
        adapter.write("a", b"12345")
    """) + textwrap.dedent(SCRIPTS[script])
    child = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    start = time.monotonic()
    if script == "interrupted":
        child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=30)
    took = time.monotonic() - start
    if script == "interrupted":
        assert "KeyboardInterrupt" in errors
        assert took < 8
    else:
        assert (child.returncode, errors) == (0, "")
        assert took < 2
