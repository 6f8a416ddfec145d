"""8 threads on one Store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from remote_store import Store
from remote_store.backends import LocalBackend

from . import floors, peers
from .report import Section, section
from .setting import Setting, fresh, same
from .timing import Contender, Work, race, without_loop

DATA = b"x" * 4096
THREADS = 8
COUNT = 400
FOLDER = "threads/8"


def run(setting: Setting) -> list[Section]:
    """Return a table for writing and one for reading; figures are per operation, of all threads together."""
    setting.folder(FOLDER)
    with ThreadPoolExecutor(THREADS) as pool:
        return [_race(setting, pool, operation) for operation in ("write", "read")]


def _shared(pool: ThreadPoolExecutor, operation: Callable[[str], object]) -> Work:
    def part(paths: Sequence[str]) -> None:
        for path in paths:
            operation(path)

    def run(paths: Sequence[str]) -> None:
        for future in [pool.submit(part, paths[number::THREADS]) for number in range(THREADS)]:
            future.result()

    return run


def _race(setting: Setting, pool: ThreadPoolExecutor, operation: str) -> Section:
    root, store = setting.root, Store(LocalBackend(setting.root))
    writing = operation == "write"
    calls: dict[str, Any] = {
        "os calls, guarded walk": partial(floors.create_guarded if writing else floors.read_guarded, root),
        "os calls, plain": partial(floors.write_plain if writing else floors.read_plain, root),
        "remote_store Store": store.write if writing else store.read_bytes,
    }
    for name, label, kind in (
        ("fsspec", "fsspec local", peers.Fsspec),
        ("obstore", "obstore LocalStore", peers.Obstore),
    ):
        if not peers.missing(name):
            calls[label] = getattr(kind(root), operation)
    if writing:
        calls = {label: lambda key, call=call: call(key, DATA) for label, call in calls.items()}
        paths: Any = fresh(FOLDER, COUNT)
    else:
        keys = [f"{FOLDER}/there-{index}" for index in range(COUNT)]
        for key in keys:
            floors.write_plain(root, key, DATA)
        paths = same(keys)
    clean = setting.remove if writing else None
    contenders = [Contender(label, _shared(pool, call), clean=clean) for label, call in calls.items()]
    result = without_loop(race(contenders, paths, setting.rounds(5, 60)))
    return section(f"4 KiB, 8 threads on one Store: {operation}", result, "os calls, guarded walk", {})
