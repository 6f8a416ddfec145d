"""Many threads, several loops and a fork on one memory backend."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from remote_store._core.errors import AlreadyExists, NotFound, PreconditionFailed
from remote_store.backends.memory.backend import AsyncMemoryBackend
from remote_store.backends.memory.tree import MemoryTree


def together(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Run `act` in that many threads which start at the same moment; return results, and errors of ours."""
    barrier = threading.Barrier(count)
    results: list[Any] = [None] * count

    def run(index: int) -> None:
        barrier.wait()
        try:
            results[index] = act(index)
        except (AlreadyExists, NotFound, PreconditionFailed) as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("streamed", [False, True])
def test_of_racing_creates_exactly_one_wins(tree: MemoryTree, streamed: bool) -> None:
    """CONTRACT A5, 43: the others get AlreadyExists, and the bytes are the winner's."""
    for turn in range(20):
        key = f"new/{turn}/f"

        def create(index: int, key: str = key) -> bytes:
            content = b"%d" % index
            tree.write(key, iter([content]) if streamed else content)
            return content

        results = together(32, create)
        winners = [result for result in results if isinstance(result, bytes)]
        assert [tree.read_bytes(key)] == winners
        assert sum(isinstance(result, AlreadyExists) for result in results) == 31


def test_of_racing_replacements_of_one_version_exactly_one_wins(tree: MemoryTree) -> None:
    """DECISIONS 23: a counter under `if_match` counts every success and nothing else."""
    tree.write("n", b"0")

    def count_up(_: int) -> int:
        wins = 0
        while wins < 20:
            etag = tree.get_file_info("n").etag
            value = int(tree.read_bytes("n"))
            try:
                tree.write("n", b"%d" % (value + 1), if_match=etag)
            except PreconditionFailed:
                continue
            wins += 1
        return wins

    assert together(8, count_up) == [20] * 8
    assert tree.read_bytes("n") == b"160"


def test_of_racing_moves_exactly_one_finds_the_source(tree: MemoryTree) -> None:
    """CONTRACT 77: the file is at one destination, whole."""
    for turn in range(20):
        tree.write("src", b"%d" % turn)

        def move(index: int, turn: int = turn) -> None:
            tree.move("src", f"dst/{turn}/{index}")

        results = together(16, move)
        assert sum(isinstance(result, NotFound) for result in results) == 15
        assert [tree.read_bytes(str(file.path)) for file in tree.list_files(f"dst/{turn}")] == [b"%d" % turn]


def test_racing_writes_and_deletes_of_a_folder_leave_a_whole_tree(tree: MemoryTree) -> None:
    """CONTRACT 151: what was written to a folder that is being deleted is there or gone, never lost below nothing."""

    def work(index: int) -> None:
        for turn in range(200):
            if index % 4 == 0:
                tree.delete_folder("d", recursive=True, missing_ok=True)
            else:
                tree.write(f"d/{turn % 7}/{index}", b"x", overwrite=True)
                for file in tree.list_files("", recursive=True):
                    assert file.size == 1

    assert together(8, work) == [None] * 8
    files = list(tree.list_files("", recursive=True))
    assert tree.census().startswith(f"files={len(files)},")
    assert all(tree.read_bytes(str(file.path)) == b"x" for file in files)


def test_several_loops_use_one_backend_at_once(backend: AsyncMemoryBackend) -> None:
    """CONTRACT 113: asyncio and trio in threads of their own, one after the other and at the same time."""

    async def create() -> bool:
        try:
            await backend.write("d/one", b"x")
        except AlreadyExists:
            return False
        return True

    def run(index: int) -> bool:
        return anyio.run(create, backend=("asyncio", "trio")[index % 2])

    assert sorted(together(6, run)) == [False] * 5 + [True]
    assert not run(0)
    assert not run(1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_forked_while_a_thread_holds_the_lock_goes_on(tree: MemoryTree) -> None:
    """DECISIONS 18: the child's lock is its own; the parent's files are the child's copy."""
    tree.write("a", b"x")
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with tree._lock:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        tree.write("b", tree.read_bytes("a"))
        os._exit(0 if tree.read_bytes("b") == b"x" else 1)
    done.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
    assert not tree.exists("b")
