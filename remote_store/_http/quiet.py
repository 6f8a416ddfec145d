"""The async generators of the HTTP library, closed by whoever uses them instead of by the loop's collector."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any, Generic, TypeAlias, TypeVar

__all__ = ["Born", "Watched", "close_all"]

T = TypeVar("T")

Born: TypeAlias = list[AsyncGenerator[Any, Any]]
"""Generators in the order in which they began: the outermost first."""


class Watched(Awaitable[T], Generic[T]):
    """Awaits something, and notes in `born` each async generator that begins meanwhile in this task.

    httpx stacks several generators on a body. Closing the outermost leaves the others to the collector, and trio
    warns about each (CONTRACT 111). The loop does not hear of these; `close_all` closes them in time.
    """

    def __init__(self, awaitable: Awaitable[T], born: Born) -> None:
        self._awaitable = awaitable
        self._born = born

    def __await__(self) -> Generator[Any, Any, T]:
        steps: Any = self._awaitable.__await__()
        step: Callable[[], Any] = lambda: steps.send(None)  # noqa: E731
        while True:
            try:
                waiting = self._taken(step)
            except StopIteration as end:
                result: T = end.value
                return result
            try:
                sent = yield waiting
            except BaseException as error:  # noqa: BLE001  # cancellation too goes to what is awaited
                step = lambda error=error: steps.throw(error)  # type: ignore[misc]  # noqa: E731
            else:
                step = lambda sent=sent: steps.send(sent)  # type: ignore[misc]  # noqa: E731

    def _taken(self, step: Callable[[], T]) -> T:
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(self._born.append, None)
        try:
            return step()
        finally:
            sys.set_asyncgen_hooks(*hooks)


async def close_all(born: Born) -> None:
    """Close generators, the outermost first; those that have ended cost nothing."""
    while born:
        await born.pop(0).aclose()
