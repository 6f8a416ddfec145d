"""A request whose answer must be heard: somebody who is cancelled meanwhile has to undo what it did."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

__all__ = ["heard"]


async def heard(call: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Make a call that keeps its result itself. If this is cancelled, the call has `seconds` more to come to its end.

    Then the cancellation goes on, and whoever asked looks at what has been kept.
    """
    failures: list[Exception] = []
    ended = anyio.Event()
    scope = anyio.CancelScope(shield=True)

    async def run() -> None:
        with scope:
            try:
                await call()
            except Exception as error:  # noqa: BLE001  # raised below, without an exception group around it
                failures.append(error)
        ended.set()

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        try:
            await ended.wait()
        except BaseException:
            scope.deadline = anyio.current_time() + seconds
            raise
    if failures:
        raise failures[0]
