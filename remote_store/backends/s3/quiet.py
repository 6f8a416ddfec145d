"""Async generators of the HTTP library that may be dropped half way without a word from the loop."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

__all__ = ["Quiet"]

T = TypeVar("T")


class Quiet(Awaitable[T], Generic[T]):
    """Awaits something; async generators that begin meanwhile, in this task, are not known to the loop.

    httpx stacks four generators on a body. Closing the outermost leaves the others to the collector, and trio warns
    about each (CONTRACT 111). What they hold, the connection, is closed by closing the response; nothing in them
    waits once that is done, so that Python's own way to end them is enough.
    """

    def __init__(self, awaitable: Awaitable[T]) -> None:
        self._awaitable = awaitable

    def __await__(self) -> Generator[Any, Any, T]:
        steps: Any = self._awaitable.__await__()
        step: Callable[[], Any] = lambda: steps.send(None)  # noqa: E731
        while True:
            try:
                waiting = _unhooked(step)
            except StopIteration as end:
                result: T = end.value
                return result
            try:
                sent = yield waiting
            except BaseException as error:  # noqa: BLE001  # cancellation too goes to what is awaited
                step = lambda error=error: steps.throw(error)  # type: ignore[misc]  # noqa: E731
            else:
                step = lambda sent=sent: steps.send(sent)  # type: ignore[misc]  # noqa: E731


def _unhooked(step: Callable[[], T]) -> T:
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return step()
    finally:
        sys.set_asyncgen_hooks(*hooks)
