"""Saves in the background: staged, bounded, and none of their errors is lost (CHECKPOINT D4)."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remote_store import BackendUnavailable, Store
from remote_store.backends import MemoryBackend
from remote_store.checkpoint import CheckpointBusy, CheckpointManager, CheckpointSaveFailed
from tests.checkpoint.manager.desks import Desk

pytestmark = pytest.mark.timeout(60)


class Gated(MemoryBackend):
    """Memory whose writes wait for a gate, and fail if they are told to."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.reached = threading.Event()
        self.error: Exception | None = None

    def write(self, path: str, content: Any, **options: Any) -> Any:
        self.reached.set()
        assert self.gate.wait(30)
        if self.error is not None:
            raise self.error
        return super().write(path, content, **options)

    def write_atomic(self, path: str, content: Any, **options: Any) -> Any:
        return self.write(path, content, **options)


@pytest.fixture
def gated() -> Gated:
    return Gated()


def manager_of(desk: Desk, backend: Gated, **options: Any) -> Any:
    """A manager over a gated store, on the desk's face."""
    return desk.manager(store=Store(backend), **options)


def test_the_state_is_copied_before_the_call_returns(memory: Desk, gated: Gated) -> None:
    """D4: one copy into pooled buffers, then the training goes on."""
    manager = manager_of(memory, gated)
    weights, note = np.arange(1000.0), bytearray(b"before")

    pending = memory.do(lambda: manager.save_async({"w": weights, "t": {"w": weights}, "n": note}, step=1))
    weights[:] = -1
    note[:] = b"after!"
    assert not pending.done()
    assert pending.exception() is None
    gated.gate.set()

    saved = memory.do(pending.wait)
    assert (pending.done(), pending.skipped, pending.step) == (True, False, 1)
    assert saved == memory.do(manager.latest) == memory.do(pending.wait)
    got = memory.do(manager.load)
    assert np.array_equal(got["w"], np.arange(1000.0))
    assert np.array_equal(got["t"]["w"], np.arange(1000.0))
    assert got["n"] == b"before"


def test_a_further_save_waits(memory: Desk, gated: Gated) -> None:
    """D4: max_pending saves are in flight; a further one waits for the oldest."""
    manager = manager_of(memory, gated)
    first = memory.do(lambda: manager.save_async({"n": 1}, step=1))
    opener = threading.Timer(0.05, gated.gate.set)  # opened by another thread, while this one waits
    opener.start()
    second = memory.do(lambda: manager.save_async({"n": 2}, step=2))
    assert first.done()
    memory.do(second.wait)
    assert memory.do(manager.load) == {"n": 2}
    opener.join()


def test_a_further_save_is_skipped_or_refused(memory: Desk, gated: Gated) -> None:
    skipping = manager_of(memory, gated, on_pending="skip")
    first = memory.do(lambda: skipping.save_async({"n": 1}, step=1))
    second = memory.do(lambda: skipping.save_async({"n": 2}, step=2))
    assert (second.skipped, second.done(), second.step, memory.do(second.wait)) == (True, True, None, None)
    refusing = manager_of(memory, gated, on_pending="raise", max_pending=2)
    others = [memory.do(lambda step=step: refusing.save_async({"n": step}, step=step)) for step in (3, 4)]
    with pytest.raises(CheckpointBusy, match="step 5"):
        memory.do(lambda: refusing.save_async({"n": 5}, step=5))
    gated.gate.set()
    for pending in (first, *others):
        memory.do(pending.wait)
    assert memory.do(refusing.load) == {"n": 4}
    assert [generation.step for generation in memory.do(refusing.list)] == [1, 3, 4]


@pytest.mark.parametrize("then", ["wait", "save", "save_async", "begin", "close"])
def test_an_error_is_told_once_and_never_lost(memory: Desk, gated: Gated, then: str) -> None:
    """D4: by wait(), else by the next save or the close, with the cause."""
    gated.error = BackendUnavailable("the service is gone")
    gated.gate.set()
    manager = manager_of(memory, gated)
    pending = memory.do(lambda: manager.save_async({"n": 1}, step=1))
    while not pending._job.finished.wait(1):
        pass
    if then == "wait":
        with pytest.raises(BackendUnavailable, match="gone"):
            memory.do(pending.wait)
    else:
        acts = {
            "save": lambda: manager.save({"n": 2}, step=2),
            "save_async": lambda: manager.save_async({"n": 2}, step=2),
            "begin": lambda: manager.begin(2),
            "close": manager.close if memory.is_sync else manager.aclose,
        }
        with pytest.raises(CheckpointSaveFailed, match="step 1.*gone") as caught:
            memory.do(acts[then])
        assert isinstance(caught.value.__cause__, BackendUnavailable)
    gated.error = None
    if then != "close":
        memory.do(lambda: manager.save({"n": 3}, step=3))
        assert memory.do(manager.load) == {"n": 3}


def test_a_state_beyond_the_stage_budget_is_saved_at_once(memory: Desk) -> None:
    """DECISIONS 35: stage_budget= caps the pool."""
    manager = memory.manager(stage_budget=1000)
    pending = memory.do(lambda: manager.save_async({"w": bytes(5000)}, step=1))
    assert pending.done()
    assert memory.do(pending.wait) == memory.do(manager.latest)
    small = memory.do(lambda: manager.save_async({"w": bytes(500)}, step=2))
    assert memory.do(small.wait).step == 2


