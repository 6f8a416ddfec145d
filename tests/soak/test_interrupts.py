"""Ctrl-C in the middle of a blocking write: DESIGN 7, issue item 6."""

from __future__ import annotations

import io
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remote_store import Store
from remote_store.backends import LocalBackend
from tests.soak.footprint import held

pytestmark = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")

OLD, NEW = b"o" * 200_000, b"n" * 200_000
COUNTS = [
    pytest.param(40, id="slice"),
    pytest.param(1000, id="full", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
]


@pytest.fixture
def interrupts() -> Iterator[Callable[[Callable[[], object], float], bool]]:
    """Give a function that runs another one and interrupts it after so many seconds; it tells whether it did."""
    armed = threading.Event()
    main = threading.get_ident()

    def interrupt(number: int, frame: Any) -> None:
        if armed.is_set():
            armed.clear()
            raise KeyboardInterrupt

    def send(seconds: float) -> None:
        time.sleep(seconds)
        signal.pthread_kill(main, signal.SIGUSR1)

    def run(function: Callable[[], object], seconds: float) -> bool:
        sender = threading.Thread(target=send, args=(seconds,))
        sender.start()
        try:
            armed.set()
            function()
        except KeyboardInterrupt:
            return True
        finally:
            armed.clear()
            sender.join()
        return False

    before = signal.signal(signal.SIGUSR1, interrupt)
    yield run
    signal.signal(signal.SIGUSR1, before)


def _open_atomic(store: Store) -> None:
    with store.open_atomic("old", overwrite=True) as file:
        for start in range(0, len(NEW), 50_000):
            file.write(NEW[start : start + 50_000])


WRITES: dict[str, Callable[[Store], object]] = {
    "write": lambda store: store.write("old", NEW, overwrite=True),
    "write of a file": lambda store: store.write("old", io.BytesIO(NEW), overwrite=True),
    "write of a new key": lambda store: store.write("new", NEW),
    "open_atomic": _open_atomic,
    "copy": lambda store: store.copy("source", "old", overwrite=True),
    "move": lambda store: store.move("source", "old", overwrite=True),
}


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", WRITES)
def test_an_interrupted_write_leaves_no_temporary_file(name: str, count: int, tmp_path: Path, interrupts: Any) -> None:
    """DESIGN 7: whenever it comes, a key is whole or as it was, nothing hidden is left, and the store works on."""
    random.seed(name)
    store = Store(LocalBackend(str(tmp_path)))
    hits = 0
    # A write takes tens of microseconds on one machine and hundreds on another: go on until some were hit.
    for tried in range(count * 50):
        if tried >= count and hits:
            break
        store.write("old", OLD, overwrite=True)
        store.write("source", NEW, overwrite=True)
        store.delete("new", missing_ok=True)
        hits += interrupts(lambda: WRITES[name](store), random.uniform(0, 0.0004))
        assert held(tmp_path).hidden == []
        assert store.read_bytes("old") in (OLD, NEW)
        assert not store.exists("new") or store.read_bytes("new") == NEW
    assert hits > 0
