"""Several awaits at the same time whose first error is raised as it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence

import anyio

__all__ = ["Job", "together"]

Job = Callable[[], Awaitable[None]]


async def together(jobs: Iterator[Job] | Sequence[Job], limit: int) -> None:
    """Run jobs, at most `limit` at a time; an iterator is asked for a job when there is room for it.

    The first error cancels the others and is raised without an exception group around it.
    """
    waiting = iter(jobs)
    failures: list[Exception] = []

    async def worker() -> None:
        for job in waiting:
            try:
                await job()
            except Exception as error:  # noqa: BLE001  # raised below
                failures.append(error)
                group.cancel_scope.cancel()
                return

    async with anyio.create_task_group() as group:
        for _ in range(min(limit, len(jobs)) if isinstance(jobs, Sequence) else limit):
            group.start_soon(worker)
    if failures:
        raise failures[0]