def test_staging_memory_is_used_again(memory: Desk) -> None:
    """DECISIONS 35: the pool is warm from the second save on."""
    manager = memory.manager()
    arenas = set()
    for step in range(4):
        pending = memory.do(lambda step=step: manager.save_async({"w": bytes(100_000)}, step=step))
        memory.do(pending.wait)
        arenas |= {id(arena) for arena in manager._background.pool._free}
    assert len(arenas) == 1


def test_streams_files_and_folders_are_staged_too(memory: Desk, tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "big").write_bytes(b"b" * (2 << 20))
    (tmp_path / "f" / "small").write_bytes(b"s")
    manager = memory.manager()
    items = {"f": tmp_path / "f", "stream": iter([b"1", b"2" * 10])}
    pending = memory.do(lambda: manager.save_async(items, step=1))
    (tmp_path / "f" / "big").write_bytes(b"changed")
    memory.do(pending.wait)
    assert memory.do(manager.load) == {"f": {"big": b"b" * (2 << 20), "small": b"s"}, "stream": b"1" + b"2" * 10}


def test_closing_waits_for_what_is_under_way(memory: Desk, gated: Gated) -> None:
    manager = manager_of(memory, gated)
    memory.do(lambda: manager.save_async({"n": 1}, step=1))
    opener = threading.Timer(0.05, gated.gate.set)
    opener.start()
    memory.do(manager.close if memory.is_sync else manager.aclose)
    opener.join()
    assert memory.do(memory.manager(store=Store(gated)).load) == {"n": 1}


CHILD = """
import sys, threading
from remote_store.checkpoint import AsyncCheckpointManager, CheckpointManager
import anyio
face, folder = sys.argv[1:]
items = {"w": bytes(range(256)) * 40000}
if face == "sync":
    manager = CheckpointManager(folder, part_size=1 << 18)
    manager.save_async(items, step=1)
else:
    async def main():
        global manager
        manager = AsyncCheckpointManager(folder, part_size=1 << 18)
        await manager.save_async(items, step=1)
    anyio.run(main, backend=face)
"""


@pytest.mark.parametrize("face", ["asyncio", "trio", "sync"])
def test_the_end_of_the_interpreter_waits_for_a_save(face: str, tmp_path: Path) -> None:
    """D4: at most exit_timeout; here the save is done long before."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD, face, str(tmp_path)], capture_output=True, text=True, timeout=50
    )
    assert (done.returncode, done.stderr) == (0, "")
    with CheckpointManager(str(tmp_path)) as manager:
        assert manager.load() == {"w": bytes(range(256)) * 40000}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_no_saves_of_its_parent(gated: Gated, tmp_path: Path) -> None:
    """DECISIONS 18: the child starts anew and never hangs."""
    manager = CheckpointManager(str(tmp_path), "run")
    stuck = CheckpointManager(Store(gated), "run")
    stuck.save_async({"n": 0}, step=0)
    assert gated.reached.wait(30)
    manager.save({"n": 1}, step=1)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            manager.save_async({"n": 2}, step=2).wait()
            code = 0 if manager.load() == {"n": 2} and stuck._background.running() == [] else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert manager.load() == {"n": 2}
    gated.gate.set()
    stuck.close()
    manager.close()


INTERRUPTED = """
import os, signal, sys, threading
from remote_store import Store
from remote_store.backends import MemoryBackend
from remote_store.checkpoint import CheckpointManager

class Slow(MemoryBackend):
    def write_atomic(self, path, content, **options):
        if "part-" in path and armed:
            os.kill(os.getpid(), signal.SIGINT)
            assert seen.wait(30)
        return super().write_atomic(path, content, **options)

def interrupt(*_):
    seen.set()
    raise KeyboardInterrupt

seen, armed = threading.Event(), False
signal.signal(signal.SIGINT, interrupt)
store = Store(Slow())
manager = CheckpointManager(store)
manager.save({"n": 1}, step=1)
armed = True
try:
    manager.save({"n": 2}, step=2)
except KeyboardInterrupt:
    armed = False
    assert manager.load() == {"n": 1}
    manager.save({"n": 3}, step=3)
    assert manager.load() == {"n": 3}
    manager.close()
    print("clean")
"""


def test_ctrl_c_ends_a_save_and_the_manager_works_on() -> None:
    """DESIGN 4: an interrupted caller cancels its coroutine and waits for that; nothing goes on writing."""
    command = [sys.executable, "-W", "error", "-c", INTERRUPTED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout, done.stderr) == (0, "clean\n", "")


def test_a_dropped_manager_leaves_no_thread(memory: Desk) -> None:
    before = threading.active_count()
    manager: Any = CheckpointManager(Store(MemoryBackend()))
    manager.save({"n": 1}, step=1)
    manager.close()
    del manager
    gc.collect()
    names = [thread.name for thread in threading.enumerate() if "CheckpointManager" in thread.name]
    assert names == []
    assert threading.active_count() <= before + 2
