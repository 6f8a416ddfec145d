"""One deadline for an operation of several requests."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from .retrying import Retrier

__all__ = ["one_deadline"]

T = TypeVar("T")
P = ParamSpec("P")


class _Core(Protocol):
    @property
    def retrier(self) -> Retrier: ...


class _WithCore(Protocol):
    @property
    def _core(self) -> _Core: ...


S = TypeVar("S", bound=_WithCore)


def one_deadline(
    method: Callable[Concatenate[S, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Give all requests of an operation one deadline (DECISIONS 24); each has its own in what takes as long as it takes."""

    @functools.wraps(method)
    async def timed(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._core.retrier.operation():
            return await method(self, *args, **kwargs)

    return timed
