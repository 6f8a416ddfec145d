"""Cells run on a face: on asyncio and on trio inside one loop, on the facade from a plain thread."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import anyio

from remote_store._core.errors import BackendUnavailable
from remote_store.backends.s3.backend import AsyncS3Backend
from remote_store.backends.s3.sync import S3Backend
from tests.faults.matrix.cells import LIMIT, Cell, Outcome, Scene, Verdict, judged, threads, timed
from tests.faults.matrix.operations import Bench, finish, finish_sync

__all__ = ["run"]

WARM_TRIES = 5
IDLE_SECONDS = 5.0
"""Within so many seconds of a backend's close the proxy must see all its connections closed."""


def run(scene: Scene, mode: str, cells: Iterable[Cell], note: Callable[[Verdict], None]) -> None:
    """Run cells of one mode and hand each verdict to `note`."""
    if mode == "facade":
        for cell in cells:
            note(_on_the_facade(scene, cell))
    else:
        anyio.run(partial(_in_a_loop, scene, cells, note), backend=mode)


async def _in_a_loop(scene: Scene, cells: Iterable[Cell], note: Callable[[Verdict], None]) -> None:
    for cell in cells:
        note(await _asynchronously(scene, cell))


async def _asynchronously(scene: Scene, cell: Cell) -> Verdict:
    folder, etag = scene.begin()
    proxy = scene.proxy(cell.row)
    proxy.script()
    tasks, idle, outcome = _tasks(), threads(), Outcome()
    backend = AsyncS3Backend(**scene.options(cell.row))
    scene.set_known(backend)
    if cell.row.warm:
        await _warmed(backend)
    proxy.script(*cell.row.makes(cell.verb, scene.url(cell, folder)))
    bench = Bench(backend, folder, etag, asynchronous=True)
    elapsed = timed()
    with anyio.move_on_after(LIMIT) as scope:
        try:
            outcome.value = await finish(cell.operation.call(bench), outcome.handed)
        except Exception as error:  # noqa: BLE001  # judged below
            outcome.error = error
    outcome.seconds, outcome.hung = elapsed(), scope.cancelled_caught
    decisions = proxy.log()
    proxy.script()
    if cell.row.mends:
        with anyio.move_on_after(LIMIT) as scope:
            try:
                used = await backend.read_bytes("shared/keep"), await backend.write("shared/after", b"", overwrite=True)
                outcome.after = "" if used[0] == b"keep" else "other bytes than stored"
            except Exception as error:  # noqa: BLE001  # told in the table
                outcome.after = f"{type(error).__name__}: {error}"[:300]
        outcome.after = "hangs" if scope.cancelled_caught else outcome.after
    await backend.aclose()
    await anyio.sleep(0)
    outcome.left = sorted((_tasks() - tasks) | (threads() - idle)) + _connections(proxy)
    return judged(scene, cell, folder, outcome, decisions)


async def _warmed(backend: AsyncS3Backend) -> None:
    """Use the connection that the fault will strike; a machine that is too busy even for this is given time."""
    for left in range(WARM_TRIES, -1, -1):
        try:
            await backend.read_bytes("shared/keep")
            return
        except BackendUnavailable:
            if not left:
                raise


def _on_the_facade(scene: Scene, cell: Cell) -> Verdict:
    folder, etag = scene.begin()
    proxy = scene.proxy(cell.row)
    proxy.script()
    idle, outcome = threads(), Outcome()
    backend = S3Backend(**scene.options(cell.row))
    scene.set_known(backend._async_backend)
    if cell.row.warm:
        backend._run(_warmed, backend._async_backend)
    proxy.script(*cell.row.makes(cell.verb, scene.url(cell, folder)))
    bench = Bench(backend, folder, etag, asynchronous=False)
    elapsed = timed()
    outcome.hung = _given_up(lambda: _note(outcome, lambda: finish_sync(cell.operation.call(bench), outcome.handed)))
    outcome.seconds = elapsed()
    decisions = proxy.log()
    proxy.script()
    if cell.row.mends:
        used = Outcome()
        hung = _given_up(
            lambda: _note(
                used, lambda: (backend.read_bytes("shared/keep"), backend.write("shared/after", b"", overwrite=True))
            )
        )
        if hung or used.error is not None or used.value[0] != b"keep":
            outcome.after = "hangs" if hung else f"{type(used.error).__name__}: {used.error}"[:300]
    backend.close()
    outcome.left = sorted(threads() - idle) + _connections(proxy)
    return judged(scene, cell, folder, outcome, decisions)


def _note(outcome: Outcome, call: Callable[[], Any]) -> None:
    try:
        outcome.value = call()
    except Exception as error:  # noqa: BLE001  # judged
        outcome.error = error


def _given_up(call: Callable[[], None]) -> bool:
    """Make a call in a thread of its own; return whether it did not come back."""
    thread = threading.Thread(target=call, daemon=True, name="ThreadPoolExecutor-of-the-matrix")
    thread.start()
    thread.join(LIMIT)
    return thread.is_alive()


def _connections(proxy: Any) -> list[str]:
    left = proxy.wait_idle(IDLE_SECONDS)
    return [f"{left} connections"] if left else []


def _tasks() -> set[str]:
    if "trio" in sys.modules and sys.modules["trio"].lowlevel.in_trio_task():
        statistics = sys.modules["trio"].lowlevel.current_statistics()
        return {f"trio task {number}" for number in range(statistics.tasks_living)}
    return {task.get_name() for task in asyncio.all_tasks()}
