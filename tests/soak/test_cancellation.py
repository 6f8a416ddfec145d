"""Cancelled operations leave nothing behind: CONTRACT 51, 110, DESIGN 4 and 5, issue "Done when"."""

from __future__ import annotations

import random
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from remote_store.aio import AsyncLocalBackend, AsyncMemoryBackend, AsyncStore, SyncBackendAdapter
from remote_store.backends import LocalBackend
from tests.soak.cancelling import cancelled_after, cancelled_at
from tests.soak.footprint import held
from tests.soak.operations import NEW, OLD, OPERATIONS, Bench, Operation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")

WAYS = [
    pytest.param(("asyncio", False), id="asyncio-scope"),
    pytest.param(("asyncio", True), id="asyncio-native"),
    pytest.param(("trio", False), id="trio-scope"),
]
COUNTS = [
    pytest.param(20, id="slice"),
    pytest.param(1000, id="full", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
]
BACKENDS = ["local", "memory", "lifted"]


def _bench(backend: str, folder: Path) -> Bench:
    source, root = folder / "source", folder / "root"
    source.write_bytes(NEW)
    if backend == "local":
        return Bench(AsyncStore(AsyncLocalBackend(str(root))), source, root)
    if backend == "lifted":
        return Bench(AsyncStore(SyncBackendAdapter(LocalBackend(str(root)))), source, root)
    return Bench(AsyncStore(AsyncMemoryBackend()), source, None)


async def _prepare(bench: Bench) -> None:
    """Put back what the last operation may have changed."""
    for key in ("new", "moved", "copied"):
        await bench.store.delete(key, missing_ok=True)
    await bench.store.write("old", OLD, overwrite=True)
    for name in "abc":
        await bench.store.write(f"folder/{name}", b"small", overwrite=True)


async def _once(bench: Bench, operation: Operation, number: int, usual: float, native: bool) -> None:
    """Cancel once: the even times at a suspension, the others after a part of the usual time."""
    await _prepare(bench)
    if operation.handle is not None:
        opened: Any = operation.handle(bench)
        bench.handle = await opened if hasattr(opened, "__await__") else opened
    before = held(bench.source.parent)
    run = partial(_run, operation, bench)
    if number % 2:
        await cancelled_after(run, random.uniform(0, usual * 1.2), native=native)
    else:
        await cancelled_at(run, number // 2 % 25 + 1, native=native)
    after = held(bench.source.parent)
    if after.beyond(before):  # the loop keeps the last error until its next step, and with it what was dropped
        await anyio.sleep(0)
        after = held(bench.source.parent, collect=True)
    assert after.beyond(before) == []
    assert after.hidden == []
    for key, contents in operation.may_hold.items():
        assert await bench.content(key) in contents, key
    if operation.handle is not None:
        closing = bench.handle.close() if hasattr(bench.handle, "close") else bench.handle.aclose()
        if hasattr(closing, "__await__"):
            await closing


async def _run(operation: Operation, bench: Bench) -> None:
    await operation.run(bench)


async def _usual(bench: Bench, operation: Operation) -> float:
    """How long the operation takes in seconds when nobody cancels it."""
    await _prepare(bench)
    if operation.handle is not None:
        return 0.004
    start = time.perf_counter()
    await operation.run(bench)
    return time.perf_counter() - start


async def _cancel_often(backend: str, operation: Operation, count: int, folder: Path, native: bool) -> None:
    bench = _bench(backend, folder)
    usual = await _usual(bench, operation)
    threads = held().threads
    for number in range(count):
        await _once(bench, operation, number, usual, native)
    await _prepare(bench)
    assert await bench.store.read_bytes("old") == OLD
    await bench.store.write("new", NEW)
    assert sorted([str(info.path) async for info in bench.store.list_files("")]) == ["new", "old"]
    await bench.store.aclose()
    assert held().threads <= threads  # those of servers that other tests have run may end meanwhile


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_cancelled_operations_leave_nothing(
    name: str, backend: str, way: tuple[str, bool], count: int, tmp_path: Path
) -> None:
    """CONTRACT 110: whenever it comes, no temporary file, descriptor or thread stays; a key is whole or as it was."""
    loop, native = way
    operation = OPERATIONS[name]
    if (name == "glob" and backend == "memory") or (operation.asyncio_only and loop != "asyncio"):
        pytest.skip("not declared there" if name == "glob" else "aiofiles runs on asyncio only")
    random.seed(f"{name} {backend} {way}")
    anyio.run(_cancel_often, backend, operation, count, tmp_path, native, backend=loop)
