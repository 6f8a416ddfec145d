"""Three ways to cancel an operation, each at a chosen suspension or after a chosen time."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import anyio

__all__ = ["cancelled_after", "cancelled_at"]

Operation = Callable[[], Coroutine[Any, Any, object]]


@types.coroutine
def _counting(
    coroutine: Coroutine[Any, Any, object], at: int, cancel: Callable[[], object]
) -> Generator[Any, Any, None]:
    """Run a coroutine and call `cancel` just before it suspends for the `at`-th time."""
    step: Callable[[], Any] = lambda: coroutine.send(None)  # noqa: E731  # rebound for each resumption
    count = 0
    while True:
        try:
            awaited = step()
        except StopIteration:
            return
        count += 1
        if count == at:
            cancel()
        try:
            value = yield awaited
        except BaseException as error:  # noqa: BLE001  # handed to the coroutine as it came
            step = lambda error=error: coroutine.throw(error)  # type: ignore[misc]  # noqa: E731
        else:
            step = lambda value=value: coroutine.send(value)  # type: ignore[misc]  # noqa: E731


async def cancelled_at(operation: Operation, suspension: int, *, native: bool) -> bool:
    """Cancel `operation` as it suspends for the n-th time; return whether it had got that far.

    `native` is asyncio's own `Task.cancel()`, else it is an anyio scope around the operation.
    """
    if not native:
        with anyio.CancelScope() as scope:
            await _counting(operation(), suspension, scope.cancel)
        return scope.cancel_called

    asked: list[bool] = []

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None
        await _counting(operation(), suspension, lambda: asked.append(task.cancel()))  # type: ignore[union-attr]

    await _ended(asyncio.create_task(run()))
    return bool(asked)


async def cancelled_after(operation: Operation, seconds: float, *, native: bool) -> None:
    """Cancel `operation` when so many seconds have gone by, wherever it is then."""
    if not native:
        with anyio.move_on_after(seconds):
            await operation()
        return

    async def run() -> None:
        await operation()

    task = asyncio.create_task(run())
    timer = asyncio.get_running_loop().call_later(seconds, task.cancel)
    await _ended(task)
    timer.cancel()


async def _ended(task: asyncio.Task[None]) -> None:
    try:
        await task
    except asyncio.CancelledError:
        pass
