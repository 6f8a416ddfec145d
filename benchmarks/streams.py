"""1 GiB in and out as a stream, with the memory that takes; each time in a fresh process.

Run as `python -m benchmarks.streams CONTENDER OPERATION ROOT BYTES`, it does one transfer and prints its figures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from statistics import median
from typing import Any

import anyio

from . import peers
from .report import Goal, Section, section
from .setting import Setting
from .timing import Race

BLOCK = 256 * 1024
PLAIN = "readinto / write loop"
SYNC, ASYNCIO, TRIO = "remote_store Store", "remote_store AsyncStore, asyncio", "remote_store AsyncStore, trio"
MEMORY_GOAL = 40.0
"""MiB beyond what the process had before the transfer."""

KEY = "stream.bin"


def run(setting: Setting) -> list[Section]:
    """Return a table for reading and one for writing."""
    setting.folder("small")
    size = (128 if setting.quick else 1024) * 1024 * 1024
    tables = []
    for operation in ("read", "write"):
        with open(os.path.join(setting.root, KEY), "wb") as file:
            file.writelines(_blocks(size))
        tables.append(_race(setting, operation, size))
        os.unlink(os.path.join(setting.root, KEY))
    return tables


def _race(setting: Setting, operation: str, size: int) -> Section:
    names = [name for name in CONTENDERS if not peers.missing(LIBRARY.get(name, "anyio"))]
    result, memory = Race(), {name: [] for name in names}  # type: ignore[var-annotated]
    for number in range(setting.rounds(2, 9) + 1):
        for name in names:
            figures = _measured(setting, name, operation, size)
            if number:
                result.add(name, figures["wall"], figures["cpu"])
                memory[name].append(figures["extra"] / 2**20)
    goals = {
        name: Goal(f"<= {limit} x the loop", limit, lambda one, name=name: one[name] / one[PLAIN])  # type: ignore[misc]
        for name, limit in ((SYNC, 1.15), (ASYNCIO, 1.3), (TRIO, 1.3))
    }
    notes = [
        f"peak extra memory of {name}: {median(extra):.1f} MiB" + _fate(name, median(extra))
        for name, extra in memory.items()
    ]
    return section(f"stream of {size >> 20} MiB: {operation}", result, PLAIN, goals, notes)


def _fate(name: str, extra: float) -> str:
    if not name.startswith("remote_store"):
        return ""
    return f" ({'yes' if extra <= MEMORY_GOAL else 'NO'}: <= {MEMORY_GOAL:.0f} MiB)"


def _measured(setting: Setting, name: str, operation: str, size: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.streams", name, operation, setting.root, str(size)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


# In the fresh process


def _blocks(size: int) -> Iterator[bytes]:
    block = b"x" * BLOCK
    for _ in range(size // BLOCK):
        yield block


async def _ablocks(size: int) -> AsyncIterator[bytes]:
    block = b"x" * BLOCK
    for _ in range(size // BLOCK):
        yield block


def _drain(file: Any) -> int:
    buffer, total = bytearray(BLOCK), 0
    while count := file.readinto(buffer):
        total += count
    return total


def _path(root: str, operation: str) -> str:
    return f"{root}/{KEY if operation == 'read' else 'new.bin'}"


def _mode(operation: str) -> str:
    return "rb" if operation == "read" else "wb"


def plain(root: str, operation: str, size: int) -> int:
    with open(_path(root, operation), _mode(operation), buffering=0) as file:
        return _drain(file) if operation == "read" else sum(map(file.write, _blocks(size)))


def ours(root: str, operation: str, size: int) -> int:
    from remote_store import Store
    from remote_store.backends import LocalBackend

    store = Store(LocalBackend(root))
    if operation == "write":
        return store.write("new.bin", _blocks(size)).size
    with store.read(KEY) as stream:
        return _drain(stream)


async def _ours_async(root: str, operation: str, size: int) -> int:
    from remote_store.aio import AsyncStore
    from remote_store.aio.backends import AsyncLocalBackend

    store = AsyncStore(AsyncLocalBackend(root))
    if operation == "write":
        return (await store.write("new.bin", _ablocks(size))).size
    total = 0
    async with store.read(KEY) as stream:
        async for chunk in stream:
            total += len(chunk)
    return total


async def _aiofiles(root: str, operation: str, size: int) -> int:
    import aiofiles

    async with aiofiles.open(_path(root, operation), _mode(operation)) as file:  # type: ignore[call-overload]
        return await _through(file, operation, size)


async def _anyio_file(root: str, operation: str, size: int) -> int:
    async with await anyio.open_file(_path(root, operation), _mode(operation)) as file:  # type: ignore[call-overload]
        return await _through(file, operation, size)


async def _through(file: Any, operation: str, size: int) -> int:
    total = 0
    if operation == "write":
        async for block in _ablocks(size):
            total += await file.write(block)
        return total
    while chunk := await file.read(BLOCK):
        total += len(chunk)
    return total


def _fsspec(root: str, operation: str, size: int) -> int:
    with peers.Fsspec(root).files.open(_path(root, operation), _mode(operation)) as file:
        return _drain(file) if operation == "read" else sum(map(file.write, _blocks(size)))


def _obstore(root: str, operation: str, size: int) -> int:
    peer = peers.Obstore(root)
    if operation == "write":
        peer.module.put(peer.store, "new.bin", _blocks(size))
        return size
    return sum(len(chunk) for chunk in peer.module.get(peer.store, KEY).stream(min_chunk_size=BLOCK))


def _looped(function: Callable[..., Awaitable[int]], loop: str) -> Callable[..., int]:
    return lambda *args: anyio.run(partial(function, *args), backend=loop)


CONTENDERS: dict[str, Callable[[str, str, int], int]] = {
    PLAIN: plain,
    SYNC: ours,
    ASYNCIO: _looped(_ours_async, "asyncio"),
    TRIO: _looped(_ours_async, "trio"),
    "aiofiles": _looped(_aiofiles, "asyncio"),
    "anyio.open_file": _looped(_anyio_file, "asyncio"),
    "fsspec local": _fsspec,
    "obstore LocalStore": _obstore,
}
LIBRARY = {TRIO: "trio", "aiofiles": "aiofiles", "fsspec local": "fsspec", "obstore LocalStore": "obstore"}


def _memory(field: str) -> int:
    """Return a figure of /proc/self/status in bytes; 0 on systems without it."""
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field))
    except FileNotFoundError:
        return 0


def main(name: str, operation: str, root: str, size: int) -> None:
    """Do one transfer; a small one goes before it, for the imports and the loop's start."""
    transfer = CONTENDERS[name]
    with open(f"{root}/small/{KEY}", "wb") as file:
        file.write(b"x" * BLOCK)
    transfer(f"{root}/small", operation, BLOCK)
    before = _memory("VmRSS")
    wall, cpu = time.perf_counter(), time.process_time()
    done = transfer(root, operation, size)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert done == size, (name, done)
    print(json.dumps({"wall": wall, "cpu": cpu, "extra": max(_memory("VmHWM") - before, 0)}))
    if operation == "write":
        os.unlink(f"{root}/new.bin")
        os.unlink(f"{root}/small/new.bin")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
