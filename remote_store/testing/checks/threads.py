"""A blocking backend called by many threads at the same time (CONTRACT B13, C)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from ..._contract._sync.backend import Backend
from ..._core.capability import Capability
from ..._core.errors import AlreadyExists, PreconditionFailed
from ..asserting import equal
from ..case import Case
from ..registry import Face, check

RW = {Capability.READ, Capability.WRITE}
THREADS = 16


def _at_once(case: Case, work: Callable[[Backend, int], Any]) -> list[Any]:
    """Run `work` in many threads, which all start at the same time, and return what each returned."""
    assert case.blocking is not None
    backend = case.blocking
    start = Barrier(THREADS)

    def one(number: int) -> Any:
        start.wait(timeout=30)
        return work(backend, number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS), timeout=60))


@check("B13", 108, needs=RW, face=Face.SYNC)
def threads_do_not_disturb_one_another(case: Case) -> None:
    """Threads that write, read and delete files of their own, in folders that none of them finds, each succeed."""

    def work(backend: Backend, number: int) -> bool:
        key, data = f"new/deep/{number % 4}/{number}", bytes([number]) * 30_000
        backend.write(key, data)
        return backend.read_bytes(key) == data and backend.is_file(key)

    equal(_at_once(case, work), [True] * THREADS, "what the threads found")


@check("B3", 43, needs={*RW, Capability.CONDITIONAL_WRITE}, face=Face.SYNC)
def one_thread_wins(case: Case) -> None:
    """Of threads that write one file without `overwrite` one wins; the bytes are its own."""

    def work(backend: Backend, number: int) -> int | None:
        try:
            backend.write("file", bytes([number]) * 30_000)
        except AlreadyExists:
            return None
        return number

    winners = [number for number in _at_once(case, work) if number is not None]
    equal(len(winners), 1, "winners")
    assert case.blocking is not None
    assert case.blocking.read_bytes("file") == bytes([winners[0]]) * 30_000, "the bytes are not the winner's"


@check(
    "DECISIONS 8",
    needs={*RW, Capability.CONDITIONAL_WRITE, Capability.METADATA},
    face=Face.SYNC,
)
def no_thread_loses_its_count(case: Case) -> None:
    """Threads that count in one file by `if_match` lose no count."""
    assert case.blocking is not None
    case.blocking.write("counter", b"0")

    def work(backend: Backend, _: int) -> None:
        while True:
            etag = backend.get_file_info("counter").etag
            value = int(backend.read_bytes("counter"))
            try:
                backend.write("counter", b"%d" % (value + 1), if_match=etag)
            except PreconditionFailed:
                continue
            return

    _at_once(case, work)
    equal(case.blocking.read_bytes("counter"), b"%d" % THREADS, "the counter")


@check("B3", 49, needs={*RW, Capability.ATOMIC_WRITE}, face=Face.SYNC)
def threads_never_see_a_mixture(case: Case) -> None:
    """Threads that overwrite and read one file see the whole content of one of them each time."""
    contents = {bytes([number]) * 100_000 for number in range(THREADS)}

    def work(backend: Backend, number: int) -> bool:
        backend.write_atomic("file", bytes([number]) * 100_000, overwrite=True)
        with backend.read("file") as stream:
            return stream.read() in contents

    equal(_at_once(case, work), [True] * THREADS, "whole files that the threads read")
